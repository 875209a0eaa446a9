# SPDX-License-Identifier: Apache-2.0
"""Connections given one by one: lists of pairs, and convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError


@dataclass(frozen=True, eq=False)
class PairList:
    """Connections listed by source and target.

    Weights and delays of ``Network.connect`` may then hold one value per pair, too.

    Parameters
    ----------
    pre, post : int array, shape (k,)
        Source and target of each synapse; pairs may repeat.

    Raises
    ------
    ValidationError
        If they are not integers of one length.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> from spikesim.network import Network
    >>> net = Network(dt=1e-3)
    >>> a = net.add_population("a", 3, LIF(beta=0.9))
    >>> pairs = PairList([2, 0], [1, 2])
    >>> net.connect(a, a, pairs, weight=[0.5, 0.25]).rows.weights.tolist()
    [0.25, 0.5]
    """

    pre: npt.NDArray[np.int64]
    post: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        problems = []
        for name in ("pre", "post"):
            array = np.asarray(getattr(self, name))
            if array.size == 0:
                array = array.reshape(-1).astype(np.int64)
            if array.ndim != 1 or array.dtype.kind not in "iu":
                problems.append(
                    f"PairList: expected {name} as integers with one axis, got {array.dtype}, "
                    f"shape {array.shape}"
                )
            else:
                object.__setattr__(self, name, array.astype(np.int64))
        if not problems and self.pre.size != self.post.size:
            problems.append(
                f"PairList: expected as many pre as post, got {self.pre.size}, {self.post.size}"
            )
        if problems:
            raise ValidationError(problems)

    def problems(self, n_pre: int, n_post: int) -> list[str]:
        """Pairs that do not fit the populations."""
        return [
            f"PairList: expected 0 <= {name} < {n}, got {int(array[np.argmax(bad)])} "
            f"({int(bad.sum())} outside)"
            for name, array, n in (("pre", self.pre, n_pre), ("post", self.post, n_post))
            if (bad := (array < 0) | (array >= n)).any()
        ]


@dataclass(frozen=True, eq=False)
class Conv2D:
    """Two-dimensional convolution (as in deep learning: the kernel is not flipped).

    Source ``(c * height + y) * width + x``, target likewise with the sizes of ``out_shape``.
    A weight of 0 is no synapse.

    Parameters
    ----------
    kernel : float array, shape (out_channels, in_channels, rows, columns)
        Weights.
    height, width : int
        Of the input.
    stride, padding : int
        In both directions.

    Raises
    ------
    ValidationError
        If the kernel has another shape or is not finite, or nothing of it fits the input.

    Examples
    --------
    >>> conv = Conv2D([[[[1.0, -1.0]]]], height=2, width=3)
    >>> conv.n_in, conv.out_shape
    (6, (1, 2, 2))
    """

    kernel: npt.NDArray[np.float32]
    height: int
    width: int
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        kernel: npt.NDArray[Any] = np.asarray(self.kernel)
        problems = []
        if kernel.ndim != 4 or kernel.dtype.kind not in "iuf" or kernel.size == 0:
            problems.append(
                "expected a kernel of shape (out_channels, in_channels, rows, columns), got "
                f"{kernel.dtype}, shape {kernel.shape}"
            )
        elif not np.isfinite(kernel.astype(np.float32)).all():
            problems.append("expected finite kernel weights")
        least = {"height": 1, "width": 1, "stride": 1, "padding": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
                problems.append(f"expected {name} as an integer >= {low}, got {value!r}")
        if not problems:
            object.__setattr__(self, "kernel", kernel.astype(np.float32))
            if min(self.out_shape) < 1:
                problems.append(
                    f"expected a kernel no larger than the padded input, got {kernel.shape[2:]} "
                    f"on ({self.height}, {self.width}) with padding {self.padding}"
                )
        if problems:
            raise ValidationError([f"Conv2D: {text}" for text in problems])

    @property
    def n_in(self) -> int:
        """Neurons of the source population."""
        return int(self.kernel.shape[1] * self.height * self.width)

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the target population."""
        rows, columns = self.kernel.shape[2:]
        return (
            self.kernel.shape[0],
            (self.height + 2 * self.padding - rows) // self.stride + 1,
            (self.width + 2 * self.padding - columns) // self.stride + 1,
        )

    def problems(self, n_pre: int, n_post: int) -> list[str]:
        """Refuses populations of other sizes."""
        n_out = int(np.prod(self.out_shape))
        if (n_pre, n_post) == (self.n_in, n_out):
            return []
        return [
            f"Conv2D: expected {self.n_in} sources and {n_out} targets "
            f"({self.out_shape} channels, rows, columns), got {n_pre} and {n_post}"
        ]

    def columns(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Row starts, targets and weights of all synapses."""
        from spikesim.kernels.connect import conv_rows

        strides, pads = (np.full(2, value, dtype=np.int64) for value in (self.stride, self.padding))
        shape = np.array([self.height, self.width, *self.out_shape[1:]], dtype=np.int64)
        indptr = np.zeros(self.n_in + 1, dtype=np.int64)
        targets, weights = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        conv_rows(self.kernel, strides, pads, shape, indptr, targets, weights)
        np.cumsum(indptr, out=indptr)
        targets = np.empty(int(indptr[-1]), dtype=np.int32)
        weights = np.empty(targets.size, dtype=np.float32)
        if targets.size:
            conv_rows(self.kernel, strides, pads, shape, indptr, targets, weights)
        return indptr, targets, weights
