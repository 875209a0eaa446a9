# SPDX-License-Identifier: Apache-2.0
"""Run a network in floating point."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import Recording, SpikeTrains, stream
from spikesim.errors import ValidationError
from spikesim.kernels.clocked import advance
from spikesim.network import Network
from spikesim.sim.choice import kernel_name
from spikesim.sim.inputs import CHUNK_TICKS, InputEvents, resolve_inputs
from spikesim.sim.layout import Layout, build_layout
from spikesim.sim.monitor import Monitors, neuron_index, parse_record
from spikesim.sim.state import State

_log = logging.getLogger(__name__)

# Spikes that a window may hold at most (16 MB). A window runs in compiled code as a whole.
_WINDOW_SPIKES = 1 << 22
_WINDOW_TICKS = 64 * CHUNK_TICKS

Progress = bool | Callable[[int, int], None]


def simulate(
    net: Network,
    inputs: Mapping[str, Any],
    steps: int,
    *,
    record: Iterable[str] | str = ("spikes",),
    seed: int = 0,
    progress: Progress = False,
    threads: int = 1,
    dtype: str = "float64",
) -> Recording:
    """Run a network for some ticks from its initial state.

    The result depends on the network, the inputs and the seed only, not on ``threads`` or
    on how often it is run.

    Parameters
    ----------
    net : Network
    inputs : mapping of str to SpikeTrains, bool array of shape (<= steps, n), or Poisson
        Spikes of each input; silent after its own end, and when left out.
    steps : int
        Ticks to run, >= 0.
    record : iterable of str
        ``"spikes"`` (all populations), ``"population.v"``, ``"population.i"``; states are
        kept as they stand at the end of each tick.
    seed : int
        Seed of the Poisson inputs.
    progress : bool or callable
        True logs at level INFO; a callable gets (ticks done, steps).
    threads : int
        Upper limit of threads. This kernel uses one (see ``explain``).
    dtype : {"float64", "float32"}
        Type of state and parameters; weights are float32 in either case.

    Returns
    -------
    Recording
        With engine "numba"; ``meta`` holds seed, dtype, kernel, and synaptic events.

    Raises
    ------
    ValidationError
        With every problem of network, inputs and options.

    Examples
    --------
    Three spikes of weight 0.75 without leak, threshold 1, and a soft reset.

    >>> from spikesim.core import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_input("in", 1)
    >>> _ = net.add_population("out", 1, LIF(beta=1.0, v_th=1.0, reset="soft"))
    >>> _ = net.connect("in", "out", [[0.75]])
    >>> recording = simulate(net, {"in": [[1], [1], [1]]}, 4, record=("spikes", "out.v"))
    >>> recording.raster("out")[:, 0].tolist()
    [False, True, True, False]
    >>> recording.traces["out.v"][:, 0].tolist()
    [0.75, 0.5, 0.25, 0.25]
    """
    problems: list[str] = []
    try:
        simulator = Simulator(net, dtype=dtype)
    except ValidationError as error:
        problems += error.problems
        problems += _check_run(net, inputs, steps, record, seed, threads)[2]
        raise ValidationError(problems) from None
    return simulator.run(
        inputs, steps, record=record, seed=seed, progress=progress, threads=threads
    )


class Simulator:
    """A network made ready to run many times; each run starts from the initial state.

    Parameters
    ----------
    net : Network
        Read once; later changes to it have no effect.
    dtype : {"float64", "float32"}
        Type of state and parameters.

    Raises
    ------
    ValidationError
        With every problem of the network.
    """

    def __init__(self, net: Network, *, dtype: str = "float64") -> None:
        self.net = net
        self.layout = build_layout(net, dtype)

    def run(
        self,
        inputs: Mapping[str, Any],
        steps: int,
        *,
        record: Iterable[str] | str = ("spikes",),
        seed: int = 0,
        progress: Progress = False,
        threads: int = 1,
    ) -> Recording:
        """Run once; arguments, result and errors are those of ``simulate``."""
        monitors, events, problems = _check_run(self.net, inputs, steps, record, seed, threads)
        if monitors is None or events is None or problems:
            raise ValidationError(problems)
        run = _Run(self.net, self.layout, monitors, int(steps))
        run.advance_to_end(events, _reporter(progress))
        return run.recording(seed=int(seed), threads=1)


def _check_run(
    net: Network,
    inputs: Mapping[str, Any],
    steps: int,
    record: Iterable[str] | str,
    seed: int,
    threads: int,
) -> tuple[Monitors | None, InputEvents | None, list[str]]:
    problems = _option_problems(steps, seed, threads)
    judged = not problems
    monitors = events = None
    try:
        monitors = parse_record(net, record)
    except ValidationError as error:
        problems += error.problems
    try:
        # With steps that make no sense the lengths of the inputs cannot be judged.
        events = resolve_inputs(net, inputs, steps, seed) if judged else None
    except ValidationError as error:
        problems += error.problems
    return monitors, events, problems


def _option_problems(steps: int, seed: int, threads: int) -> list[str]:
    problems = []
    for name, value, low in (("steps", steps, 0), ("threads", threads, 1)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or value < low:
            problems.append(f"simulate: expected {name} as an integer >= {low}, got {value!r}")
    try:
        stream(seed)
    except ValidationError as error:
        problems += error.problems
    return problems


def _reporter(progress: Progress) -> Callable[[int, int], None]:
    if callable(progress):
        return progress
    if progress:
        return lambda done, steps: _log.info("simulated %d of %d ticks", done, steps)
    return lambda done, steps: None


class _Run:
    """One run: its state and what it has recorded so far."""

    def __init__(self, net: Network, layout: Layout, monitors: Monitors, steps: int) -> None:
        self.net, self.layout, self.monitors, self.steps = net, layout, monitors, steps
        self.state = State.initial(layout)
        self.events = 0
        dtype = layout.v_init.dtype
        ranges = dict(layout.populations)
        self.v_index = neuron_index(monitors.v, ranges)
        self.i_index = neuron_index(monitors.i, ranges)
        self.v_trace = np.zeros((steps, self.v_index.size), dtype=dtype)
        self.i_trace = np.zeros((steps, self.i_index.size), dtype=dtype)
        self.ticks: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
        self.neurons: list[npt.NDArray[np.int32]] = [np.zeros(0, np.int32)]

    def advance_to_end(self, inputs: InputEvents, report: Callable[[int, int], None]) -> None:
        n = max(self.layout.n_neurons, 1)
        window = max(1, min(_WINDOW_TICKS, _WINDOW_SPIKES // n, max(self.steps, 1)))
        spikes = np.zeros(window * n, dtype=np.int32)
        flags = np.zeros(n, dtype=np.uint8)
        for start in range(0, self.steps, window):
            stop = min(start + window, self.steps)
            self._advance(inputs, start, stop, spikes, flags)
            report(stop, self.steps)

    def _advance(
        self,
        inputs: InputEvents,
        start: int,
        stop: int,
        spikes: npt.NDArray[np.int32],
        flags: npt.NDArray[np.uint8],
    ) -> None:
        layout, state = self.layout, self.state
        event_start, event_source = inputs.window(start, stop)
        spike_start = np.zeros(stop - start + 1, dtype=np.int64)
        n_fired, events = advance(
            start,
            stop - start,
            layout.n_inputs,
            event_start,
            event_source,
            layout.indptr,
            layout.targets,
            layout.weights,
            layout.offsets,
            layout.direct,
            layout.bounds,
            layout.modes,
            layout.params,
            layout.refractory_ticks,
            state.v,
            state.i,
            state.refr,
            state.ring,
            flags,
            state.fired,
            state.n_fired,
            spike_start,
            spikes,
            self.v_index,
            self.v_trace[start:stop],
            self.i_index,
            self.i_trace[start:stop],
        )
        state.n_fired, state.tick = int(n_fired), stop
        self.events += int(events)
        if self.monitors.spikes:
            self.ticks.append(np.repeat(np.arange(start, stop), np.diff(spike_start)))
            self.neurons.append(spikes[: spike_start[-1]].copy())

    def recording(self, **meta: Any) -> Recording:
        ticks, neurons = np.concatenate(self.ticks), np.concatenate(self.neurons)
        spikes = {}
        for name, (lo, hi) in self.layout.populations.items() if self.monitors.spikes else ():
            mine = (neurons >= lo) & (neurons < hi)
            spikes[name] = SpikeTrains(ticks[mine], neurons[mine] - lo, hi - lo, self.steps)
        traces = {}
        for variable, populations, kept in (
            ("v", self.monitors.v, self.v_trace),
            ("i", self.monitors.i, self.i_trace),
        ):
            column = 0
            for name in populations:
                n = self.net.populations[name].n
                traces[f"{name}.{variable}"] = kept[:, column : column + n].copy()
                column += n
        meta |= {
            "dtype": str(self.layout.v_init.dtype),
            "kernel": kernel_name(self.layout),
            "events": self.events,
        }
        return Recording(spikes, traces, self.steps, self.net.dt, "numba", meta)
