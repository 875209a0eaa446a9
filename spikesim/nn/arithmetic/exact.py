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
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Sizes = tuple[int, ...]
_SIGNIFICAND = 53
_FLOAT32 = 24
_BIAS = 1023  # of the exponent of a float64
_ROWS = 256


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
    if torch.compiler.is_compiling():  # no graph may depend on the largest entry
        return rows_on_grid(x.reshape(1, -1), bits).reshape(x.shape)
    return _rounded(x, _beside(x, bits))


def beside(top: float, bits: int) -> float:
    """Give a number beside which float64 has no finer steps than the grid of `on_grid`.

    Adding it rounds. NaN for a largest entry that is not finite.
    """
    if not math.isfinite(top):
        return math.nan
    return 1.5 * 2.0 ** (math.frexp(top)[1] - bits + _SIGNIFICAND - 1)


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
    # As in `beside`, made of its bits: a power function may round.
    power = exponent - bits + _SIGNIFICAND - 1
    number = 1.5 * ((power + _BIAS) << (_SIGNIFICAND - 1)).view(torch.float64)
    number = number.masked_fill_(~finite, math.nan)
    return x.to(torch.float64, copy=True).add_(number).sub_(number)


def matmul(
    a: Tensor, b: Tensor, bits: tuple[int, int], dtype: torch.dtype = torch.float64
) -> Tensor:
    """Product (m, k) @ (k, n) of matrices on grids of so many bits, exact, then rounded once.

    Parameters
    ----------
    a, b : float tensors
    bits : two of int
    dtype : torch.dtype
        Of the result.

    Raises
    ------
    AssertionError
        If float64 might not hold a sum.
    """
    assert sum(bits) + _carries(a.shape[1]) <= _SIGNIFICAND, (bits, a.shape)
    number, b = _beside(a, bits[0]), on_grid(b, bits[1])
    return _by_rows(a, lambda rows: _rounded(rows, number) @ b, b.shape[1], dtype)


def product(a: Tensor, b: Tensor) -> Tensor:
    """Product (m, k) @ (k, n) in float64, term after term, which rounds alike on every machine.

    For weights that are composed once; gradients are rounded as in `matmul`.
    """
    result: Tensor = _Product.apply(a, b)
    return result


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """``torch.nn.functional.linear(x, weight)`` with exact sums; without a gradient.

    Parameters
    ----------
    x : float tensor, shape (m, n_in)
        Spikes; other values keep 17 bits of the largest of their row, for up to 4,096 rows and
        inputs, fewer beyond.
    weight : float tensor, shape (n_out, n_in)
        Used with 24 bits of the largest.

    Returns
    -------
    float tensor, shape (m, n_out), dtype of ``x``
    """
    bits = spike_bits(x.shape[1])
    b = on_grid(weight.T, bits[1])
    return _by_rows(x, lambda rows: rows_on_grid(rows, bits[0]) @ b, b.shape[1], x.dtype)


def linear_input_gradient(grad: Tensor, weight: Tensor) -> Tensor:
    """Gradient (m, n_in) of the input of `linear`, for that of the output (m, n_out)."""
    return matmul(grad, weight, half_bits(grad.shape[1]), grad.dtype)


def linear_weight_gradient(grad: Tensor, x: Tensor) -> Tensor:
    """Gradient (n_out, n_in) of the weight of `linear`, for that of the output (m, n_out)."""
    return matmul(x.T, grad, spike_bits(len(x)), grad.dtype).T


