# SPDX-License-Identifier: Apache-2.0
"""Run the Verilated core and the golden model in lock step and compare every word.

Events, runs and read-out go through the core's own link, byte by byte; the words compared are
read from the model's memories after each step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.hw.device.device import Device
from spikesim.hw.device.events import event_frames
from spikesim.hw.device.requests import run_request, write_requests
from spikesim.hw.generated import REPLIES, Command, Reg, Window
from spikesim.hw.golden.words import Raster, Words, fast_words, golden_weights, readable_words
from spikesim.hw.link.exchange import Request
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.program import Program
from spikesim.hw.rtl.model import RtlModel
from spikesim.hw.rtl.words import raw_weights, step_words, weight_words

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
        expected = golden_weights(program)
        divergence = _compare(-1, {"weights": expected}, {"weights": weight_words(self.model)})
        golden = readable_words(program, raster) if readable else fast_words(program, raster)
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
