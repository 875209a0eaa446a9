# SPDX-License-Identifier: Apache-2.0
"""The exponential function as plain arithmetic, the same bits on every machine and in kernels.

``torch.exp`` takes another way for each vector unit it finds.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

_LOG2E = 1.4426950408889634


def exp(x: Tensor) -> Tensor:
    """``kernels.elementary.exp_float32``, or that of float64, of each entry; nan stays.

    Parameters
    ----------
    x : float tensor, any shape
        Taken to -87 … 88; float64 to -708 … 709. Half precision is run in float32.

    Examples
    --------
    >>> exp(torch.tensor([0.0, 1.0])).tolist()
    [1.0, 2.7182817459106445]
    """
    if x.dtype not in (torch.float32, torch.float64):
        return exp(x.float()).to(x.dtype)
    whole, mantissa, bias, least, most, beside, high, low, polynomial = _numbers(x.dtype)
    z = torch.nan_to_num(x, nan=0.0).clamp(least, most)
    n = (z * _LOG2E + beside) - beside
    r = (z - n * high) - n * low
    p = torch.full_like(r, polynomial[0])
    for factor in polynomial[1:]:
        p = p * r + factor
    p = (p * r) * r + r + 1.0
    power: Tensor = ((n.to(whole) + bias) << mantissa).view(x.dtype)
    return torch.where(x.isnan(), x, p * power)


@functools.cache
def _numbers(dtype: torch.dtype) -> tuple[Any, ...]:
    from spikesim.kernels import elementary as e  # loads the compiler, so not before it is needed

    if dtype == torch.float32:
        found = (e.ROUND_32, e.HIGH_32, e.LOW_32), e.POLYNOMIAL_32
        return torch.int32, 23, 127, -87.0, 88.0, *map(float, found[0]), [*map(float, found[1])]
    return (
        torch.int64, 52, 1023, -708.0, 709.0, e.ROUND_64, e.HIGH_64, e.LOW_64, e.POLYNOMIAL_64,
    )  # fmt: skip
