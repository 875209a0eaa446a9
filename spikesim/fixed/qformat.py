# SPDX-License-Identifier: Apache-2.0
"""The range of an integer word of the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.fixed.arith import MAX_BITS


@dataclass(frozen=True)
class QFormat:
    """An integer word: its width and whether it carries a sign.

    Parameters
    ----------
    bits : int
        Width including the sign bit, 1 to 50.
    signed : bool
        Two's complement when true.

    Raises
    ------
    ValidationError
        If the width is no integer in 1 to 50.

    Examples
    --------
    >>> QFormat(8).min, QFormat(8).max, QFormat(8, signed=False).max
    (-128, 127, 255)
    >>> QFormat(8).clamp(300)
    127
    """

    bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or not isinstance(self.bits, (int, np.integer)):
            raise ValidationError(f"format: expected bits as an integer, got {self.bits!r}")
        if not 1 <= self.bits <= MAX_BITS:
            raise ValidationError(f"format: expected 1 <= bits <= {MAX_BITS}, got {self.bits}")

    @property
    def min(self) -> int:
        """Smallest value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """Largest value."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    def contains(self, x: int | npt.NDArray[np.integer[Any]]) -> bool:
        """Whether the value, or every element of the array, can be stored."""
        values = np.asarray(x)
        return bool(((values >= self.min) & (values <= self.max)).all())

    def clamp(self, x: int | npt.NDArray[np.integer[Any]]) -> int | npt.NDArray[np.int64]:
        """Nearest value that can be stored; an int for an int, int64 for an array."""
        if isinstance(x, np.ndarray):
            return np.clip(x.astype(np.int64), self.min, self.max)
        return min(max(int(x), self.min), self.max)

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}"
