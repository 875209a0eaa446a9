# SPDX-License-Identifier: Apache-2.0
"""Thresholds that turn one uniform number into a number of events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BITS = 62
"""Bits of the uniform number; a probability is met to 2**-62."""
HIGHEST_MEAN = 1e4
"""Most events per line and tick, on average, of a Poisson count."""

_CELL_BITS = BITS - 16
_CERTAIN = 1 << BITS
_CELLS = 1 << 16


@dataclass(frozen=True, eq=False)
class CountTables:
    """Thresholds of the counts of all bins and lines; see ``spikesim.kernels.poisson``.

    Attributes
    ----------
    thresholds : int64 array, shape (bins, K, m)
    leading : uint16 array, shape (bins, L, m)
    sure : int32 array, shape (2, bins, m)
    cells : int64 array, shape (2,)
    """

    thresholds: npt.NDArray[np.int64]
    leading: npt.NDArray[np.uint16]
    sure: npt.NDArray[np.int32]
    cells: npt.NDArray[np.int64]


def poisson_thresholds(mean: float) -> npt.NDArray[np.int64]:
    """Thresholds of a Poisson number of this mean.

    Only products, quotients and sums of float64 in a fixed order are taken, so the result is
    the same on every machine. A probability is met to 1e-12 at any mean.

    Parameters
    ----------
    mean : float
        0 to 1e4.

    Returns
    -------
    int64 array
        ``floor(2**62 * P(count > k))`` for k = 0, 1, … as long as that is > 0.

    Examples
    --------
    >>> thresholds = poisson_thresholds(0.5)
    >>> (thresholds[:3] / 2**62).round(6).tolist()
    [0.393469, 0.090204, 0.014388]
    """
    if mean == 0.0:
        return np.zeros(0, np.int64)
    # Beyond 12 standard deviations (and 40 events, for small means) is less than 2**-62.
    mode, last = int(mean), int(mean + 12 * np.sqrt(mean)) + 40
    above = np.cumprod(mean / np.arange(mode + 1, last + 1))
    below = np.cumprod(np.arange(mode, 0, -1) / mean)[::-1]
    relative = np.concatenate([below, [1.0], above])
    # Summed from the small end either way, so both tails keep their relative accuracy.
    at_most, more = np.cumsum(relative), np.cumsum(relative[::-1])[::-1]
    low = (at_most[:-1] / at_most[-1] * _CERTAIN).astype(np.int64)
    high = (more[1:] / at_most[-1] * _CERTAIN).astype(np.int64)
    thresholds = np.where(low < high, _CERTAIN - low, high)
    return thresholds[thresholds > 0]


def count_tables(mean: npt.NDArray[np.float64], counts: bool) -> CountTables:
    """Tables for events of these means per tick.

    Parameters
    ----------
    mean : float64 array, shape (bins, m)
        Rate times dt. Without ``counts`` the probability of an event.
    counts : bool
        Whether a line may have several events in a tick.
    """
    return _poisson_tables(mean) if counts else _single_tables(mean)


def _single_tables(mean: npt.NDArray[np.float64]) -> CountTables:
    thresholds = (mean * _CERTAIN).astype(np.int64)
    cell = thresholds >> _CELL_BITS
    between = (cell > 0) & (cell < _CELLS - 1)
    sure = np.zeros((2, *cell.shape), dtype=np.int32)
    sure[1] = cell >= _CELLS - 1
    leading = np.zeros(cell.shape, dtype=np.uint16)
    np.copyto(leading, cell + 1, where=between, casting="unsafe")
    cells = np.array([1, _CELLS - 1])
    return CountTables(thresholds[:, None, :], leading[:, None, :], sure, cells)


def _poisson_tables(mean: npt.NDArray[np.float64]) -> CountTables:
    different, which = np.unique(mean, return_inverse=True)
    lists = [poisson_thresholds(float(value)) for value in different]
    low, high = 1, _CELLS - 1
    for thresholds in lists:
        cell = thresholds >> _CELL_BITS
        shared = cell[1:][cell[1:] == cell[:-1]]
        low = max(low, int(shared[shared < _CELLS // 2].max(initial=0)) + 1)
        high = min(high, int(shared[shared >= _CELLS // 2].min(initial=_CELLS - 1)))
    certain = [int((thresholds >= _CERTAIN).sum()) for thresholds in lists]
    above = [int((thresholds >> _CELL_BITS >= high).sum()) for thresholds in lists]
    tails = [t[start:] for t, start in zip(lists, certain, strict=True)]
    inner = []
    for thresholds, start in zip(lists, above, strict=True):
        cell = thresholds[start:] >> _CELL_BITS
        inner.append(cell[cell >= low] + 1)
    k = max(map(len, tails))
    length = -(-max(0, max(map(len, inner)) - 1) // 4) * 4 + 1

    def spread(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """From one row per mean, (means, K), to (bins, K, m)."""
        return np.ascontiguousarray(rows[which.reshape(mean.shape)].transpose(0, 2, 1))

    sure = np.array([certain, above], dtype=np.int32)[:, which.reshape(mean.shape)]
    return CountTables(
        spread(_rectangle(tails, max(k, 1))),
        spread(_rectangle(inner, length)).astype(np.uint16),
        np.ascontiguousarray(sure),
        np.array([low, high]),
    )


def _rectangle(rows: list[npt.NDArray[np.int64]], length: int) -> npt.NDArray[np.int64]:
    full = np.zeros((len(rows), length), dtype=np.int64)
    for row, values in enumerate(rows):
        full[row, : values.size] = values
    return full
