# SPDX-License-Identifier: Apache-2.0
"""Run the Verilated core and the golden model in lock step and compare every word.

Events, runs and read-out go through the core's own link, byte by byte; the words compared are
read from the model's memories after each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import DeviceError, ValidationError
from spikesim.hw.device.device import Device
from spikesim.hw.device.events import event_frames
from spikesim.hw.device.requests import run_request, write_requests
from spikesim.hw.generated import MARKER, MAX_COUNT, REPLIES, STEP_MASK, Command, Reg, Window
from spikesim.hw.golden import GoldenCore
from spikesim.hw.link.exchange import Request
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.program import Program
from spikesim.hw.rtl.model import RtlModel
from spikesim.hw.rtl.words import raw_weights, step_words, weight_words

Words = Mapping[str, npt.NDArray[Any]]
Raster = npt.NDArray[np.bool_]

# In the order in which a step makes them, so that the first difference names its cause.
PHASES = {
    "event_queue": "latch",
    "acc": "deliver",
    "i": "neuron",
    "v": "neuron",
    "refr": "neuron",
    "fired": "neuron",
    "count": "record",
    "spike_queue": "record",
    "step": "sequence",
    "last_cycles": "sequence",
    "total_cycles": "sequence",
    "chain": "deliver",
    "weights": "learn",
}


@dataclass(frozen=True)
class Divergence:
    """The first word in which core and golden model differ.

    Parameters
    ----------
    step : int
        The step after which they differ.
    phase, signal : str
        Part of the step that makes the word, and its name.
    index : tuple of int
        Where: (neuron,), (slot, neuron), or position in a queue; () for a single word.
    expected, got : int
        Golden and RTL value; -1 where a list is shorter.
    """

    step: int
    phase: str
    signal: str
    index: tuple[int, ...]
    expected: int
    got: int

    def __str__(self) -> str:
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return (
            f"step {self.step}, phase {self.phase}: {self.signal}{place} expected "
            f"{self.expected} (golden), got {self.got} (RTL)"
        )


@dataclass(frozen=True)
class LockstepReport:
    """What was compared.

    Parameters
    ----------
    steps, neuron_steps : int
        Volume.
    clocks : int
        Clock cycles simulated.
    divergence : Divergence or None
        The first difference; the run ends there.
    """

    steps: int
    neuron_steps: int
    clocks: int
    divergence: Divergence | None

    @property
    def equal(self) -> bool:
        """Whether no word differed."""
        return self.divergence is None


class Lockstep:
    """A Verilated core under its own driver, ready to step beside a golden model.

    Parameters
    ----------
    model : RtlModel
        Reused over many programs for the same core.
    """

    def __init__(self, model: RtlModel) -> None:
        self.model = model
        self._device = Device.open(InProcessTransport(model, "rtl"))

    def run(self, program: Program, raster: Raster, *, readable: bool = False) -> LockstepReport:
        """Load a program and compare every architectural word after each step.

        Parameters
        ----------
        program : Program
        raster : bool array, shape (steps, n_axons)
            Input spikes.
        readable : bool
            Compare with the readable golden model instead of the fast one.

        Returns
        -------
        LockstepReport
        """
        begin = self.model.clocks
        self._device.load(program, verify=True)
        self._device.session.burst(
            write_requests(Window.REG, Reg.CTRL.address, np.ones(1, np.uint16))
        )
        weights = raw_weights(self.model).copy()
        expected = _golden_weights(program)
        divergence = _compare(-1, {"weights": expected}, {"weights": weight_words(self.model)})
        golden = _readable_words(program, raster) if readable else _fast_words(program, raster)
        done = 0
        if divergence is None:
            for step, words in enumerate(golden):
                divergence = self._step(step, raster[step], words)
                done += 1
                if divergence is None and not np.array_equal(weights, raw_weights(self.model)):
                    now = {"weights": weight_words(self.model)}
                    divergence = _compare(step, {"weights": expected}, now)
                if divergence is not None:
                    break
        return LockstepReport(
            steps=done,
            neuron_steps=done * program.config.n_neurons,
            clocks=self.model.clocks - begin,
            divergence=divergence,
        )

    def _step(self, step: int, row: npt.NDArray[np.bool_], words: Words) -> Divergence | None:
        # Spikes of the step before, all of them, leave the queue first.
        requests = [Request(Command.SPIKES, b"\xff")] * _spike_frames(self.model)
        axons = np.flatnonzero(row).astype(np.int32)
        frames = event_frames(np.full(axons.size, step, np.int64), axons)
        requests += [Request(Command.EVENTS, frame) for frame in frames]
        requests.append(run_request(1))
        self._device.session.burst(requests)
        self.model.run_until(1 << 30, core_idle=True)
        return _compare(step, words, step_words(self.model))


def lockstep(program: Program, raster: Raster, *, readable: bool = False) -> LockstepReport:
    """Compare core and golden model over one program; see ``Lockstep.run``.

    Raises
    ------
    ToolchainError
        Verilator or a C++ compiler is missing.
    """
    raster = np.asarray(raster, bool)
    if raster.ndim != 2 or raster.shape[1] != program.config.n_axons:
        raise ValidationError(
            f"lockstep: expected a raster of shape (steps, {program.config.n_axons}), got "
            f"{raster.shape}"
        )
    return Lockstep(RtlModel(program.config)).run(program, raster, readable=readable)


def shrink(
    program: Program,
    raster: Raster,
    diverges: Callable[[Program, Raster], Divergence | None],
    *,
    tries: int = 400,
) -> tuple[Program, Raster, Divergence]:
    """Make a diverging case small: fewer steps, input spikes, segments and populations.

    Parameters
    ----------
    program, raster : Program and bool array, shape (steps, n_axons)
        A case that diverges.
    diverges : callable
        Gives the first divergence of a case, or None.
    tries : int
        Runs at most.

    Returns
    -------
    Program, bool array, Divergence
        The smallest case found and its divergence.

    Raises
    ------
    ValidationError
        The case given does not diverge.
    """
    found = diverges(program, raster)
    if found is None:
        raise ValidationError("shrink: expected a case that diverges, got one that does not")
    raster = raster[: found.step + 1]
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        for smaller_program, smaller_raster in _smaller(program, raster):
            left -= 1
            divergence = diverges(smaller_program, smaller_raster)
            if divergence is not None:
                program, found = smaller_program, divergence
                raster = smaller_raster[: found.step + 1]
                progress = True
                break
            if left <= 0:
                break
    return program, raster, found


def _smaller(program: Program, raster: Raster) -> Iterator[tuple[Program, Raster]]:
    """Cases with less in them, the largest cuts first."""
    spikes = np.argwhere(raster)
    for part in _cuts(len(spikes)):
        fewer = raster.copy()
        fewer[tuple(spikes[part].T)] = False
        yield program, fewer
    rows = np.flatnonzero(program.segments["valid"])
    for part in _cuts(rows.size):
        segments = program.segments.copy()
        segments["valid"][rows[part]] = 0
        yield replace(program, segments=segments), raster
    if program.populations.size > 1:
        populations = program.populations[:-1]
        end = (int(populations["last"][-1]) + 1) * program.config.lanes
        groups = {k: g for k, g in program.groups.items() if g[0] + g[1] <= end}
        outputs = tuple(name for name in program.outputs if name in groups)
        try:
            yield (
                replace(program, populations=populations, groups=groups, outputs=outputs),
                raster,
            )
        except ValidationError:
            # Neurons that other tables need: this cut is no program.
            return


def _cuts(n: int) -> Iterator[slice]:
    """Halves, quarters, … single items of a list of n, at most 16 pieces of each size."""
    size = n
    while size > 1 or (size == 1 and n >= 1):
        for begin in list(range(0, n, size))[:16]:
            yield slice(begin, begin + size)
        if size == 1:
            return
        size = -(-size // 2)


# --- the two golden models as streams of words ----------------------------------------------------


def _fast_words(program: Program, raster: Raster) -> Iterator[Words]:
    from spikesim.hw.golden.fast import run_batch

    batch = run_batch(program, raster[None], record=("spikes", "cycles", "state"))
    if batch.spikes is None or batch.cycles is None:
        raise DeviceError("golden: expected spikes and cycles, got none")
    n = program.config.n_neurons
    counts = np.zeros(n, np.int64)
    recorded = np.zeros(n, bool)
    for record in program.populations[program.populations["record"] == 1]:
        lanes = program.config.lanes
        recorded[record["first"] * lanes : (record["last"] + 1) * lanes] = True
    total = 0
    for step in range(raster.shape[0]):
        fired = np.flatnonzero(batch.spikes[0, step])
        counts[fired] = np.minimum(counts[fired] + 1, MAX_COUNT)
        cycles = int(batch.cycles[0, step])
        total += cycles
        kept = fired[recorded[fired]]
        queue = np.concatenate(([MARKER | step & STEP_MASK], kept)) if kept.size else kept
        history = {name: values[0, step] for name, values in batch.history.items()}
        yield history | {
            "count": counts,
            "fired": fired,
            "spike_queue": queue,
            "event_queue": np.zeros(0, np.int64),
            "step": np.array(step + 1),
            "last_cycles": np.array(cycles),
            "total_cycles": np.array(total),
        }


def _readable_words(program: Program, raster: Raster) -> Iterator[Words]:
    core = GoldenCore(program.config)
    core.load(program)
    for step in range(raster.shape[0]):
        core.take_spikes()
        core.queue(step, [int(a) for a in np.flatnonzero(raster[step])])
        core.step()
        words = core.words()
        # Compared once before the run and then with a copy of the RTL's own.
        words.pop("weights")
        yield words


def _golden_weights(program: Program) -> npt.NDArray[np.int64]:
    weights = np.zeros((program.config.weight_words, program.config.lanes), np.int64)
    weights[: program.weights.shape[0]] = program.weights
    return weights


def _spike_frames(model: RtlModel) -> int:
    return -(-model.signals()["spk_level"] // REPLIES[Command.SPIKES].most)


def _compare(step: int, expected: Words, got: Words) -> Divergence | None:
    for name, phase in PHASES.items():
        if name not in expected or np.array_equal(expected[name], got[name]):
            continue
        one, other = np.atleast_1d(expected[name]), np.atleast_1d(got[name])
        if one.shape != other.shape:
            size = max(one.size, other.size)
            one = np.pad(one, (0, size - one.size), constant_values=-1)
            other = np.pad(other, (0, size - other.size), constant_values=-1)
        at = tuple(int(k) for k in np.argwhere(one != other)[0])
        place = at if expected[name].ndim else ()
        return Divergence(step, phase, name, place, int(one[at]), int(other[at]))
    return None
