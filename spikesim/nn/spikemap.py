# SPDX-License-Identifier: Apache-2.0
"""What a tensor of a net is of the spikes of the same tick: weighted sums of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikesim.errors import ValidationError

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class SpikeMap:
    """``x = sum of spikes[source] @ parts[source] + bias``, for one sample in one tick.

    Attributes
    ----------
    shape : tuple of int
        Axes of the tensor without the batch. All arrays are flat, the last axis fastest.
    parts : mapping of str to float64 array, shape (n_source, n), or None
        By input or population; None stands for its spikes as they are.
    bias : float64 array, shape (n,), or None
        What does not depend on spikes.

    Examples
    --------
    >>> x = SpikeMap.of("in", (2,))
    >>> (x + x.scaled(np.array([0.5, 2.0]))).parts["in"].tolist()
    [[1.5, 0.0], [0.0, 3.0]]
    """

    shape: tuple[int, ...]
    parts: Mapping[str, Array | None]
    bias: Array | None = None

    @classmethod
    def of(cls, source: str, shape: Sequence[int]) -> SpikeMap:
        """Give the spikes of a source as they are."""
        return cls(tuple(shape), {source: None})

    @property
    def n(self) -> int:
        """Entries of the tensor."""
        return math.prod(self.shape)

    @property
    def source(self) -> str | None:
        """Whose spikes these are as they are; None for everything else."""
        as_it_is = [name for name, matrix in self.parts.items() if matrix is None]
        return as_it_is[0] if len(self.parts) == len(as_it_is) == 1 and self.bias is None else None

    def reshaped(self, shape: Sequence[int]) -> SpikeMap:
        """Give the same entries with other axes."""
        assert math.prod(shape) == self.n, (shape, self.shape)
        return replace(self, shape=tuple(shape))

    def taken(self, index: Array) -> SpikeMap:
        """Entries by their flat positions; the result has the axes of ``index``."""
        flat = index.reshape(-1)
        if np.array_equal(flat, np.arange(self.n)):
            return self.reshaped(index.shape)
        parts = {name: self._dense(matrix)[:, flat] for name, matrix in self.parts.items()}
        return SpikeMap(index.shape, parts, None if self.bias is None else self.bias[flat])

    def through(self, matrix: Array, shape: Sequence[int], bias: Array | None = None) -> SpikeMap:
        """Give the product with a float64 matrix (n, n_out), and a bias more."""
        parts = {
            name: matrix if before is None else product(before, matrix)
            for name, before in self.parts.items()
        }
        own = None if self.bias is None else product(self.bias[None], matrix)[0]
        return SpikeMap(tuple(shape), parts, _sum(own, bias))

    def scaled(self, factor: Array) -> SpikeMap:
        """Give every entry times its factor, a float64 array (n,)."""
        parts = {name: self._dense(matrix) * factor for name, matrix in self.parts.items()}
        return SpikeMap(self.shape, parts, None if self.bias is None else self.bias * factor)

    def shifted(self, bias: Array) -> SpikeMap:
        """Give every entry plus a constant, a float64 array (n,)."""
        return replace(self, bias=_sum(self.bias, bias))

    def __add__(self, other: SpikeMap) -> SpikeMap:
        """Sum of two tensors of one shape."""
        if self.shape != other.shape:
            raise ValidationError(
                f"expected terms of one shape, got {self.shape} and {other.shape}; bring them to "
                "one by a Linear"
            )
        parts = dict(self.parts)
        for name, matrix in other.parts.items():
            both = name in parts
            parts[name] = self._dense(parts[name]) + self._dense(matrix) if both else matrix
        return SpikeMap(self.shape, parts, _sum(self.bias, other.bias))

    def _dense(self, matrix: Array | None) -> Array:
        return np.eye(self.n) if matrix is None else matrix


def joined(maps: Sequence[SpikeMap], axis: int) -> SpikeMap:
    """Tensors side by side along an axis (that of the batch not counted).

    Examples
    --------
    >>> both = joined([SpikeMap.of("a", (1,)), SpikeMap.of("b", (2,))], 0)
    >>> both.shape, both.parts["b"].tolist()
    ((3,), [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    """
    ends = np.cumsum([0, *(part.n for part in maps)])
    positions = [np.arange(k, k + part.n) for k, part in zip(ends, maps, strict=False)]
    try:
        order = np.concatenate(
            [where.reshape(part.shape) for where, part in zip(positions, maps, strict=True)], axis
        )
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in maps)
        raise ValidationError(f"expected parts that fit along axis {axis}, got {shapes}") from None
    total: SpikeMap | None = None
    for where, part in zip(positions, maps, strict=True):
        place = np.zeros((part.n, int(ends[-1])))
        place[np.arange(part.n), where] = 1.0
        wide = part.through(place, (int(ends[-1]),))
        total = wide if total is None else total + wide
    assert total is not None
    return total.taken(order)


def product(a: Array, b: Array) -> Array:
    """Matrix product in float64, term after term, so that no machine has other bits."""
    out = np.zeros((a.shape[0], b.shape[1]))
    terms = np.empty_like(out)
    for k in np.flatnonzero(a.any(axis=0)):
        rows = np.flatnonzero(a[:, k])
        if len(rows) == len(a):  # in place, which takes a third of the time
            out += np.multiply(a[:, k, None], b[k], out=terms)
        else:
            out[rows] += a[rows, k, None] * b[k]
    return out


def _sum(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b
