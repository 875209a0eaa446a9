# SPDX-License-Identifier: Apache-2.0
"""The core in plain Python integers: the specification in code.

Follows ``docs/design/tick.md``, ``arithmetic.md`` and ``image.md`` line by line and shares
nothing with the compiler, the fast model or the Verilog but the numbers of ``core.toml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.fixed import decay, sat_add, saturate, shift_left
from spikesim.hw.generated import (
    CYCLES_POP,
    CYCLES_SEGMENT,
    CYCLES_SOURCE,
    CYCLES_STEP,
    MARKER,
    MAX_CHAIN,
    MAX_COUNT,
    STEP_MASK,
    ResetMode,
)
from spikesim.hw.golden.memory import CoreMemories, Entry


@dataclass(frozen=True)
class StepResult:
    """What one step did.

    Attributes
    ----------
    step : int
        The step that ran, ticks.
    fired : list of int
        Neurons that fired, ascending.
    cycles : int
        Clock cycles the core spends on it.
    spike_words : list of int
        Words that the step added to the spike queue.
    """

    step: int
    fired: list[int]
    cycles: int
    spike_words: list[int]


class GoldenCore(CoreMemories):
    """One core: its memories (``CoreMemories``) and what a step does with them.

    Parameters
    ----------
    config : CoreConfig

    Examples
    --------
    >>> from spikesim.hw.config import CoreConfig
    >>> core = GoldenCore(CoreConfig.default())
    >>> core.step().cycles == CYCLES_STEP
    True
    """

    # --- queues -------------------------------------------------------------------------------

    def queue(self, step: int, axons: Sequence[int]) -> None:
        """Queue input spikes of one step: a marker, then the axons, ascending."""
        if axons:
            self.queue_events(MARKER | (step & STEP_MASK), *axons)

    def queue_events(self, *words: int) -> None:
        """Append raw words to the event queue.

        Raises
        ------
        ValidationError
            If there is no room for all of them; then none is queued.
        """
        if len(words) > self.event_free:
            raise ValidationError(
                f"golden core: expected at most {self.event_free} words for the event queue, got "
                f"{len(words)}; run the queued steps first"
            )
        self.event_queue.extend(int(word) for word in words)

    @property
    def event_free(self) -> int:
        """Free words of the event queue."""
        return self.config.event_queue - len(self.event_queue)

    @property
    def ready(self) -> bool:
        """Whether a recorded step may start: N + 1 words of the spike queue are free."""
        free = self.config.spike_queue - len(self.spike_queue)
        return free >= self.config.n_neurons + 1

    def take_spikes(self, limit: int | None = None) -> list[int]:
        """Take up to ``limit`` words (all by default) off the spike queue."""
        n = len(self.spike_queue) if limit is None else min(limit, len(self.spike_queue))
        return [self.spike_queue.popleft() for _ in range(n)]

    # --- the tick -----------------------------------------------------------------------------

    def step(self, record: bool = True) -> StepResult:
        """Run one step.

        Parameters
        ----------
        record : bool
            Bit 0 of register CTRL: spikes of recorded populations go to the spike queue.

        Raises
        ------
        ValidationError
            If a recorded step may not start because the spike queue is too full.
        """
        if record and not self.ready:
            raise ValidationError(
                f"golden core: step {self.next_step} waits for {self.config.n_neurons + 1} free "
                "words in the spike queue; call take_spikes first"
            )
        t = self.next_step
        cycles = CYCLES_STEP
        # 1. Latch
        sources = self._latch_events(t) + [self.config.n_axons + j for j in self.fired]
        # 2. Deliver
        for source in sources:
            cycles += CYCLES_SOURCE + self._deliver(source, t)
        # 3. Neuron
        fired: list[int] = []
        recorded: list[int] = []
        for population in self._valid_populations():
            neurons = self._neurons(population)
            spikes = [j for j in neurons if self._update_neuron(j, population, t)]
            fired += spikes
            recorded += spikes if population["record"] else []
            cycles += CYCLES_POP + len(neurons)
        # 5. Record
        for j in fired:
            self.count[j] = min(self.count[j] + 1, MAX_COUNT)
        words = [MARKER | (t & STEP_MASK), *recorded] if record and recorded else []
        self.spike_queue.extend(words)
        self.fired = fired
        self.next_step = (t + 1) & 0xFFFF_FFFF
        self.last_cycles = cycles
        self.total_cycles = (self.total_cycles + cycles) & 0xFFFF_FFFF_FFFF
        return StepResult(t, list(fired), cycles, words)

    def _latch_events(self, t: int) -> list[int]:
        """Take the axons of step t off the event queue."""
        axons = []
        while self.event_queue and self.event_queue[0] == MARKER | (t & STEP_MASK):
            self.event_queue.popleft()
            while self.event_queue and not self.event_queue[0] & MARKER:
                axons.append(self.event_queue.popleft())
        return axons

    def _deliver(self, source: int, t: int) -> int:
        """Add the row of one source to the ring; gives the cycles of its segments."""
        segment = self.segments[source]
        if not segment["valid"]:
            return 0
        cycles = 0
        lanes = self.config.lanes
        for _ in range(MAX_CHAIN):
            slot = self.acc[(t + segment["delay"]) % self.config.delay_slots]
            n_groups = segment["count"] + 1
            for k in range(n_groups):
                word = self.weights[segment["base"] + k]
                for lane in range(lanes):
                    j = (segment["first"] + k) * lanes + lane
                    slot[j] = sat_add(slot[j], word[lane], self.config.acc_bits)
            cycles += CYCLES_SEGMENT + n_groups
            if not segment["more"]:
                return cycles
            segment = self.segments[segment["next"]]
        self.chain_flag = True
        return cycles

    def _update_neuron(self, j: int, population: Entry, t: int) -> bool:
        """One neuron, one tick; gives whether it fires."""
        bits = self.config.state_bits
        param = self.params[j]
        slot = self.acc[t % self.config.delay_slots]
        a = slot[j]
        slot[j] = 0
        if t < population["start_tick"]:
            return False
        i = sat_add(
            decay(self.i[j], population["alpha_i"]),
            shift_left(a, population["gain"], bits),
            bits,
        )
        u = saturate(decay(self.v[j], population["alpha_v"]) + i + param["bias"], bits)
        u = max(u, population["v_floor"])
        if population["hold"] and self.refr[j] > 0:
            u = self.v[j]
        spike = self.refr[j] == 0 and u >= param["v_th"]
        if spike and population["reset"] == ResetMode.HARD:
            u = population["reset_value"]
        elif spike and population["reset"] == ResetMode.SOFT_VALUE:
            u = sat_add(u, -population["reset_value"], bits)
        elif spike and population["reset"] == ResetMode.SOFT_THRESHOLD:
            u = sat_add(u, -param["v_th"], bits)
        self.v[j] = u
        self.i[j] = i
        self.refr[j] = param["refr_len"] if spike else max(self.refr[j] - 1, 0)
        return spike

    # --- all architectural words --------------------------------------------------------------

    def words(self) -> dict[str, npt.NDArray[Any]]:
        """Every architectural word, as arrays.

        Returns
        -------
        dict
            ``v``, ``i``, ``refr``, ``count`` of shape (N,); ``acc`` of shape (D, N);
            ``fired``, ``event_queue``, ``spike_queue`` of their current lengths; ``weights``
            of shape (n_words, lanes); ``step``, ``last_cycles``, ``total_cycles`` and ``chain``
            of shape (). All int64.
        """
        values: dict[str, Any] = {
            "v": self.v,
            "i": self.i,
            "refr": self.refr,
            "acc": self.acc,
            "count": self.count,
            "fired": self.fired,
            "event_queue": list(self.event_queue),
            "spike_queue": list(self.spike_queue),
            "weights": self.weights,
            "step": self.next_step,
            "last_cycles": self.last_cycles,
            "total_cycles": self.total_cycles,
            "chain": int(self.chain_flag),
        }
        return {name: np.array(value, dtype=np.int64) for name, value in values.items()}
