# SPDX-License-Identifier: Apache-2.0
"""Input that is the same in every tick, as that of direct coding: what needs no time runs once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikesim.nn.time.stateful import hooked

_PURE = frozenset({
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Flatten, nn.Identity, nn.ReLU, nn.ReLU6, nn.Hardtanh,
    nn.AvgPool1d, nn.AvgPool2d, nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
})  # fmt: skip
"""Layers of torch that give the same for the same."""


def is_constant(x: Any) -> bool:
    """Whether a tensor (T, ...) holds one tick only, which is shown in all."""
    return isinstance(x, Tensor) and x.ndim > 1 and len(x) > 1 and x.stride(0) == 0


def is_pure(module: nn.Module) -> bool:
    """Whether a module gives the same in every tick that shows it the same.

    Layers of torch that are known to, and classes that say ``pure = True`` themselves, which a
    subclass does not inherit; none that has hooks, since those see every tick.
    """
    kind = type(module)
    pure = kind in _PURE or bool(vars(kind).get("pure", False))
    return pure and not hooked(module, backward=True)


def repeated(x: Tensor, ticks: int) -> Tensor:
    """``x[0]`` in every tick, as a view; the gradient is the sum over them, from the first on.

    Parameters
    ----------
    x : float tensor, shape (1, ...)
    ticks : int

    Examples
    --------
    >>> repeated(torch.tensor([[1.0, 2.0]]), 3).tolist()
    [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """
    result: Tensor = _Repeated.apply(x, ticks)
    return result


class _Repeated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ticks: int) -> Tensor:
        return x.expand(ticks, *x.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # In this order on every machine; sums of torch take the one that suits its vectors.
        total = grad[0].clone()
        for later in grad[1:]:
            total += later
        return total[None], None
