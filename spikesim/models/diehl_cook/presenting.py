# SPDX-License-Identifier: Apache-2.0
"""Images shown one after another to a network that learns, or to one that has learned."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikesim.models.diehl_cook.network import (
    EXC,
    INPUT,
    LEARNING,
    RELAXES,
    DigitNetwork,
    Learned,
)
from spikesim.sim import Poisson, Simulator
from spikesim.units import ms, to_ticks

SHOWN, REST = 350 * ms, 150 * ms
"""How long an image is shown, and the silence after it."""
MIN_SPIKES = 5
"""Excitatory spikes below which an image is shown again, brighter."""
_MOST_SHOWN = 30
"""Presentations of one image after which it is given up: an empty one never makes spikes."""
_KEPT = ("v", "theta", "theta_rest")

Counts = npt.NDArray[np.int64]


class Presenter:
    """A running network to which images are shown.

    Parameters
    ----------
    model : DigitNetwork
    seed : int
        Of start weights, delays and random inputs.
    learned : Learned, optional
        Weights and thresholds to keep fixed; without, the network learns.
    rest : {"skipped", "run"}
        Whether the silence after an image is left out, with membranes, thresholds and traces
        decayed as they would, or simulated as published.
    resume : bytes, optional
        What ``save`` gave.

    Attributes
    ----------
    shown : int
        Presentations so far, repeated ones included.
    """

    def __init__(
        self,
        model: DigitNetwork,
        seed: int = 0,
        learned: Learned | None = None,
        *,
        rest: Literal["skipped", "run"] = "skipped",
        resume: bytes | None = None,
    ) -> None:
        self.model, self.rest, self.learning = model, rest, learned is None
        self.shown = 0
        self._shown_ticks = to_ticks(SHOWN, model.dt, "presentation")
        self._rest_ticks = to_ticks(REST, model.dt, "rest")
        simulator = Simulator(model.network(seed, learned))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "session"
            if resume is not None:
                path.write_bytes(resume)
            self.session = simulator.start(
                {INPUT: Poisson(np.zeros(model.n_in))}, record=(), seed=seed,
                resume=path if resume is not None else None,
            )  # fmt: skip

    def show(self, image: npt.ArrayLike) -> Counts:
        """Show one image until it makes enough spikes; gives the spikes of each neuron.

        Parameters
        ----------
        image : float array of n_in elements, 0 to 1
            White is 63.75 Hz, and 31.875 Hz more at each further try.
        """
        pixels = np.asarray(image, dtype=np.float64).ravel()
        for attempt in range(_MOST_SHOWN):
            counts = self._present(pixels * (255.0 / 8.0 * (2 + attempt)))
            if counts.sum() >= MIN_SPIKES:
                break
        return counts

    def learned(self) -> Learned:
        """Weights and thresholds as they are now."""
        rows = self.session.weights(LEARNING)
        # All pairs are there, sorted by target, so the rows are a matrix.
        weights = rows.weights.reshape(self.model.n_in, self.model.n)
        return Learned(weights, self.session.neurons[EXC]["theta"].copy())

    def save(self) -> bytes:
        """State after an image, from which an equal presenter goes on."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "session"
            self.session.save(path)
            return path.read_bytes()

    def _present(self, rates_hz: npt.NDArray[np.float64]) -> Counts:
        if self.learning and self.model.norm:
            self.session.normalize(LEARNING, self.model.norm)
        self.session.set_inputs({INPUT: Poisson(rates_hz)})
        before = self.session.counts(EXC)
        self.session.advance(self._shown_ticks)
        if self.session.interrupted:
            raise KeyboardInterrupt  # half an image is no presentation
        counts = self.session.counts(EXC) - before
        self.shown += 1
        self._rest()
        return counts

    def _rest(self) -> None:
        if self.rest == "run":
            self.session.set_inputs({INPUT: Poisson(0.0)})
            self.session.advance(self._rest_ticks)
            if self.session.interrupted:
                raise KeyboardInterrupt
            return
        ticks, dt = self._rest_ticks, self.model.dt
        self.session.pause(ticks, keep=_KEPT)
        # From where each membrane is: put to one value, cells that have not learned yet would
        # fire in the same tick.
        for name, (v_rest, tau_mem) in RELAXES.items():
            v = self.session.neurons[name]["v"]
            v[:] = v_rest + (v - v_rest) * np.exp(-ticks * dt / tau_mem)
        if self.learning:
            for name in ("theta", "theta_rest"):
                self.session.neurons[EXC][name] *= np.exp(-ticks * dt / self.model.tau_theta)