def conv(
    x: Tensor, weight: Tensor, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Tensor:
    """``conv1d`` or ``conv2d`` of ``torch.nn.functional`` with exact sums, also backward.

    Parameters
    ----------
    x : float tensor, shape (B, in_channels, *size)
        Spikes; other values keep as many bits of the largest of their sample as in `linear`.
    weight : float tensor, shape (out_channels, in_channels / groups, *window)
        Used with 24 bits of the largest.
    stride, padding, dilation : tuple of int
    groups : int

    Returns
    -------
    float tensor, shape (B, out_channels, ...), dtype of ``x``
    """
    out: Tensor = _Conv.apply(x, weight, (stride, padding, dilation, groups))
    return out


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
    return on_grid(grad, sum_bits(terms)).sum_to_size(tuple(shape)).to(grad.dtype)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        left, right = a.detach().double().numpy(), b.detach().double().numpy()
        out = np.zeros((left.shape[0], right.shape[1]))
        terms = np.empty_like(out)
        for k in np.flatnonzero(left.any(axis=0)):
            rows = np.flatnonzero(left[:, k])
            if len(rows) == len(left):  # in place, which takes a third of the time
                out += np.multiply(left[:, k, None], right[k], out=terms)
            else:
                out[rows] += left[rows, k, None] * right[k]
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        needs = ctx.needs_input_grad
        for_a = matmul(grad, b.T, half_bits(grad.shape[1])) if needs[0] else None
        for_b = matmul(a.T, grad, half_bits(len(grad))) if needs[1] else None
        return for_a, for_b


class _Conv(torch.autograd.Function):
    # In float64, torch convolves by products of matrices, which add up what is on the grids.
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, around: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.around = around
        convolve = functional.conv1d if weight.ndim == 3 else functional.conv2d
        bits = spike_bits(weight[:1].numel())
        by_sample = rows_on_grid(x.reshape(len(x), -1), bits[0]).reshape(x.shape) if len(x) else x
        return convolve(by_sample, on_grid(weight, bits[1]), None, *around).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        axes, for_x, for_weight = weight.ndim - 2, None, None
        if ctx.needs_input_grad[0]:
            of_input = torch.nn.grad.conv1d_input if axes == 1 else torch.nn.grad.conv2d_input
            bits = half_bits(weight[:, :1].numel() // ctx.around[-1])
            grids = on_grid(weight, bits[1]), on_grid(grad, bits[0])
            for_x = of_input(x.shape, *grids, *ctx.around).to(x.dtype)
        if ctx.needs_input_grad[1]:
            of_weight = torch.nn.grad.conv1d_weight if axes == 1 else torch.nn.grad.conv2d_weight
            bits = spike_bits(grad[:, :1].numel())
            grids = on_grid(x, bits[0]), on_grid(grad, bits[1])
            for_weight = of_weight(grids[0], weight.shape, grids[1], *ctx.around).to(weight.dtype)
        return for_x, for_weight, None


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        ctx.shape = x.shape
        return x.expand(shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return summed(grad, ctx.shape), None


def _beside(x: Tensor, bits: int) -> float:
    """Give `beside` for the largest entry of a tensor."""
    if not x.numel():
        return 0.0
    low, high = x.detach().aminmax()
    return beside(max(-float(low), float(high)), bits)


def _rounded(x: Tensor, number: float) -> Tensor:
    return x.to(torch.float64, copy=True).add_(number).sub_(number)


def _by_rows(
    a: Tensor, product: Callable[[Tensor], Tensor], width: int, dtype: torch.dtype
) -> Tensor:
    """Product of a few rows at a time: all in float64 would leave the cache and come back."""
    out = a.new_empty((len(a), width), dtype=dtype)
    for rows, into in zip(a.split(_ROWS), out.split(_ROWS), strict=True):
        into.copy_(product(rows))
    return out


def _carries(terms: int) -> int:
    """Bits by which a sum of so many terms can be longer than each."""
    return max(0, terms - 1).bit_length()


def sum_bits(terms: int) -> int:
    """Bits for the terms of a sum of so many."""
    return min(_FLOAT32, _SIGNIFICAND - _carries(terms))


def half_bits(terms: int) -> tuple[int, int]:
    """Bits for two factors alike, of a sum of so many products."""
    bits = min(_FLOAT32, (_SIGNIFICAND - _carries(terms)) // 2)
    return bits, bits


def spike_bits(terms: int) -> tuple[int, int]:
    """Bits for spikes and for what they are multiplied by."""
    return _SIGNIFICAND - _FLOAT32 - _carries(terms), _FLOAT32
