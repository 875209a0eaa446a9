# SPDX-License-Identifier: Apache-2.0
"""The core's integer arithmetic on float32 tensors, exact and with straight-through gradients.

Every architectural word is below 2**18 in magnitude and every intermediate below 2**24, so
float32 holds all of them exactly; ``tests/unit/nn/integers/test_fixed_ops.py`` compares with
``fixed.arith``. Gradients ignore rounding (identity) and stop at saturation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikesim.fixed import DECAY_ONE

_HALF = 64  # DECAY_ONE == 64 * 64: a product with a 13-bit factor is done in two 6-bit halves


class _TruncatedDecay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, factor: int) -> Tensor:
        ctx.factor = factor
        if factor == DECAY_ONE:
            return z.clone()
        high, low = divmod(factor, _HALF)
        magnitude = z.abs()
        # floor((64 p + q) / 4096) = floor((p + floor(q / 64)) / 64), each product below 2**24.
        total = magnitude * high
        if low:
            total += (magnitude * (low / _HALF)).floor_()
        return total.mul_(1.0 / _HALF).floor_().copysign_(z)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * (ctx.factor / DECAY_ONE), None


class _Coded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(scale)
        return codes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (scale,) = ctx.saved_tensors
        return grad * scale, None, None


def decay(z: Tensor, factor: int) -> Tensor:
    """``fixed.decay`` of integers |z| < 2**18 held in floats; gradient ``factor / 4096``.

    Examples
    --------
    >>> decay(torch.tensor([7.0, -7.0]), 2048).tolist()
    [3.0, -3.0]
    """
    result: Tensor = _TruncatedDecay.apply(z, factor)
    return result


def saturate(x: Tensor, bits: int) -> Tensor:
    """``fixed.saturate``; the gradient is zero beyond the rails."""
    return torch.clamp(x, -float(2 ** (bits - 1)), float(2 ** (bits - 1) - 1))


def coded(value: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
    """Give ``codes`` in place of ``value * scale``, with the gradient of the latter.

    Parameters
    ----------
    value : float tensor
        What is trained.
    codes : float tensor, shape of ``value``
        Its integers.
    scale : float tensor, broadcasts to ``value``
        Codes per unit of value.

    Returns
    -------
    float tensor, shape of ``value``
    """
    result: Tensor = _Coded.apply(value, codes, scale)
    return result
