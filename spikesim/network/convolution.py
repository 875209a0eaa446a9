# SPDX-License-Identifier: Apache-2.0
"""Convolutions and average pooling: one kernel, from which all synapses follow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.network.connect import Columns, Degrees, Draw, Rule, Shape
from spikesim.network.synapses import is_integer

_ALL = np.zeros(0, dtype=np.int32)
Sizes = tuple[int, ...]
_COUNTED = 2**24
"""Below this, float32 holds every integer."""


@dataclass(frozen=True, eq=False)
class Convolution(Rule):
    """Convolution in one or two dimensions (as in deep learning: the kernel is not flipped).

    As linear maps these are ``conv1d`` and ``conv2d`` of torch. Only the kernel is kept, in
    memory and in files: the synapses of a neuron are listed when they are asked for. A weight of
    0 is no synapse. Neurons are numbered with the last axis of their shape fastest. Where a rule
    of plasticity is given, each synapse learns by itself: from then on nothing is shared.

    Parameters
    ----------
    kernel : float array, shape (out_channels, in_channels / groups, rows, columns)
        Weights, kept in float32; without ``rows`` for one dimension.
    size : int or tuple of int, optional
        Height and width of the input, or its length; default those of the source population's
        shape.
    stride, padding, dilation : int or tuple of int
        One for all axes, or one for each.
    groups : int
        Parts of the channels that do not meet.

    Raises
    ------
    ValidationError
        If the kernel has another shape or is not finite, or nothing of it fits the input.

    Examples
    --------
    >>> from spikesim.network import Network
    >>> from spikesim.neurons import LIF
    >>> edges = Convolution([[[[1.0, -1.0]]]])
    >>> net = Network(dt=1e-3)
    >>> image = net.add_input("image", (1, 2, 3))
    >>> out = net.add_population("out", (1, 2, 2), LIF(beta=0.9))
    >>> net.connect(image, out, edges).rows.to_dense()[:, 0].tolist()
    [1.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    """

    kernel: npt.NDArray[np.float32]
    size: int | Sizes | None = None
    stride: int | Sizes = 1
    padding: int | Sizes = 0
    dilation: int | Sizes = 1
    groups: int = 1

    def __post_init__(self) -> None:
        try:
            kernel: npt.NDArray[Any] = np.asarray(self.kernel)
        except ValueError as error:
            raise ValidationError(f"Convolution: expected a kernel as an array ({error})") from None
        problems = _kernel_problems(kernel)
        axes = max(kernel.ndim - 2, 1)
        for name, low in (("size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            value = getattr(self, name)
            if name == "size" and value is None:
                continue
            sizes = (value,) * axes if is_integer(value) else value
            legal = isinstance(sizes, (tuple, list)) and len(sizes) == axes
            if legal and all(is_integer(one) and low <= one < 2**31 for one in sizes):
                object.__setattr__(self, name, tuple(map(int, sizes)))
            else:
                problems.append(
                    f"expected {name} as an integer >= {low}"
                    + (f" or {axes} of them" if axes > 1 else "")
                    + f", got {value!r}"
                )
        channels = kernel.shape[0] if kernel.ndim else 0
        if not is_integer(self.groups) or self.groups < 1 or channels % self.groups:
            problems.append(
                f"expected groups >= 1 that divide {channels} output channels, got {self.groups!r}"
            )
        if not problems:
            kept = np.array(kernel, dtype=np.float32, order="C")
            kept.flags.writeable = False
            object.__setattr__(self, "kernel", kept)
            if self.size is not None and min(self.out_shape) < 1:
                problems.append(
                    f"expected a kernel no larger than the padded input, got {kernel.shape[2:]} on "
                    f"{self.size} with padding {self.padding}, dilation {self.dilation}"
                )
        if problems:
            raise ValidationError([self._who(text) for text in problems])

    @classmethod
    def average(
        cls,
        channels: int,
        window: int | Sizes,
        size: int | Sizes | None = None,
        stride: int | Sizes | None = None,
        padding: int | Sizes = 0,
    ) -> Convolution:
        """Average pooling: each channel by itself, all weights alike; padding counts as 0.

        Parameters
        ----------
        channels : int
        window : int or tuple of int
            What is averaged; an int is a square, ``(k,)`` is one dimension.
        size, padding : int or tuple of int
            As of ``Convolution``.
        stride : int or tuple of int, optional
            Default the window.

        Examples
        --------
        >>> Convolution.average(8, 2, size=(6, 7)).out_shape
        (8, 3, 3)
        """
        sides = (window, window) if is_integer(window) else window
        counts = (channels, *sides) if isinstance(sides, (tuple, list)) else (0,)
        if len(counts) not in (2, 3) or not all(is_integer(n) and n >= 1 for n in counts):
            raise ValidationError(
                "Convolution.average: expected channels and window as integers >= 1, the window "
                f"also as a tuple of one or two, got {channels!r} and {window!r}"
            )
        kernel = np.full((channels, 1, *counts[1:]), 1 / math.prod(counts[1:]), dtype=np.float32)
        return cls(kernel, size, counts[1:] if stride is None else stride, padding, 1, channels)

    @property
    def in_shape(self) -> Sizes:
        """Channels, then height and width or length, of the source population."""
        return (self.kernel.shape[1] * self.groups, *self._given("size"))

    @property
    def out_shape(self) -> Sizes:
        """Channels, then height and width or length, of the target population."""
        parts = (self._given(name) for name in ("size", "stride", "padding", "dilation"))
        return (
            self.kernel.shape[0],
            *(
                (size + 2 * padding - dilation * (taps - 1) - 1) // stride + 1
                for taps, size, stride, padding, dilation in zip(
                    self.kernel.shape[2:], *parts, strict=True
                )
            ),
        )

    def between(self, source: Sizes, target: Sizes) -> Convolution:
        """Itself, of the size of the source, if it fits populations of these shapes.

        Raises
        ------
        ValidationError
            If it does not. A population without axes, of shape (n,), fits by its number alone.
        """
        made = self
        if self.size is None:
            if len(source) != self.kernel.ndim - 1:
                axes = "channels, height, width" if self.kernel.ndim == 4 else "channels, length"
                raise ValidationError(
                    self._who(f"expected a source of shape ({axes}), got {source}; pass size=")
                )
            made = replace(self, size=source[1:])
        problems = [
            self._who(
                f"expected a {role} of shape {expected}, or {math.prod(expected)} neurons without "
                f"axes, got {got}"
            )
            for role, expected, got in (
                ("source", made.in_shape, source),
                ("target", made.out_shape, target),
            )
            if got not in (expected, (math.prod(expected),))
        ]
        if problems:
            raise ValidationError(problems)
        return made

    def problems(self, shape: Shape) -> list[str]:
        """Refuses populations of other sizes."""
        if self.size is None:
            return [self._who("expected the size of the input, got None; pass size=")]
        ends = math.prod(self.in_shape), math.prod(self.out_shape)
        if ends == shape[:2]:
            return []
        return [
            self._who(
                f"expected {ends[0]} sources and {ends[1]} targets, of shapes {self.in_shape} and "
                f"{self.out_shape}, got {shape.n_pre} and {shape.n_post}"
            )
        ]

    @cached_property
    def taps(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """The weights of which there are synapses, and of each how many."""
        hits = [(reached >= 0).sum(axis=0) for reached in self._reached]
        counts = np.broadcast_to(np.multiply.outer(*hits), self._planes.shape)
        used = (self._planes != 0) & (counts > 0)
        return self._planes[used], counts[used].astype(np.int64)

    def weight_limits(self) -> tuple[float, float]:
        """Smallest and largest weight of a synapse; 0 and 0 without any."""
        weights = self.taps[0]
        return (float(weights.min()), float(weights.max())) if weights.size else (0.0, 0.0)

    def total(self, shape: Shape, key: int) -> int:
        """Add up those of each weight."""
        return int(self.taps[1].sum())

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """Weights that are not 0 and reach an output, of each channel and place."""
        rows, columns = ((reached >= 0).astype(np.int64) for reached in self._reached)
        out, each, *window = self._planes.shape
        by_group = (self._planes != 0).reshape(self.groups, out // self.groups, each, *window)
        by_channel = by_group.sum(axis=1).reshape(-1, *window)
        degrees: Degrees = (rows @ by_channel @ columns.T).reshape(-1)
        return degrees

    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Rows are listed from the kernel, with ascending targets."""

        def draw(lo: int, hi: int, indptr: Degrees, targets: Columns) -> None:
            self._list(lo, indptr, _ALL, targets, True)

        return draw

    def fill_weights(
        self,
        first: int,
        indptr: Degrees,
        out: npt.NDArray[np.float32],
        places: npt.NDArray[np.int32] = _ALL,
    ) -> None:
        """Write the weights of the rows from ``first`` on; see ``Distribution.fill``."""
        self._list(first, indptr, places, out, False)

    def by_synapse(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Give each synapse what stands at the place of its weight.

        Parameters
        ----------
        values : array, shape of the kernel

        Returns
        -------
        array, shape (nnz,)
            In the order of the rows.

        Examples
        --------
        >>> conv = Convolution([[[0.5, 0.25]]], size=2, padding=1)
        >>> conv.by_synapse(np.array([[["left", "right"]]])).tolist()
        ['right', 'left', 'right', 'left']
        """
        if self.kernel.size >= _COUNTED:
            raise ValidationError(
                self._who(f"expected fewer than {_COUNTED} weights, got {self.kernel.size}")
            )
        number = np.arange(1, self.kernel.size + 1).reshape(self.kernel.shape)
        numbered = replace(self, kernel=np.where(self.kernel != 0, number, 0).astype(np.float32))
        ends = Shape(math.prod(self.in_shape), math.prod(self.out_shape), False)
        indptr = np.concatenate([[0], np.cumsum(numbered.degrees(ends, 0))]).astype(np.int64)
        found = np.empty(int(indptr[-1]), dtype=np.float32)
        numbered.fill_weights(0, indptr, found)
        by_place: npt.NDArray[Any] = np.asarray(values).reshape(-1)[found.astype(np.int64) - 1]
        return by_place

    def _list(
        self, first: int, indptr: Degrees, places: Columns, out: npt.NDArray[Any], ends: bool
    ) -> None:
        from spikesim.kernels.connect import conv_rows

        height, width = (1, *self.out_shape[1:])[-2:]
        rows, columns = self._reached
        conv_rows(
            self._planes, self.groups, rows, columns, height, width, first, indptr, places, ends,
            out,
        )  # fmt: skip

    @cached_property
    def _planes(self) -> npt.NDArray[np.float32]:
        """The kernel with two axes of space in any case."""
        out, each, *window = self.kernel.shape
        return self.kernel.reshape(out, each, *(1, *window)[-2:])

    @cached_property
    def _reached(self) -> list[npt.NDArray[np.int64]]:
        """Output row that input row y reaches through row k of the kernel, or -1; and columns."""
        found = [np.zeros((1, 1), dtype=np.int64)]
        parts = (self._given(name) for name in ("size", "stride", "padding", "dilation"))
        for taps, out, size, stride, padding, dilation in zip(
            self.kernel.shape[2:], self.out_shape[1:], *parts, strict=True
        ):
            place = np.arange(size)[:, None] + padding - dilation * np.arange(taps)
            fits = (place % stride == 0) & (place >= 0) & (place < out * stride)
            found.append(np.where(fits, place // stride, -1))
        return found[-2:]

    def _given(self, name: str) -> Sizes:
        value: Sizes | None = getattr(self, name)
        if value is None:
            raise ValidationError(self._who("expected the size of the input; pass size="))
        return value

    def _key(self) -> tuple[Any, ...]:
        return (self.size, self.stride, self.padding, self.dilation, self.groups)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Convolution):
            return NotImplemented
        return self._key() == other._key() and np.array_equal(self.kernel, other.kernel)

    def __hash__(self) -> int:
        return hash((self.kernel.shape, self._key()))

    def __repr__(self) -> str:
        kernel = " x ".join(map(str, self.kernel.shape))
        options = ", ".join(
            f"{name}={getattr(self, name)}"
            for name in ("size", "stride", "padding", "dilation", "groups")
        )
        return f"Convolution({kernel}, {options})"


def _kernel_problems(kernel: npt.NDArray[Any]) -> list[str]:
    if kernel.ndim not in (3, 4) or kernel.dtype.kind not in "iuf" or kernel.size == 0:
        return [
            "expected a kernel of shape (out_channels, in_channels / groups, rows, columns), or "
            f"without rows, got {kernel.dtype}, shape {kernel.shape}"
        ]
    with np.errstate(over="ignore"):
        finite = np.isfinite(kernel.astype(np.float32))
    if not finite.all():
        at = tuple(np.argwhere(~finite)[0].tolist())
        return [f"expected finite float32 weights, got {kernel[at]} at {list(at)} of the kernel"]
    return []
