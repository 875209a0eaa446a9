# SPDX-License-Identifier: Apache-2.0
"""Convolution of spikes with max-pooling, by tables and without what the pool throws away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.ops.conv_images import Geometry, WeightTables, gradients_of, sizes, suited
from spikesim.nn.ops.memory import empty


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
    output_shape(x, weight, bias, padding, pool)
    out: Tensor = torch.ops.spikesim.conv_pool(x, weight, bias, padding, pool)[0]
    return out


def output_shape(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, pool: int
) -> tuple[int, ...]:
    """Shape (T, B, c_out, out_height, out_width) of `conv_pool`; refuses what does not fit."""
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
    out = sizes(x.shape[3:], weight.shape[2:], padding, pool)
    if min(out) < 1:
        raise ValidationError(
            f"conv_pool: expected images that hold a kernel and a pool, got {tuple(x.shape[3:])} "
            f"for {tuple(weight.shape[2:])} and {pool}; give a padding"
        )
    return *x.shape[:2], weight.shape[0], *out


def _room(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Tensor like ``x``, of another shape."""
    return empty(shape, x.dtype) if x.device.type == "cpu" else x.new_empty(shape)


@torch.library.custom_op("spikesim::conv_pool", mutates_args=())
def _conv_pool(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, pool: int
) -> tuple[Tensor, Tensor]:
    """Give the output, and which pixel of each window it is (uint8; empty without a pool)."""
    shape = (weight.shape[0], *sizes(x.shape[3:], weight.shape[2:], padding, pool))
    out = _room(x, (*x.shape[:2], *shape))
    chosen = torch.empty(out.shape if pool == 2 else (0,), dtype=torch.uint8, device=x.device)
    geometry = Geometry(x.shape[3:], weight, padding, pool)
    tables = WeightTables(geometry, weight, bias) if suited(x, weight) else None
    ones = geometry.bytes(x.shape[1] if tables else 0)
    # Tick by tick, so that what a tick gives depends on no other.
    for t, tick in enumerate(x):
        which = chosen[t] if pool == 2 else chosen
        if tables is not None and geometry.lay_spikes(tick[None], slice(0, len(tick)), ones):
            tables.convolve(ones, out[t], which)
        else:
            _dense(tick, weight, bias, padding, pool, out[t], which)
    return out, chosen


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
    shape = (weight.shape[0], *sizes(x.shape[3:], weight.shape[2:], padding, pool))
    out = x.new_empty((*x.shape[:2], *shape))
    return out, torch.empty(out.shape if pool == 2 else (0,), dtype=torch.uint8, device=x.device)


@torch.library.custom_op("spikesim::conv_pool_backward", mutates_args=())
def _backward(
    grad: Tensor, chosen: Tensor, x: Tensor, weight: Tensor, padding: int, pool: int, for_x: bool,
    for_weight: bool, for_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    grad = grad.contiguous()
    of_bias = grad.sum((0, 1, 3, 4)) if for_bias else grad.new_empty(0)
    of_x = _room(x, x.shape if for_x else (0,))
    gradients = gradients_of(x, weight, padding, pool, for_weight=for_weight)
    for t, tick in enumerate(x):
        which = chosen[t] if pool == 2 else chosen
        gradients.take(grad[t], which, tick, of_x[t : t + 1] if for_x else None)
    return of_x, gradients.of_weight() if for_weight else grad.new_empty(0), of_bias


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
