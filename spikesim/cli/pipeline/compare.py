# SPDX-License-Identifier: Apache-2.0
"""Count where a device differs from the golden model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spikesim.hw.golden.fast import BatchResult
from spikesim.hw.program import Program

STATE_WORDS = ("v", "i", "refr", "acc", "count")
QUANTITIES = ("spikes", *STATE_WORDS, "cycles")


@dataclass
class Tally:
    """Mismatches and comparisons by quantity, summed over images.

    Attributes
    ----------
    mismatches, compared : dict of int
        Keys are ``QUANTITIES``.
    words_read : int
        Images whose state was read word by word; that of the others was compared by CRC-32.
    """

    mismatches: dict[str, int] = field(default_factory=lambda: dict.fromkeys(QUANTITIES, 0))
    compared: dict[str, int] = field(default_factory=lambda: dict.fromkeys(QUANTITIES, 0))
    words_read: int = 0

    def add(self, quantity: str, expected: np.ndarray, got: np.ndarray) -> None:
        """Compare two arrays of one shape element by element."""
        expected, got = np.asarray(expected), np.asarray(got)
        assert expected.shape == got.shape, f"{quantity}: {expected.shape} against {got.shape}"
        self.mismatches[quantity] += int(np.count_nonzero(expected != got))
        self.compared[quantity] += expected.size

    @property
    def spikes(self) -> int:
        """Mismatching spikes: present on one side only."""
        return self.mismatches["spikes"]

    @property
    def words(self) -> int:
        """Mismatching state words."""
        return sum(self.mismatches[name] for name in STATE_WORDS)

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not any(self.mismatches.values())


def add_image(
    tally: Tally,
    program: Program,
    golden: BatchResult,
    k: int,
    rasters: Mapping[str, np.ndarray],
    words: Mapping[str, np.ndarray] | None,
    cycles: int,
) -> None:
    """Compare one image.

    Parameters
    ----------
    tally : Tally
        Grows.
    program : Program
    golden : BatchResult
        With spikes of every step.
    k : int
        Which image of the batch.
    rasters : mapping of str to bool array, shape (steps, n)
        Spikes by population as the device sent them.
    words : mapping of str to int array, or None
        State after the last step by ``STATE_WORDS``; acc has shape (slots, neurons). None if its
        CRC-32 has already been found equal.
    cycles : int
        Clock cycles of all steps as the device counted them.
    """
    assert golden.spikes is not None
    for name, (first, n, _) in program.groups.items():
        tally.add("spikes", golden.spikes[k, :, first : first + n], rasters[name])
    expected = {name: golden.state[name][k] for name in ("v", "i", "refr", "acc")}
    expected["count"] = golden.counts[k]
    for name, values in expected.items():
        tally.add(name, values, values if words is None else words[name])
    tally.words_read += words is not None
    tally.add("cycles", golden.total_cycles[k], np.asarray(cycles))
