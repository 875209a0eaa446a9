# SPDX-License-Identifier: Apache-2.0
"""Tables of exponential decay, by ticks."""

from __future__ import annotations

from typing import Any

import numpy as np

FADED = {"float32": 17.0, "float64": 37.0}
"""Time constants after which a trace is 0: less than the rounding of its value at its event."""


def decay_tables(taus: list[float], dt: float, dtype: Any, reach: float = 0.0) -> np.ndarray:
    """Give exp(-k dt / tau) as products of two entries, one row per time constant.

    Entry ``k & 255`` times entry ``256 + (k >> 8)``; 0 within 256 ticks after ``reach`` time
    constants, by default where the decay is below the rounding of the type.

    >>> tables = decay_tables([0.02], 1e-3, np.float64)
    >>> bool(abs(decayed(tables[0], 300) - np.exp(-15.0)) < 1e-20)
    True
    """
    reach = reach or FADED[np.dtype(dtype).name]
    finite = [tau for tau in taus if np.isfinite(tau)]
    ticks = int(np.ceil(reach * max(finite, default=0.0) / dt))
    coarse = np.arange((ticks >> 8) + 2) * 256.0
    tables = np.ones((len(taus), 256 + coarse.size), np.float64)
    for row, tau in zip(tables, taus, strict=True):
        if np.isfinite(tau):
            row[:256] = np.exp(-np.arange(256) * (dt / tau))
            row[256:] = np.exp(-coarse * (dt / tau))
            row[256:][coarse * (dt / tau) > reach] = 0.0
            row[-1] = 0.0
    return tables.astype(dtype)


def decayed(row: np.ndarray, ticks: int) -> Any:
    """Entry of a row for some ticks, as kernels read it."""
    return row[ticks & 255] * row[256 + min(ticks >> 8, row.size - 257)]
