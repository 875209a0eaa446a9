# SPDX-License-Identifier: Apache-2.0
"""Clocks and statistics, the same code for every simulator. NumPy only, no spikesim."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

TRANSIENT_S = 0.1
"""Left out of the statistics, not of the timing."""


@dataclass
class Stopwatch:
    """CPU time of this process and wall time, by phase, in seconds.

    Use as ``with watch("build"): ...``.
    """

    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    _open: list[tuple[str, float, float]] = field(default_factory=list)

    def __call__(self, phase: str) -> Stopwatch:
        """Name the phase that the with statement times."""
        self._open.append((phase, 0.0, 0.0))
        return self

    def __enter__(self) -> Stopwatch:
        phase, _, _ = self._open.pop()
        self._open.append((phase, time.process_time(), time.perf_counter()))
        return self

    def __exit__(self, *_: object) -> None:
        phase, cpu, wall = self._open.pop()
        self.cpu[phase] = self.cpu.get(phase, 0.0) + time.process_time() - cpu
        self.wall[phase] = self.wall.get(phase, 0.0) + time.perf_counter() - wall


def peak_rss_mb(status: Path = Path("/proc/self/status")) -> float:
    """Largest resident memory of a process so far, in MB.

    Not from getrusage, which starts a child at the size of the parent that forked it.
    """
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no VmHWM line in {status}")


def activity(
    times: np.ndarray, neurons: np.ndarray, n: int, seconds: float
) -> tuple[float, float | None]:
    """Mean rate in Hz and mean CV of the intervals, transient left out.

    Parameters
    ----------
    times : float array, shape (spikes,), seconds
    neurons : int array, shape (spikes,)
        Values 0 to n - 1.
    n : int
    seconds : float
        Later spikes are left out, so that runs of unequal length compare at equal length.

    Returns
    -------
    rate_hz : float
    cv_isi : float or None
        Mean over neurons with at least three spikes; None without such a neuron.
    """
    # Half a tick of slack: a spike time is a rounded multiple of the tick.
    keep = (times > TRANSIENT_S - 1e-9) & (times < seconds - 1e-9)
    times, neurons = times[keep], neurons[keep]
    rate = len(times) / n / max(seconds - TRANSIENT_S, 1e-12)
    order = np.lexsort((times, neurons))
    times, neurons = times[order], neurons[order]
    same = neurons[1:] == neurons[:-1]
    gaps, owner = np.diff(times)[same], neurons[1:][same]
    count = np.bincount(owner, minlength=n)
    enough = count >= 2
    if not enough.any():
        return rate, None
    mean = np.bincount(owner, gaps, n)[enough] / count[enough]
    square = np.bincount(owner, gaps**2, n)[enough] / count[enough]
    return rate, float(np.mean(np.sqrt(np.maximum(square - mean**2, 0.0)) / mean))


def events(spikes: Mapping[str, int], out_degree: Mapping[str, float]) -> int:
    """Synaptic deliveries: spikes of each population times its synapses per neuron."""
    return round(sum(spikes[name] * out_degree[name] for name in out_degree))


def arguments(description: str | None, *, seconds: float) -> argparse.ArgumentParser:
    """Options that every script has."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=seconds, help="biological time")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def print_row(
    engine: str,
    *,
    watch: Stopwatch,
    seconds: float,
    syn_events: int,
    rate_hz: float,
    cv_isi: float | None,
    rss_mb: float | None = None,
    **more: Any,
) -> None:
    """Print the result of one run as one line of JSON, the last line of the output."""
    row = {
        "engine": engine,
        "seconds": seconds,
        "cpu_s": watch.cpu["run"],
        "wall_s": watch.wall["run"],
        "build_cpu_s": watch.cpu.get("build", 0.0),
        "compile_s": watch.wall.get("compile", 0.0),
        "syn_events": syn_events,
        "rate_hz": rate_hz,
        "cv_isi": cv_isi,
        "peak_rss_mb": peak_rss_mb() if rss_mb is None else rss_mb,
        **more,
    }
    print(json.dumps(row), flush=True)


def by_population(neurons: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Spikes of each of several populations whose neurons are numbered one after the other."""
    edges = np.concatenate([[0], np.cumsum(sizes)])
    counts: np.ndarray = np.histogram(neurons, edges)[0]
    return counts
