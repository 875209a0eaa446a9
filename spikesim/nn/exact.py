# SPDX-License-Identifier: Apache-2.0
"""Sums whose bits depend neither on the machine nor on the number of threads.

A floating-point sum depends on its order, and libraries choose the order by the vector unit they
find. Here all terms are first rounded to multiples of one power of two, so coarse that float64
holds every partial sum exactly. Then no order, no fused multiply-add and no number of threads can
change a bit. With at least 17 significant bits for what is rounded (24 for weights and gradients
of small layers), training does not notice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_SIGNIFICAND = 53
_FLOAT32 = 24
_BIAS = 1023  # of the exponent of a float64


def on_grid(x: Tensor, bits: int) -> Tensor:
    """Round to the multiples of a power of two that give the largest entry ``bits`` bits.

    Parameters
    ----------
    x : float tensor, any shape
        Not finite entries make all results NaN.
    bits : int
        1 to 50.

    Returns
    -------
    float64 tensor, shape of ``x``

    Examples
    --------
    >>> on_grid(torch.tensor([8.0, 1.4, -0.3]), 4).tolist()
    [8.0, 1.0, 0.0]
    """
    if not x.numel():
        return x.double()
    low, high = x.detach().aminmax()
    top = max(-float(low), float(high))
    if not math.isfinite(top):
        return torch.full_like(x, math.nan, dtype=torch.float64)
    # Beside so large a number, float64 has no finer steps than the grid: adding rounds.
    beside = 1.5 * 2.0 ** (math.frexp(top)[1] - bits + _SIGNIFICAND - 1)
    return x.to(torch.float64, copy=True).add_(beside).sub_(beside)


def rows_on_grid(x: Tensor, bits: int) -> Tensor:
    """`on_grid` of each row by itself, so that no row of a product depends on the others.

    Parameters
    ----------
    x : float tensor, shape (m, k)
        A row with an entry that is not finite becomes NaN.
    bits : int
        1 to 50.

    Returns
    -------
    float64 tensor, shape (m, k)

    Examples
    --------
    >>> rows_on_grid(torch.tensor([[8.0, 1.4], [0.5, 0.3]]), 4).tolist()
    [[8.0, 1.0], [0.5, 0.3125]]
    """
    if not x.numel():
        return x.double()
    # Not aminmax, which takes eight times as long along an axis.
    top = x.detach().abs().amax(1, keepdim=True).double()
    finite = top.isfinite()
    exponent = torch.frexp(top.where(finite, torch.zeros_like(top))).exponent.long()
    # 1.5 * 2**(...) as in `on_grid`, made of its bits: a power function may round.
    power = exponent - bits + _SIGNIFICAND - 1
    beside = 1.5 * ((power + _BIAS) << (_SIGNIFICAND - 1)).view(torch.float64)
    beside = beside.masked_fill_(~finite, math.nan)
    return x.to(torch.float64, copy=True).add_(beside).sub_(beside)


def matmul(a: Tensor, b: Tensor, bits: tuple[int, int]) -> Tensor:
    """Product (m, k) @ (k, n) of matrices on grids of so many bits, in float64, exact.

    Raises
    ------
    AssertionError
        If float64 might not hold a sum.
    """
    assert sum(bits) + _carries(a.shape[1]) <= _SIGNIFICAND, (bits, a.shape)
    return on_grid(a, bits[0]) @ on_grid(b, bits[1])


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """``torch.nn.functional.linear(x, weight)`` with exact sums, also backward.

    Parameters
    ----------
    x : float tensor, shape (..., n_in)
        Spikes; other values keep 17 bits of the largest of their row, for up to 4,096 rows and
        inputs, fewer beyond.
    weight : float tensor, shape (n_out, n_in)
        Used with 24 bits of the largest.

    Returns
    -------
    float tensor, shape (..., n_out), dtype of ``x``
    """
    flat = x.reshape(-1, x.shape[-1])
    out: Tensor = _Linear.apply(flat, weight)
    return out.reshape(*x.shape[:-1], weight.shape[0])


def spread(x: Tensor, shape: Sequence[int]) -> Tensor:
    """``x.expand(shape)`` whose gradient is an exact sum.

    Parameters
    ----------
    x : float tensor
        Any shape that expands to ``shape``.
    shape : sequence of int
    """
    result: Tensor = _Spread.apply(x, tuple(shape))
    return result


def summed(grad: Tensor, shape: Sequence[int]) -> Tensor:
    """Sum what was spread over more axes back to ``shape``, exactly.

    Parameters
    ----------
    grad : float tensor
    shape : sequence of int
        Any that expands to that of ``grad``.
    """
    terms = grad.numel() // max(1, math.prod(shape))
    bits = min(_FLOAT32, _SIGNIFICAND - _carries(terms))
    return on_grid(grad, bits).sum_to_size(tuple(shape)).to(grad.dtype)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        bits = _spikes_by(x.shape[1])
        return (rows_on_grid(x, bits[0]) @ on_grid(weight.T, bits[1])).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        for_x = for_weight = None
        if ctx.needs_input_grad[0]:
            bits = min(_FLOAT32, (_SIGNIFICAND - _carries(grad.shape[1])) // 2)
            for_x = matmul(grad, weight, (bits, bits)).to(x.dtype)
        if ctx.needs_input_grad[1]:
            for_weight = matmul(x.T, grad, _spikes_by(len(x))).T.to(weight.dtype)
        return for_x, for_weight


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        ctx.shape = x.shape
        return x.expand(shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return summed(grad, ctx.shape), None


def _carries(terms: int) -> int:
    """Bits by which a sum of so many terms can be longer than each."""
    return max(0, terms - 1).bit_length()


def _spikes_by(terms: int) -> tuple[int, int]:
    """Bits for spikes and for what they are multiplied by."""
    return _SIGNIFICAND - _FLOAT32 - _carries(terms), _FLOAT32
