# SPDX-License-Identifier: Apache-2.0
"""What a tensor of a net is of the spikes of the same tick: weighted sums of them."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from spikesim.errors import ValidationError
from spikesim.nn.arithmetic import exact
from spikesim.nn.graph.kernel import Kernel, unit_matrix

#: Spikes as they are, a convolution of them, or a float64 matrix (n_source, n).
Part: TypeAlias = Kernel | Tensor | None
_CHANNELS = (2, 3)
"""Axes of what a convolution takes."""


@dataclass(frozen=True, eq=False)
class SpikeMap:
    """``x = sum of parts[source] of the spikes of source + bias``, for one sample in one tick.

    What is a convolution stays one, by its kernel, as long as it can: behind or before what only
    scales, selects or adds up channels, and in a sum with another one of the same strides.

    Attributes
    ----------
    shape : tuple of int
        Axes of the tensor without the batch. Everything else is flat, the last axis fastest.
    parts : mapping of str to Part
        By input or population.
    bias : float64 tensor, shape (n,), or None
        What does not depend on spikes.

    Examples
    --------
    >>> x = SpikeMap.of("in", (2,))
    >>> (x + x.scaled([0.5, 2.0])).parts["in"].tolist()
    [[1.5, 0.0], [0.0, 3.0]]
    """

    shape: tuple[int, ...]
    parts: Mapping[str, Part]
    bias: Tensor | None = None

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
        as_it_is = [name for name, part in self.parts.items() if part is None]
        return as_it_is[0] if len(self.parts) == len(as_it_is) == 1 and self.bias is None else None

    def reshaped(self, shape: Sequence[int]) -> SpikeMap:
        """Give the same entries with other axes."""
        assert math.prod(shape) == self.n, (shape, self.shape)
        return replace(self, shape=tuple(shape))

    def taken(self, index: np.ndarray) -> SpikeMap:
        """Entries by their flat positions; the result has the axes of ``index``."""
        flat = np.ascontiguousarray(index).reshape(-1)
        if np.array_equal(flat, np.arange(self.n)):
            return self.reshaped(index.shape)
        parts: dict[str, Part] = {}
        for name, part in self.parts.items():
            kernel = self._kernel(part)
            channels = None if kernel is None else _whole_channels(flat, kernel.out_shape)
            parts[name] = (
                matrix_of(part, self.n)[:, flat]
                if kernel is None or channels is None
                else kernel.selected(channels)
            )
        return SpikeMap(index.shape, parts, None if self.bias is None else self.bias[flat])

    def through(self, matrix: Any, shape: Sequence[int], bias: Any = None) -> SpikeMap:
        """Give the product with a float64 matrix (n, n_out), and a bias more."""
        weights = _float64(matrix)
        parts: dict[str, Part] = {
            name: (
                weights
                if part is None
                else part.then(weights)
                if isinstance(part, Kernel)
                else exact.product(part, weights)
            )
            for name, part in self.parts.items()
        }
        own = None if self.bias is None else exact.product(self.bias[None], weights)[0]
        return SpikeMap(tuple(shape), parts, _sum(own, None if bias is None else _float64(bias)))

    def convolved(self, kernel: Kernel) -> SpikeMap:
        """Give a convolution of it.

        Raises
        ------
        ValidationError
            If it has other channels or axes.
        """
        if self.shape != kernel.in_shape:
            raise ValidationError(f"expected input of shape {kernel.in_shape}, got {self.shape}")
        parts: dict[str, Part] = {}
        for name, part in self.parts.items():
            before = None if part is None else self._kernel(part)
            together = kernel if part is None else before and kernel.after(before)
            parts[name] = (
                exact.product(matrix_of(part, self.n), kernel.matrix())
                if together is None
                else together
            )
        own = None if self.bias is None else kernel.of(self.bias)
        return SpikeMap(kernel.out_shape, parts, own)

    def scaled(self, factor: Any) -> SpikeMap:
        """Give every entry times its factor, an array (n,), or one that fits the shape."""
        each = self._fitting(factor)
        flat = each.expand(self.shape).reshape(-1)
        by_channel = each.numel() == each.shape[0]
        parts: dict[str, Part] = {}
        for name, part in self.parts.items():
            kernel = self._kernel(part) if by_channel else None
            if kernel is None:
                parts[name] = matrix_of(part, self.n) * flat
            else:
                parts[name] = kernel.scaled(each.reshape(-1).expand(kernel.out_shape[0]))
        return SpikeMap(self.shape, parts, None if self.bias is None else self.bias * flat)

    def shifted(self, bias: Any) -> SpikeMap:
        """Give every entry plus a constant, an array (n,), or one that fits the shape."""
        flat = self._fitting(bias).expand(self.shape).reshape(-1)
        return replace(self, bias=_sum(self.bias, flat))

    def __add__(self, other: SpikeMap) -> SpikeMap:
        """Sum of two tensors of one shape."""
        if self.shape != other.shape:
            raise ValidationError(
                f"expected terms of one shape, got {self.shape} and {other.shape}; bring them to "
                "one by a Linear"
            )
        parts = dict(self.parts)
        for name, part in other.parts.items():
            parts[name] = self._both(parts[name], part) if name in parts else part
        return SpikeMap(self.shape, parts, _sum(self.bias, other.bias))

    def _both(self, a: Part, b: Part) -> Part:
        one, two = self._kernel(a), self._kernel(b)
        together = None if one is None or two is None else one.plus(two)
        return matrix_of(a, self.n) + matrix_of(b, self.n) if together is None else together

    def _kernel(self, part: Part) -> Kernel | None:
        """Give a part as a kernel, if it can be one and has the axes of this tensor."""
        if part is None and len(self.shape) in _CHANNELS:
            return Kernel.identity(self.shape)
        return part if isinstance(part, Kernel) and part.out_shape == self.shape else None

    def _fitting(self, values: Any) -> Tensor:
        """Give constants with as many axes as this has."""
        given = _float64(values)
        if given.shape == (self.n,):
            return given.reshape(self.shape)
        try:
            torch.broadcast_shapes(given.shape, (1, *self.shape))
            return given.reshape((1,) * (len(self.shape) + 1 - given.ndim) + given.shape)[0]
        except (RuntimeError, IndexError):
            raise ValidationError(
                f"expected a constant that fits shape {self.shape}, got {tuple(given.shape)}"
            ) from None


def joined(maps: Sequence[SpikeMap], axis: int) -> SpikeMap:
    """Tensors side by side along an axis (that of the batch not counted).

    Examples
    --------
    >>> both = joined([SpikeMap.of("a", (1,)), SpikeMap.of("b", (2,))], 0)
    >>> both.shape, both.parts["b"].tolist()
    ((3,), [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    """
    ends = np.cumsum([0, *(part.n for part in maps)]).tolist()
    positions = [np.arange(k, k + part.n) for k, part in zip(ends, maps, strict=False)]
    try:
        order = np.concatenate(
            [where.reshape(part.shape) for where, part in zip(positions, maps, strict=True)], axis
        )
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in maps)
        raise ValidationError(f"expected parts that fit along axis {axis}, got {shapes}") from None
    whole = order.shape if axis == 0 else (ends[-1],)
    placed = [_placed(part, first, whole) for first, part in zip(ends, maps, strict=False)]
    return functools.reduce(operator.add, placed).taken(order)


def _placed(x: SpikeMap, first: int, whole: tuple[int, ...]) -> SpikeMap:
    """Give it as the entries from ``first`` on of a tensor that is 0 elsewhere."""
    around = (first, math.prod(whole) - first - x.n)
    parts: dict[str, Part] = {}
    for name, part in x.parts.items():
        kernel = x._kernel(part) if len(whole) == len(x.shape) > 1 else None
        if kernel is None:
            parts[name] = pad(matrix_of(part, x.n), around)
        else:
            parts[name] = kernel.placed(first // math.prod(x.shape[1:]), whole[0])
    return SpikeMap(whole, parts, None if x.bias is None else pad(x.bias, around))


def matrix_of(part: Part, n: int) -> Tensor:
    """Give a part of a tensor of n entries as a float64 matrix (n_source, n)."""
    if part is None:
        return unit_matrix(n, n)
    return part.matrix() if isinstance(part, Kernel) else part


def _whole_channels(index: np.ndarray, shape: tuple[int, ...]) -> list[int] | None:
    """Which channels a selection takes, if it takes whole ones."""
    size = math.prod(shape[1:])
    if len(index) % size:
        return None
    by_channel = index.reshape(-1, size)
    first = by_channel[:, :1]
    whole = np.all(first % size == 0) and np.all(by_channel == first + np.arange(size))
    return (by_channel[:, 0] // size).tolist() if whole else None


def _float64(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def _sum(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b
