# SPDX-License-Identifier: Apache-2.0
"""Tables from which one random word gives one value of a distribution, limits included.

Reals come from the quantile function at 2**32 evenly spaced probabilities, interpolated by
parabolas on 32 pieces of each octave of the probability towards either end; the error is below
1e-6 standard deviations. Ticks come from their probabilities, rounded to multiples of 2**-32.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from spikesim.network.distribution import Distribution

Reals = npt.NDArray[np.float64]

_WORDS = 2.0**32
_MOST_CHOICES = 1 << 12  # their table then takes 32 kB and 3 ms


class TickTable(NamedTuple):
    """Numbers of ticks that a distribution can give, and how to draw them.

    Attributes
    ----------
    first, last : int
        Smallest and largest.
    bits : int
        log2 of the size of the table.
    aliases : uint64 array, or None
        Table of ``fill_choices``; None if there are too many numbers.
    """

    first: int
    last: int
    bits: int
    aliases: npt.NDArray[np.uint64] | None


@functools.lru_cache(maxsize=256)
def value_table(distribution: Distribution) -> Reals:
    """Coefficients for ``fill_values``, float64 array of shape (3, pieces)."""
    from spikesim.kernels.philox import OCTAVES, PIECE_BITS

    half_pieces = np.arange(2 << PIECE_BITS) / (2 << PIECE_BITS)
    octaves = np.ldexp(0.5, np.arange(OCTAVES))
    depth = np.append(np.outer(octaves, 1.0 + half_pieces), _WORDS / 2)
    low, high = distribution.limits()
    ends = [
        _parabolas(depth, np.clip(_truncated(distribution, depth, upper), low, high))
        for upper in (False, True)
    ]
    return np.concatenate(ends, axis=1)


@functools.lru_cache(maxsize=256)
def tick_table(distribution: Distribution, dt: float, least: int) -> TickTable:
    """Ticks nearest to the seconds of a distribution, at least ``least``."""
    ends = (_truncated(distribution, np.array([0.5]), upper)[0] for upper in (False, True))
    limits = distribution.limits()
    first, last = (max(round(float(np.clip(x, *limits)) / dt), least) for x in ends)
    if last - first >= _MOST_CHOICES:
        return TickTable(first, last, 0, None)
    borders = (np.arange(first, last) + 0.5) * dt
    outside = distribution.beyond(limits[0], False)
    within = [(distribution.beyond(float(x), False) - outside) for x in borders]
    reached = np.rint(np.array(within) / distribution.share(*limits) * _WORDS)
    shares = np.diff(np.clip(reached, 0.0, _WORDS), prepend=0.0, append=_WORDS)
    return TickTable(first, last, *_aliases([int(share) for share in shares]))


def _truncated(distribution: Distribution, depth: Reals, upper: bool) -> Reals:
    """Values that ``depth`` of 2**32 draws within the limits lie beyond."""
    low, high = distribution.limits()
    outside = distribution.beyond(high if upper else low, upper)
    return distribution.quantile(outside + distribution.share(low, high) / _WORDS * depth, upper)


def _parabolas(x: Reals, y: Reals) -> Reals:
    """Coefficients (3, pieces) of parabolas through points 2k, 2k + 1, 2k + 2."""
    a, b, c = (x[k : x.size - 2 + k : 2] for k in range(3))
    slope = np.diff(y) / np.diff(x)
    c2 = (slope[1::2] - slope[::2]) / (c - a)
    return np.array([y[:-1:2] - a * (slope[::2] - c2 * b), slope[::2] - c2 * (a + b), c2])


def _aliases(shares: list[int]) -> tuple[int, npt.NDArray[np.uint64]]:
    """Distribute shares that sum to 2**32 evenly, so that no entry has more than two owners."""
    bits = (len(shares) - 1).bit_length()
    size, room = 1 << bits, (1 << 32) >> bits
    left = shares + [0] * (size - len(shares))
    small = [k for k in range(size) if left[k] < room]
    large = [k for k in range(size) if left[k] >= room]
    table = np.arange(size, dtype=np.uint64)  # full ones own all of their entry
    while small:
        k, donor = small.pop(), large[-1]
        table[k] = left[k] << 32 | k << 16 | donor
        left[donor] -= room - left[k]
        if left[donor] < room:
            small.append(large.pop())
    return bits, table
