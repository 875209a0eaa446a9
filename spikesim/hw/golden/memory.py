# SPDX-License-Identifier: Apache-2.0
"""The memories of the golden core as the host reads, writes and clears them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import FIELDS, WINDOWS, Clear, Window

Entry = dict[str, int]


class HasImage(Protocol):
    """What ``GoldenCore.load`` needs of a program."""

    @property
    def config(self) -> CoreConfig:
        """The core it was made for."""

    def image(self) -> dict[str, npt.NDArray[np.uint16]]:
        """Give halfwords by window name."""


class CoreMemories:
    """All memories, queues and counters of one core, in plain Python integers.

    Parameters
    ----------
    config : CoreConfig
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        # A segment keeps only the bits that its parameters need (docs/design/image.md).
        largest = {
            "base": config.weight_words - 1,
            "first": config.n_groups - 1,
            "count": config.n_groups - 1,
            "delay": config.delay_slots - 1,
            "next": config.n_segments - 1,
        }
        self._segment_masks = {
            name: (1 << max(1, top.bit_length())) - 1 for name, top in largest.items()
        }
        self.weights: list[list[int]] = []
        self.segments: list[Entry] = []
        self.params: list[Entry] = []
        self.populations: list[Entry] = []
        self.v = [0] * config.n_neurons
        self.i = [0] * config.n_neurons
        self.refr = [0] * config.n_neurons
        self.acc: list[list[int]] = []  # [slot][neuron]
        self.count: list[int] = []
        self.fired: list[int] = []
        self.event_queue: deque[int] = deque()
        self.spike_queue: deque[int] = deque()
        self.next_step = 0
        self.last_cycles = 0
        self.total_cycles = 0
        self.chain_flag = False
        self.clear(sum(Clear))

    def clear(self, mask: int) -> None:
        """Clear what ``mask`` (bits of ``Clear``) names; tables go before the state."""
        config = self.config
        if mask & Clear.WEIGHTS:
            self.weights = [[0] * config.lanes for _ in range(config.weight_words)]
        if mask & Clear.TABLES:
            self.segments = [_decode(Window.SEG, 0) for _ in range(config.n_segments)]
            self.params = [_decode(Window.PARAM, 0) for _ in range(config.n_neurons)]
            self.populations = [_decode(Window.POP, 0) for _ in range(config.n_populations)]
        if mask & Clear.STATE:
            self.v = [0] * config.n_neurons
            for population in self._valid_populations():
                for j in self._neurons(population):
                    self.v[j] = population["v_init"]
            self.i = [0] * config.n_neurons
            self.refr = [0] * config.n_neurons
            self.acc = [[0] * config.n_neurons for _ in range(config.delay_slots)]
            self.fired = []
            self.next_step = self.last_cycles = self.total_cycles = 0
            # Steps are numbered anew: events queued before have lost their step.
            self.event_queue.clear()
        if mask & Clear.COUNTS:
            self.count = [0] * config.n_neurons
        if mask & Clear.QUEUES:
            self.event_queue.clear()
            self.spike_queue.clear()
        if mask & Clear.ERRORS:
            self.chain_flag = False

    def entries(self, window: Window) -> int:
        """Entries of a window; each has ``stride(window)`` halfwords."""
        config = self.config
        sizes = {
            Window.WEIGHT: config.weight_words,
            Window.SEG: config.n_segments,
            Window.PARAM: config.n_neurons,
            Window.STATE: config.n_neurons,
            Window.POP: config.n_populations,
            Window.ACC: config.delay_slots * config.n_neurons,
            Window.COUNT: config.n_neurons,
            Window.FIRED: config.n_neurons,
        }
        if window not in sizes:
            raise ValidationError(f"golden core: expected a memory window, got {window!r}")
        return sizes[window]

    def stride(self, window: Window) -> int:
        """Halfwords of one entry."""
        return self.config.weight_stride if window is Window.WEIGHT else WINDOWS[window].stride

    def read(self, window: Window, address: int, n: int) -> list[int]:
        """``n`` halfwords from halfword ``address`` on.

        Raises
        ------
        ValidationError
            If the range leaves the window.
        """
        stride = self._check_range(window, address, n)
        halfwords = []
        for at in range(address, address + n):
            entry, part = divmod(at, stride)
            halfwords.append(self._load(window, entry) >> (16 * part) & 0xFFFF)
        return halfwords

    def write(self, window: Window, address: int, halfwords: Iterable[int]) -> None:
        """Write halfwords from halfword ``address`` on; bits that do not exist are ignored.

        Raises
        ------
        ValidationError
            If the range leaves the window or the window is read-only.
        """
        values = [int(x) for x in halfwords]
        stride = self._check_range(window, address, len(values))
        if not WINDOWS[window].writable:
            raise ValidationError(f"golden core: window {window.name} is read-only")
        for at, value in enumerate(values, start=address):
            entry, part = divmod(at, stride)
            kept = self._load(window, entry) & ~(0xFFFF << (16 * part))
            self._store(window, entry, kept | (value & 0xFFFF) << (16 * part))

    def load(self, program: HasImage) -> None:
        """Clear everything, write a program's image and set the state to its start.

        Raises
        ------
        ValidationError
            If the program was compiled for another core.
        """
        if program.config != self.config:
            raise ValidationError(
                f"golden core: expected a program for {self.config}, got one for {program.config}"
            )
        self.clear(sum(Clear))
        for name, halfwords in program.image().items():
            self.write(Window[name], 0, halfwords)
        self.clear(Clear.STATE)

    def _valid_populations(self) -> list[Entry]:
        valid = []
        for population in self.populations:
            if not population["valid"]:
                break
            valid.append(population)
        return valid

    def _neurons(self, population: Entry) -> range:
        lanes = self.config.lanes
        return range(population["first"] * lanes, (population["last"] + 1) * lanes)

    def _check_range(self, window: Window, address: int, n: int) -> int:
        size = self.entries(window) * self.stride(window)
        if address < 0 or n < 0 or address + n > size:
            raise ValidationError(
                f"golden core: expected halfwords within 0..{size - 1} of {window.name}, got "
                f"{address}..{address + n - 1}"
            )
        return self.stride(window)

    def _load(self, window: Window, entry: int) -> int:
        """One entry as an unsigned number, field by field."""
        if window is Window.WEIGHT:
            bits = self.config.weight_bits
            lanes = enumerate(self.weights[entry])
            return sum((w & ((1 << bits) - 1)) << (lane * bits) for lane, w in lanes)
        if window is Window.ACC:
            slot, j = divmod(entry, self.config.n_neurons)
            return self.acc[slot][j] & 0xFFFF
        if window is Window.COUNT:
            return self.count[entry]
        if window is Window.FIRED:
            return self.fired[entry] if entry < len(self.fired) else 0
        return _encode(window, self._fields(window, entry))

    def _store(self, window: Window, entry: int, raw: int) -> None:
        if window is Window.WEIGHT:
            bits = self.config.weight_bits
            lanes = range(self.config.lanes)
            self.weights[entry] = [_signed(raw >> (lane * bits), bits) for lane in lanes]
        elif window is Window.ACC:
            slot, j = divmod(entry, self.config.n_neurons)
            self.acc[slot][j] = _signed(raw, 16)
        elif window is Window.COUNT:
            self.count[entry] = raw & 0xFFFF
        elif window is Window.STATE:
            fields = _decode(window, raw)
            self.v[entry], self.i[entry] = fields["v"], fields["i"]
            self.refr[entry] = fields["refr"]
        elif window is Window.SEG:
            fields = _decode(window, raw)
            stored = {name: fields[name] & mask for name, mask in self._segment_masks.items()}
            self.segments[entry].update(fields | stored)
        else:
            self._fields(window, entry).update(_decode(window, raw))

    def _fields(self, window: Window, entry: int) -> Entry:
        if window is Window.STATE:
            return {"v": self.v[entry], "i": self.i[entry], "refr": self.refr[entry]}
        tables = {
            Window.SEG: self.segments,
            Window.PARAM: self.params,
            Window.POP: self.populations,
        }
        return tables[window][entry]


def _signed(raw: int, bits: int) -> int:
    raw &= (1 << bits) - 1
    return raw - (1 << bits) if raw >> (bits - 1) else raw


def _decode(window: Window, raw: int) -> Entry:
    entry = {}
    for name, field in FIELDS[window].items():
        value = raw >> field.lsb & ((1 << field.width) - 1)
        entry[name] = _signed(value, field.width) if field.signed else value
    return entry


def _encode(window: Window, entry: Entry) -> int:
    return sum(
        (entry[name] & ((1 << field.width) - 1)) << field.lsb
        for name, field in FIELDS[window].items()
    )
