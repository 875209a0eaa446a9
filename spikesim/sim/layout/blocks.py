# SPDX-License-Identifier: Apache-2.0
"""How populations are cut into blocks, and where their accumulators lie in a block."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Range = tuple[int, int]

LINE = 16
"""Neurons whose int32 or float32 values fill a cache line: where large slices begin."""
LARGE = 4 * LINE
"""Neurons of a slice from which it begins at a multiple of LINE."""


def cut(n: int, block: int, n_blocks: int, line: int) -> int:
    """First neuron of a block in a population of ``n``."""
    at = block * n // n_blocks
    return at // line * line if n >= n_blocks * LARGE and block < n_blocks else at


def bases_of(sizes: list[int], line: int) -> tuple[list[int], int]:
    """First accumulators of slices of these sizes, and the number of accumulators."""
    bases, at = [], 0
    for size in sizes:
        if size >= LARGE:
            at = -(-at // line) * line
        bases.append(at)
        at += size
    return bases, at


def accumulators(sizes: list[int], n_blocks: int, line: int) -> int:
    """Accumulators of the largest block, with populations of these sizes, one per receptor."""
    largest = 0
    for block in range(n_blocks):
        cuts = [[cut(n, b, n_blocks, line) for n in sizes] for b in (block, block + 1)]
        _, used = bases_of([hi - lo for lo, hi in zip(*cuts, strict=True)], line)
        largest = max(largest, used)
    return largest


def ranges_of(groups: Mapping[str, object]) -> dict[str, Range]:
    """Numbers (lo, hi) of the neurons or lines of each group, one group after the other."""
    ranges, start = {}, 0
    for name, group in groups.items():
        n: npt.NDArray[np.int64] | int = group.n  # type: ignore[attr-defined]
        ranges[name] = (start, start + int(n))
        start += int(n)
    return ranges
