# SPDX-License-Identifier: Apache-2.0
"""Memory for large results of operators, kept for the next ones.

The first touch of fresh memory costs more than the arithmetic of a neuron: forward and backward of
13 M membranes took 81 ms with torch's allocator, 34 in huge pages and 24 in memory used before.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spikesim.kernels.aligned import aligned

_LARGE = 1 << 20
"""Bytes from which on a tensor lies in memory of ours."""
_KEPT = 256 << 20
"""Bytes that are kept for later, at most; what is more goes back to the system."""
_STEP_BITS = 4
"""Leading bits that tell sizes of rooms apart: less than an eighth of a room is left over."""


class Rooms:
    """Rooms of memory; one comes back by itself when the last tensor that lies in it is gone.

    Without a lock, since that may happen in any thread and at any time; each operation on the
    queue is atomic.
    """

    def __init__(self) -> None:
        self._idle: deque[np.ndarray] = deque()

    def take(self, size: int) -> np.ndarray:
        """Give a room of at least ``size`` bytes, whatever stands in it; uint8."""
        step = 1 << max(0, size.bit_length() - _STEP_BITS)
        size = -(-size // step) * step
        for _ in range(len(self._idle)):
            try:
                room = self._idle.popleft()
            except IndexError:
                break
            if room.size == size:
                return room
            self._idle.append(room)
        return aligned(size, np.uint8)

    def give(self, room: np.ndarray, kept: int) -> None:
        """Take a room back, and let the oldest go where more than ``kept`` bytes are idle."""
        self._idle.append(room)
        self.trim(kept)

    def trim(self, kept: int) -> None:
        """Return to the system what is idle beyond so many bytes, the oldest first."""
        while self.idle > kept:
            try:
                self._idle.popleft()
            except IndexError:
                break

    @property
    def idle(self) -> int:
        """Bytes kept for later."""
        return sum(room.size for room in tuple(self._idle))


_ROOMS = Rooms()


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """``torch.empty(shape, dtype=dtype)`` on the CPU, in memory of ours where it is large.

    Examples
    --------
    >>> empty((2, 3), torch.float32).shape
    torch.Size([2, 3])
    """
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size < _LARGE:
        return torch.empty(shape, dtype=dtype)
    room = _ROOMS.take(size)
    view = room[:size]  # dies with the tensor's storage
    made = torch.from_numpy(view).view(dtype).view(*shape)
    weakref.finalize(view, _ROOMS.give, room, _KEPT).atexit = False
    return made


def release() -> None:
    """Return to the system what is kept for later results."""
    _ROOMS.trim(0)
