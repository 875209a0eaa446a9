# SPDX-License-Identifier: Apache-2.0
"""Convolution of some images, and its gradients: what the operators of a convolution share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.kernels import train
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.lif_arguments import flat

_KINDS = (torch.float32, torch.float64)
_ROWS = 7
"""Rows of the highest kernel that there are compiled gradients for."""


def sizes(image: Any, kernel: Any, padding: int, pool: int) -> tuple[Any, Any]:
    """Height and width of what comes out."""
    high, wide = (n + 2 * padding - k + 1 for n, k in zip(image, kernel, strict=True))
    return high // pool, wide // pool


def suited(x: Tensor, weight: Tensor) -> bool:
    """Whether kernels are wanted and know the kind of these."""
    known = x.device.type == "cpu" and x.dtype in _KINDS and 0 < x.numel() and weight.numel() > 0
    return known and chosen_backend() != "reference"


class Geometry:
    """Sizes of images and of what comes out.

    Parameters
    ----------
    image : two of int
        Height and width.
    weight, padding, pool
        As of `conv_pool`.
    """

    def __init__(self, image: Sequence[int], weight: Tensor, padding: int, pool: int) -> None:
        self.c_out, self.c_in, self.k_height, self.k_width = weight.shape
        self.height, self.width = image
        self.kind = np.dtype(np.float64 if weight.dtype == torch.float64 else np.float32)
        self.padding, self.pool = padding, pool
        self.high, self.wide = sizes(image, weight.shape[2:], padding, 1)
        self.out_high, self.out_wide = self.high // pool, self.wide // pool
        self.padded = self.height + 2 * padding, self.width + 2 * padding
        self.n_in = self.c_in * self.height * self.width
        self.n_out = self.c_out * self.out_high * self.out_wide
        self.n_laid = self.c_in * math.prod(self.padded)

    def bytes(self, n: int) -> np.ndarray:
        """Room for so many images of spikes with their margins, zero; shape (n, n_laid)."""
        return np.zeros((n, self.n_laid), np.uint8)

    def image(self) -> np.ndarray:
        """Room for an image with its margin and what vectors may read behind it, zero."""
        behind = (2 * train.conv.SLACK + self.k_width) * self.c_in
        return np.zeros(self.n_laid + behind + train.conv.SLACK, self.kind)

    def lay_spikes(self, x: Tensor, images: slice, ones: np.ndarray) -> bool:
        """Write some images of all ticks (T, B, ...) as bytes; False if they are no spikes."""
        first, n = images.start * self.n_in, images.stop - images.start
        found = train.conv.lay_spikes(
            flat(x.contiguous()), first, len(x), x.shape[1] * self.n_in, n, self.c_in, self.height,
            self.width, self.padding, ones.reshape(-1),
        )  # fmt: skip
        return bool(found)

    def take_spikes(self, ones: np.ndarray) -> Tensor:
        """Images (n, c_in, height, width) of bytes with margins, as numbers."""
        whole = ones.reshape(-1, *self.padded, self.c_in).transpose(0, 3, 1, 2)
        p = self.padding
        part = whole[:, :, p : p + self.height, p : p + self.width]
        return torch.from_numpy(part.astype(self.kind, order="C"))


class WeightTables:
    """The weights of a convolution as tables."""

    def __init__(self, geometry: Geometry, weight: Tensor, bias: Tensor | None) -> None:
        g = self.geometry = geometry
        self.each = train.conv.lanes_of_pixel(g.c_out, g.kind)
        lanes = train.conv.STRIPE_BYTES // g.kind.itemsize
        self.pixels = lanes // self.each
        self.groups = train.conv.groups_of_row(g.k_width, g.c_in, self.pixels)
        n = g.k_height * self.groups
        stripes = -(-g.c_out // self.each)
        self.table = train.event.vectors(stripes * n * 16 * lanes, g.kind)
        self.bias = np.zeros(g.c_out, g.kind) if bias is None else flat(bias.contiguous())
        train.conv.fill_tables(
            flat(weight.contiguous()), g.c_out, g.c_in, g.k_height, g.k_width, self.pixels,
            self.each, self.groups, self.table,
        )  # fmt: skip
        self._codes = np.zeros(g.image().size, np.uint8)
        self._places = np.zeros(n, np.int64)
        self._sums = train.event.vectors(g.high * -(-g.wide // self.pixels) * lanes, g.kind)
        vector = train.conv.VECTOR_BYTES // g.kind.itemsize
        self._offsets = np.zeros(g.out_high * g.out_wide + vector, np.int32)
        self._best, self._which = np.empty(vector**2, g.kind), np.empty(vector**2, np.uint8)

    def convolve(self, ones: np.ndarray, out: Tensor, chosen: Tensor) -> None:
        """Write output and choice for images of spikes (n, n_laid); all in one piece."""
        g = self.geometry
        train.conv.convolve(
            ones.reshape(-1), len(ones), g.c_in, g.height, g.width, g.padding, g.k_height,
            g.k_width, g.pool, self.table, self.pixels, self.each, self.groups, self.bias,
            self._codes, self._places, self._offsets, self._sums, self._best, self._which,
            flat(out), flat(chosen),
        )  # fmt: skip


class Gradients:
    """Gradients of a convolution by torch, for some images after others."""

    def __init__(self, geometry: Geometry, weight: Tensor, *, for_weight: bool) -> None:
        self._geometry, self._weight = geometry, weight.detach()
        self._sum = torch.zeros_like(self._weight) if for_weight else None

    def take(
        self, grad: Tensor, chosen: Tensor, x: Tensor | np.ndarray, of_x: Tensor | None,
        images: slice | None = None,
    ) -> None:  # fmt: skip
        """Add up the gradient of the weight, and write that of the input.

        Parameters
        ----------
        grad, chosen : tensors, shape (n, c_out, out_height, out_width)
            Gradient of the output, and which pixel of its window each is.
        x : float tensor, shape (n, c_in, height, width), or uint8 array, shape (n, n_laid)
            Input.
        of_x : float tensor, shape (T, B, c_in, height, width), optional
            Written, where these are its images.
        images : slice
            Which of each tick they are; all by default.
        """
        g, weight = self._geometry, self._weight
        full = self._unpooled(grad, chosen) if g.pool == 2 else grad
        if self._sum is not None:
            values = x if isinstance(x, Tensor) else g.take_spikes(x)
            self._sum += torch.nn.grad.conv2d_weight(values, weight.shape, full, padding=g.padding)
        if of_x is not None:
            shape = (len(grad), g.c_in, g.height, g.width)
            found = torch.nn.grad.conv2d_input(shape, weight, full, padding=g.padding)
            part = of_x[:, images or slice(None)]
            part.copy_(found.view(part.shape))

    def of_weight(self) -> Tensor:
        """Gradient of the weight over all images so far."""
        assert self._sum is not None
        return self._sum

    def _unpooled(self, grad: Tensor, chosen: Tensor) -> Tensor:
        """Gradient of the convolution, where the pool chose; 0 elsewhere."""
        high, wide = self._geometry.high, self._geometry.wide
        full = grad.new_zeros(*grad.shape[:2], high, wide)
        for which in range(4):
            part = full[:, :, which // 2 : high // 2 * 2 : 2, which % 2 : wide // 2 * 2 : 2]
            part.copy_(grad * (chosen == which))
        return full


class PooledGradients:
    """As `Gradients`, by kernels, where there is a pool: a quarter of the products."""

    def __init__(self, geometry: Geometry, weight: Tensor, *, for_weight: bool) -> None:
        g = self._geometry = geometry
        self._for_weight = for_weight
        run = g.k_width * g.c_in
        lanes = self._lanes = train.conv_grad.lanes_of_window(run)
        chunks = self._chunks = -(-run // lanes)
        self._total = np.zeros((g.c_out, chunks, g.k_height * lanes), g.kind)
        runs = weight.detach().permute(0, 2, 3, 1).reshape(g.c_out, g.k_height, run)
        runs = torch.nn.functional.pad(runs, (0, chunks * lanes - run))
        by_chunk = runs.view(g.c_out, g.k_height, chunks, lanes).permute(2, 0, 1, 3).contiguous()
        self._table = flat(by_chunk)
        self._image, self._part = g.image(), np.empty(g.k_height * lanes, g.kind)
        self._pixels = np.empty(g.out_high * g.out_wide, np.int32)
        self._counts = np.empty(4, np.int64)
        self._places, self._factors = np.empty(4 * g.c_out, np.int32), np.empty(4 * g.c_out, g.kind)

    def take(
        self, grad: Tensor, chosen: Tensor, x: Tensor | np.ndarray, of_x: Tensor | None,
        images: slice | None = None,
    ) -> None:  # fmt: skip
        """See `Gradients.take`."""
        g, given = self._geometry, (flat(grad), flat(chosen))
        shape = g.c_out, g.c_in, g.height, g.width, g.padding, g.k_width
        if self._for_weight:
            self._image[:] = 0
            train.conv_grad.weight_gradient(g.k_height, self._lanes)(
                *given, self._laid(x), len(grad), *shape, self._image, self._pixels,
                self._part, self._total,
            )  # fmt: skip
        if of_x is not None:
            ticks, batch = of_x.shape[:2]
            n, first = len(grad) // ticks, images.start if images else 0
            train.conv_grad.input_gradient(g.k_height, self._lanes)(
                *given, self._table, self._chunks, ticks, n, first * g.n_in, batch * g.n_in,
                *shape, self._counts, self._places, self._factors, self._image, self._part,
                flat(of_x),
            )  # fmt: skip

    def _laid(self, x: Tensor | np.ndarray) -> np.ndarray:
        """Images pixel by pixel, with margins."""
        if isinstance(x, Tensor):
            p = self._geometry.padding
            laid = torch.nn.functional.pad(x.permute(0, 2, 3, 1), (0, 0, p, p, p, p))
            return flat(laid.contiguous())
        return x.reshape(-1)

    def of_weight(self) -> Tensor:
        """Gradient of the weight over all images so far."""
        g = self._geometry
        total = torch.from_numpy(self._total).view(g.c_out, self._chunks, g.k_height, self._lanes)
        runs = total.transpose(1, 2).reshape(g.c_out, g.k_height, -1)[:, :, : g.k_width * g.c_in]
        by_pixel = runs.reshape(g.c_out, g.k_height, g.k_width, g.c_in)
        return by_pixel.permute(0, 3, 1, 2).contiguous()


def gradients_of(
    x: Tensor, weight: Tensor, padding: int, pool: int, *, for_weight: bool
) -> Gradients | PooledGradients:
    """Give what makes the gradients of a convolution of input (T, B, ...) in the best way."""
    geometry = Geometry(x.shape[3:], weight, padding, pool)
    by_kernel = pool == 2 and weight.shape[2] <= _ROWS and suited(x, weight)
    kind = PooledGradients if by_kernel else Gradients
    return kind(geometry, weight, for_weight=for_weight)
