# SPDX-License-Identifier: Apache-2.0
"""Run a model with several seeds and put what comes out beside what was published."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from spikesim.analysis import mean_cv, mean_rates
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.recording import Recording
from spikesim.units import to_ticks


class Model(Protocol):
    """A network from a paper."""

    def network(self, seed: int = 0) -> Network:
        """Build the network."""
        ...

    def inputs(self, seed: int = 0) -> Mapping[str, Any]:
        """Give what drives it, for ``simulate``."""
        ...


@dataclass(frozen=True)
class Reference:
    """A published number, and how far from it we may be.

    Parameters
    ----------
    name : str
        Of the measured quantity.
    value : float
        As published.
    low, high : float
        Accepted range of our mean over seeds.
    source : str
        Where it is published.

    Examples
    --------
    >>> Reference.within("rate", 20.0, 0.05, "table 1")
    Reference(name='rate', value=20.0, low=19.0, high=21.0, source='table 1')
    """

    name: str
    value: float
    low: float
    high: float
    source: str

    @classmethod
    def within(cls, name: str, value: float, relative: float, source: str) -> Reference:
        """Accept a relative difference."""
        spread = abs(value) * relative
        return cls(name, value, value - spread, value + spread, source)

    def met(self, measured: float) -> bool:
        """Whether a measured value is accepted; nothing accepts a NaN."""
        return bool(self.low <= measured <= self.high)


def run(
    model: Model, seconds: float, *, seed: int = 0, threads: int = 1, dtype: str = "float32"
) -> Recording:
    """Build and run a model, and keep its spikes.

    Parameters
    ----------
    model : Model
    seconds : float
        A multiple of the model's dt.
    seed : int
        Of connectivity, initial state and random inputs.
    threads, dtype
        As in ``simulate``; threads do not change the result.

    Raises
    ------
    ValidationError
        As ``simulate``.
    """
    from spikesim.sim import simulate  # compiles kernels, which describing a model does not need

    net = model.network(seed)
    steps = to_ticks(seconds, net.dt, "seconds")
    return simulate(net, model.inputs(seed), steps, seed=seed, threads=threads, dtype=dtype)


def after(
    recording: Recording, discard_s: float, stop_s: float | None = None
) -> dict[str, SpikeTrains]:
    """Spikes by population, without the transient at the start and what comes after ``stop_s``.

    Raises
    ------
    ValidationError
        If nothing is left.
    """
    dt = recording.dt
    start = to_ticks(discard_s, dt, "discard_s")
    stop = recording.stop if stop_s is None else to_ticks(stop_s, dt, "stop_s")
    if not recording.start <= start < stop <= recording.stop:
        raise ValidationError(
            "comparison: expected a window within the record, which goes from "
            f"{recording.start * dt:g} to {recording.stop * dt:g} s, got {discard_s:g} s to "
            f"{stop * dt:g} s; run longer"
        )
    return {name: trains.window(start, stop) for name, trains in recording.spikes.items()}


def together(populations: Mapping[str, SpikeTrains]) -> SpikeTrains:
    """Spikes of several populations as those of one, numbered in the order given.

    Examples
    --------
    >>> one = SpikeTrains([1], [0], n=2, steps=3)
    >>> together({"a": one, "b": one}).index.tolist()
    [0, 2]
    """
    parts = list(populations.values())
    first = np.cumsum([0, *(part.n for part in parts)])
    return SpikeTrains(
        np.concatenate([part.ticks for part in parts]),
        np.concatenate([part.index + lo for part, lo in zip(parts, first, strict=False)]),
        int(first[-1]),
        parts[0].steps,
        parts[0].start,
    )


def rate_and_cv(trains: SpikeTrains, dt: float) -> dict[str, float]:
    """Mean rate of all neurons, and mean CV of those with at least three spikes."""
    return {"rate": float(mean_rates(trains, dt).mean()), "cv": mean_cv(trains)}


def synchrony(trains: SpikeTrains, dt: float, bin_s: float = 1e-3) -> float:
    """Relative fluctuation of the global rate beyond that of independent Poisson neurons.

    With K the spikes of all neurons in a bin, ``sqrt(var K - mean K) / mean K``: 0 for
    independent Poisson trains of any number of neurons, about 1 for a rate that oscillates
    down to 0, larger for volleys.

    Raises
    ------
    ValidationError
        If the bin is no multiple of dt.

    Examples
    --------
    >>> volleys = SpikeTrains([0, 0, 4, 4], [0, 1, 0, 1], n=2, steps=8)
    >>> synchrony(volleys, dt=1.0, bin_s=4.0), synchrony(volleys, dt=1.0, bin_s=2.0)
    (0.0, 0.0)
    """
    ticks = to_ticks(bin_s, dt, "bin_s")
    bins = trains.steps // ticks
    counts = np.bincount((trains.ticks - trains.start) // ticks, minlength=bins)[:bins]
    mean = float(counts.mean())
    return float(np.sqrt(max(counts.var() - mean, 0.0)) / mean) if mean else 0.0


def over_seeds(
    measure: Callable[[int], Mapping[str, float]], seeds: Iterable[int]
) -> dict[str, list[float]]:
    """Collect each measured quantity over seeds."""
    collected: dict[str, list[float]] = {}
    for seed in seeds:
        for name, value in measure(seed).items():
            collected.setdefault(name, []).append(float(value))
    return collected


def table(
    measured: Mapping[str, Sequence[float]], references: Iterable[Reference] = ()
) -> tuple[str, bool]:
    """Lines that compare, and whether every reference is met.

    Parameters
    ----------
    measured : mapping of str to values over seeds
        Quantities without a reference are listed too.
    references : iterable of Reference
        Those of quantities that were not measured are left out.

    Examples
    --------
    >>> text, met = table({"rate": [19.0, 20.0]}, [Reference.within("rate", 20.0, 0.1, "fig. 1")])
    >>> print(text)
    quantity            ours                published  accepted            source
    rate                19.5 ± 0.71         20         18 to 22       met  fig. 1
    >>> met
    True
    """
    known = {reference.name: reference for reference in references}
    lines = [f"{'quantity':<20}{'ours':<20}{'published':<11}{'accepted':<15}     source"]
    met = True
    for name, values in measured.items():
        finite = [value for value in values if np.isfinite(value)]
        mean = float(np.mean(finite)) if len(finite) == len(values) else float("nan")
        spread = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
        line = f"{name:<20}{f'{mean:.4g}{spread}':<20}"
        reference = known.get(name)
        if reference is not None:
            good = reference.met(mean)
            met = met and good
            accepted = f"{reference.low:.3g} to {reference.high:.3g}"
            line += f"{reference.value:<11.4g}{accepted:<15}{'met' if good else 'NOT':<5}"
            line += reference.source
        lines.append(line.rstrip())
    return "\n".join(lines), met


def arguments(
    description: str | None, *, seconds: float, seeds: Iterable[int] = (1, 2, 3)
) -> argparse.ArgumentParser:
    """Options that every model understands."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=seconds, help="biological time")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="write a picture (PNG) of the first seed's activity here")
    return parser


def say(text: str) -> None:
    """Write a line for the user of a program."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def draw(
    populations: Mapping[str, SpikeTrains], dt: float, path: str | os.PathLike[str], **how: Any
) -> None:
    """Write a picture of activity; ``how`` goes to ``viz.activity``."""
    from spikesim.viz.activity import activity
    from spikesim.viz.style import save_png

    save_png(activity(populations, dt, **how), path)
