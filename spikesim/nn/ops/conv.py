# SPDX-License-Identifier: Apache-2.0
"""Convolution of spikes with max-pooling, by tables and without what the pool throws away."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.kernels import train
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.memory import empty

_KINDS = (torch.float32, torch.float64)
_ROWS = 7


def conv_pool(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, padding: int = 0, pool: int = 2
) -> Tensor:
    """Convolution of stride 1, then the largest of each ``pool`` by ``pool``; made for spikes.

    Parameters
    ----------
    x : float tensor, shape (T, B, c_in, height, width)
        Spikes; anything else is right too, and as slow as torch.
    weight : float tensor, shape (c_out, c_in, k_height, k_width)
    bias : float tensor, shape (c_out,), optional
    padding : int
        Zeros around an image.
    pool : {1, 2}
        1 is no pooling.

    Returns
    -------
    float tensor, shape (T, B, c_out, out_height, out_width)

    Raises
    ------
    ValidationError
        For shapes that do not fit, several types, or a pool of another size.

    Examples
    --------
    >>> x = torch.ones(1, 1, 1, 4, 4)
    >>> conv_pool(x, torch.ones(1, 1, 3, 3)).tolist()
    [[[[[9.0]]]]]
    """
    kinds = {one.dtype for one in (x, weight, bias) if one is not None}
    fits = x.ndim == 5 and weight.ndim == 4 and x.shape[2] == weight.shape[1]
    fits = fits and (bias is None or bias.shape == weight.shape[:1]) and len(kinds) == 1
    if not fits or pool not in (1, 2) or padding < 0:
        shapes = tuple(x.shape), tuple(weight.shape), None if bias is None else tuple(bias.shape)
        raise ValidationError(
            "conv_pool: expected x (T, B, c_in, h, w), weight (c_out, c_in, kh, kw) and bias "
            f"(c_out,) of one type, padding of 0 or more, and pool 1 or 2, got {shapes[0]}, "
            f"{shapes[1]} and {shapes[2]} of {', '.join(sorted(map(str, kinds)))}, {padding} and "
            f"{pool}"
        )
    if min(_sizes(x.shape[3:], weight.shape[2:], padding, pool)) < 1:
        raise ValidationError(
            f"conv_pool: expected images that hold a kernel and a pool, got {tuple(x.shape[3:])} "
            f"for {tuple(weight.shape[2:])} and {pool}; give a padding"
        )
    out: Tensor = torch.ops.spikesim.conv_pool(x, weight, bias, padding, pool)[0]
    return out


def _sizes(image: Any, kernel: Any, padding: int, pool: int) -> tuple[Any, Any]:
    high, wide = (n + 2 * padding - k + 1 for n, k in zip(image, kernel, strict=True))
    return high // pool, wide // pool


def _flat(x: Tensor) -> np.ndarray:
    values: np.ndarray = x.detach().numpy().reshape(-1)
    return values


def _suited(x: Tensor, weight: Tensor) -> bool:
    """Whether kernels are wanted and know the kind of these."""
    known = x.device.type == "cpu" and x.dtype in _KINDS and 0 < x.numel() and weight.numel() > 0
    return known and chosen_backend() != "reference"


class _Geometry:
    """Sizes of images and scratch of one call."""

    def __init__(self, image: Any, weight: Tensor, padding: int, pool: int) -> None:
        self.c_out, self.c_in, self.k_height, self.k_width = weight.shape
        self.height, self.width = image
        self.kind = _flat(weight[:1, :1, :1, :1].contiguous()).dtype
        self.padding, self.pool = padding, pool
        self.high, self.wide = _sizes(image, weight.shape[2:], padding, 1)
        self.out_high, self.out_wide = self.high // pool, self.wide // pool

    def image(self) -> np.ndarray:
        """Room for an image, zero."""
        padded = (self.height + 2 * self.padding) * (self.width + 2 * self.padding)
        behind = (2 * train.conv.SLACK + self.k_width) * self.c_in
        return np.zeros(padded * self.c_in + behind + train.conv.SLACK, self.kind)


@torch.library.custom_op("spikesim::conv_pool", mutates_args=())
def _conv_pool(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, pool: int
) -> tuple[Tensor, Tensor]:
    """Give the output, and which pixel of each window it is (uint8; empty without a pool)."""
    shape = (weight.shape[0], *_sizes(x.shape[3:], weight.shape[2:], padding, pool))
    out = (
        empty((*x.shape[:2], *shape), x.dtype)
        if x.device.type == "cpu"
        else x.new_empty((*x.shape[:2], *shape))
    )
    chosen = torch.empty(out.shape if pool == 2 else (0,), dtype=torch.uint8, device=x.device)
    tables = _Tables(x, weight, bias, padding, pool) if _suited(x, weight) else None
    # Tick by tick, so that what a tick gives depends on no other.
    for t, tick in enumerate(x):
        which = chosen[t] if pool == 2 else chosen
        if tables is None or not tables.convolve(tick.contiguous(), out[t], which):
            _dense(tick, weight, bias, padding, pool, out[t], which)
    return out, chosen


class _Tables:
    """The weights of a convolution as tables."""

    def __init__(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, pool: int
    ) -> None:
        g = self.geometry = _Geometry(x.shape[3:], weight, padding, pool)
        self.each = train.conv.lanes_of_pixel(g.c_out, g.kind)
        lanes = train.conv.STRIPE_BYTES // g.kind.itemsize
        self.pixels = lanes // self.each
        self.groups = train.conv.groups_of_row(g.k_width, g.c_in, self.pixels)
        n = g.k_height * self.groups
        stripes = -(-g.c_out // self.each)
        self.table = train.event.vectors(stripes * n * 16 * lanes, g.kind)
        self.bias = np.zeros(g.c_out, g.kind) if bias is None else _flat(bias.contiguous())
        train.conv.fill_tables(
            _flat(weight.contiguous()), g.c_out, g.c_in, g.k_height, g.k_width, self.pixels,
            self.each, self.groups, self.table,
        )  # fmt: skip
        self._image = g.image()
        self._bits = np.zeros(self._image.size, np.uint8)
        self._places = np.zeros(n, np.int64)
        self._sums = train.event.vectors(g.high * -(-g.wide // self.pixels) * lanes, g.kind)
        self._best = np.empty(g.out_high * g.out_wide * self.each, g.kind)
        self._which = np.empty(self._best.size, np.int32)

    def convolve(self, x: Tensor, out: Tensor, chosen: Tensor) -> bool:
        """Write output and choice for images (B, ...) of one tick; False if they are no spikes."""
        values, g = _flat(x), self.geometry
        if not train.conv.all_spikes(values):
            return False
        train.conv.convolve(
            values, len(x), g.c_in, g.height, g.width, g.padding, g.k_height, g.k_width, g.pool,
            self.table, self.pixels, self.each, self.groups, self.bias, self._image, self._bits,
            self._places, self._sums, self._best, self._which, _flat(out), _flat(chosen),
        )  # fmt: skip
        return True


def _dense(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, pool: int, out: Tensor,
    chosen: Tensor,
) -> None:  # fmt: skip
    """As torch does."""
    full = torch.nn.functional.conv2d(x, weight, bias, padding=padding)
    if pool == 1:
        out.copy_(full)
        return
    pooled, index = torch.nn.functional.max_pool2d(full, 2, return_indices=True)
    out.copy_(pooled)
    chosen.copy_(index // full.shape[3] % 2 * 2 + index % full.shape[3] % 2)


@_conv_pool.register_fake
def _(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, pool: int
) -> tuple[Tensor, Tensor]:
    shape = (weight.shape[0], *_sizes(x.shape[3:], weight.shape[2:], padding, pool))
    out = x.new_empty((*x.shape[:2], *shape))
    return out, torch.empty(out.shape if pool == 2 else (0,), dtype=torch.uint8, device=x.device)


@torch.library.custom_op("spikesim::conv_pool_backward", mutates_args=())
def _backward(
    grad: Tensor, chosen: Tensor, x: Tensor, weight: Tensor, padding: int, pool: int, for_x: bool,
    for_weight: bool, for_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    grad = grad.contiguous()
    for_b = grad.sum((0, 1, 3, 4)) if for_bias else grad.new_empty(0)
    n, suited = math.prod(x.shape[:2]), _suited(x, weight)
    found = [grad.new_empty(0), grad.new_empty(0)]
    if pool == 2 and suited and weight.shape[2] <= _ROWS:
        g = _Geometry(x.shape[3:], weight, padding, pool)
        if for_x:
            found[0] = _input_gradient(g, n, grad, chosen, x, weight)
        if for_weight:
            found[1] = _weight_gradient(g, n, grad, chosen, x.contiguous(), weight)
        return found[0], found[1], for_b
    sums = [torch.zeros_like(weight) if for_weight else found[1]]
    found[0] = x.new_empty(x.shape) if for_x else found[0]
    for t, tick in enumerate(x):
        full = _unpooled(grad[t], chosen[t], tick, weight, padding) if pool == 2 else grad[t]
        if for_x:
            found[0][t] = torch.nn.grad.conv2d_input(tick.shape, weight, full, padding=padding)
        if for_weight:
            sums[0] += torch.nn.grad.conv2d_weight(tick, weight.shape, full, padding=padding)
    return found[0], sums[0], for_b


def _unpooled(grad: Tensor, chosen: Tensor, x: Tensor, weight: Tensor, padding: int) -> Tensor:
    """Gradient of the convolution, where the pool chose; 0 elsewhere."""
    high, wide = _sizes(x.shape[2:], weight.shape[2:], padding, 1)
    full = grad.new_zeros(*grad.shape[:2], high, wide)
    for which in range(4):
        part = full[:, :, which // 2 : high // 2 * 2 : 2, which % 2 : wide // 2 * 2 : 2]
        part.copy_(grad * (chosen == which))
    return full


def _chunks(g: _Geometry) -> tuple[int, int]:
    """Numbers summed at a time of a row of the kernel, and how often."""
    run = g.k_width * g.c_in
    lanes = train.conv_grad.lanes_of_window(run)
    return lanes, -(-run // lanes)


def _weight_gradient(
    g: _Geometry, n: int, grad: Tensor, chosen: Tensor, x: Tensor, weight: Tensor
) -> Tensor:
    lanes, chunks = _chunks(g)
    total = np.zeros((g.c_out, chunks, g.k_height * lanes), g.kind)
    train.conv_grad.weight_gradient(g.k_height, lanes)(
        _flat(grad), _flat(chosen), _flat(x), n, g.c_out, g.c_in, g.height, g.width, g.padding,
        g.k_width, g.image(), np.empty(g.out_high * g.out_wide, np.int32),
        np.empty(g.k_height * lanes, g.kind), total,
    )  # fmt: skip
    by_row = torch.from_numpy(total).view(g.c_out, chunks, g.k_height, lanes).transpose(1, 2)
    runs = by_row.reshape(g.c_out, g.k_height, -1)[:, :, : g.k_width * g.c_in]
    by_pixel = runs.reshape(g.c_out, g.k_height, g.k_width, g.c_in)
    return by_pixel.permute(0, 3, 1, 2).contiguous()


def _input_gradient(
    g: _Geometry, n: int, grad: Tensor, chosen: Tensor, x: Tensor, weight: Tensor
) -> Tensor:
    lanes, chunks = _chunks(g)
    runs = weight.detach().permute(0, 2, 3, 1).reshape(g.c_out, g.k_height, -1)
    runs = torch.nn.functional.pad(runs, (0, chunks * lanes - runs.shape[2]))
    by_chunk = runs.view(g.c_out, g.k_height, chunks, lanes).permute(2, 0, 1, 3).contiguous()
    out = empty(x.shape, x.dtype)
    most = g.out_high * g.out_wide * g.c_out
    train.conv_grad.input_gradient(g.k_height, lanes)(
        _flat(grad), _flat(chosen), _flat(by_chunk), chunks, n, g.c_out, g.c_in, g.height,
        g.width, g.padding, g.k_width, np.empty(g.high * g.wide + 1, np.int64),
        np.empty(most, np.int32), np.empty(most, g.kind), g.image(),
        np.empty(g.k_height * lanes, g.kind), _flat(out),
    )  # fmt: skip
    return out


@_backward.register_fake
def _(
    grad: Tensor, chosen: Tensor, x: Tensor, weight: Tensor, padding: int, pool: int, for_x: bool,
    for_weight: bool, for_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return (
        x.new_empty(x.shape) if for_x else grad.new_empty(0),
        weight.new_empty(weight.shape) if for_weight else grad.new_empty(0),
        grad.new_empty(weight.shape[0] if for_bias else 0),
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, _, ctx.padding, ctx.pool = inputs
    ctx.save_for_backward(x, weight, output[1])
    ctx.mark_non_differentiable(output[1])


def _gradients(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    x, weight, chosen = ctx.saved_tensors
    needs = ctx.needs_input_grad[:3]
    found = torch.ops.spikesim.conv_pool_backward(
        grad, chosen, x, weight, ctx.padding, ctx.pool, *needs
    )
    gradients = (one if asked else None for one, asked in zip(found, needs, strict=True))
    return (*gradients, None, None)


_conv_pool.register_autograd(_gradients, setup_context=_keep)
