# SPDX-License-Identifier: Apache-2.0
"""Spikes with a usable gradient: a step forward, a smooth bump backward.

With ``u`` the distance of the membrane from threshold, the spike is ``u >= 0`` (``u > 0`` if
strict) and its derivative is replaced by one of the closed forms below. All are 1 at ``u = 0``
except for the slope factor named, so that changing the surrogate does not change the scale of
the learning rate.

Each of them has a number, `SurrogateCode`, by which compiled kernels know it. Any other object
with a ``gradient`` does as well; it runs as the Python that it is.

References
----------
Neftci, Mostafa, Zenke, "Surrogate gradient learning in spiking neural networks",
IEEE Signal Processing Magazine 36(6), 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.arithmetic.elementary import exp


class Surrogate(Protocol):
    """Anything that gives a derivative for the distance from threshold."""

    def gradient(self, u: Tensor) -> Tensor:
        """Pseudo-derivative of the spike at distance ``u``, same shape."""
        ...


@dataclass(frozen=True)
class _Slope:
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not self.slope > 0.0:
            raise ValidationError(
                f"{type(self).__name__}: slope must be above 0, got {self.slope!r}"
            )


class ATan(_Slope):
    """Derivative of a scaled arc tangent: ``1 / (1 + (slope * u)**2)``."""

    def gradient(self, u: Tensor) -> Tensor:
        """``1 / (1 + (slope * u)**2)``."""
        return (self.slope * u).square_().add_(1.0).reciprocal_()


class FastSigmoid(_Slope):
    """Derivative of the fast sigmoid ``x / (1 + |x|)``: ``1 / (1 + slope * |u|)**2``."""

    def gradient(self, u: Tensor) -> Tensor:
        """``1 / (1 + slope * |u|)**2``."""
        return u.abs().mul_(self.slope).add_(1.0).square_().reciprocal_()


class Triangle(_Slope):
    """Tent of half width ``1 / slope``: ``max(0, 1 - slope * |u|)``; exact zeros outside."""

    def gradient(self, u: Tensor) -> Tensor:
        """``max(0, 1 - slope * |u|)``."""
        return u.abs().mul_(-self.slope).add_(1.0).clamp_(min=0.0)


class Sigmoid(_Slope):
    """Derivative of the logistic function, scaled to 1 at ``u = 0``."""

    def gradient(self, u: Tensor) -> Tensor:
        """``4 e / (1 + e)**2`` with ``e = exp(-|slope * u|)``: 4 times the sigmoid's derivative."""
        e = exp(-(self.slope * u).abs())
        return 4.0 * e / ((1.0 + e) * (1.0 + e))


class Boxcar(_Slope):
    """Straight-through window of half width ``1 / slope``: 1 inside, 0 outside."""

    def gradient(self, u: Tensor) -> Tensor:
        """1 where ``|u| <= 1 / slope``, else 0."""
        return (u.abs() * self.slope <= 1.0).to(u.dtype)


class SurrogateCode(IntEnum):
    """Numbers of the closed forms; the slope is their one parameter. Never given anew."""

    ATAN = 0
    FAST_SIGMOID = 1
    TRIANGLE = 2
    SIGMOID = 3
    BOXCAR = 4


_CODES: dict[type, SurrogateCode] = {
    ATan: SurrogateCode.ATAN,
    FastSigmoid: SurrogateCode.FAST_SIGMOID,
    Triangle: SurrogateCode.TRIANGLE,
    Sigmoid: SurrogateCode.SIGMOID,
    Boxcar: SurrogateCode.BOXCAR,
}


def surrogate_code(surrogate: Surrogate) -> SurrogateCode | None:
    """Give the number of a closed form; None for an object of another class, a subclass among them.

    Examples
    --------
    >>> surrogate_code(Triangle(2.0)).name
    'TRIANGLE'
    """
    return _CODES.get(type(surrogate))


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, surrogate: Surrogate, strict: bool) -> Tensor:
        ctx.save_for_backward(u)
        ctx.surrogate = surrogate
        return (u > 0 if strict else u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (u,) = ctx.saved_tensors
        bump = ctx.surrogate.gradient(u)
        if surrogate_code(ctx.surrogate) is None:
            return bump * grad, None, None  # what a user gave back may be used elsewhere
        return bump.mul_(grad), None, None


def spike(u: Tensor, surrogate: Surrogate, strict: bool = False) -> Tensor:
    """Spikes of a membrane at distance ``u`` from threshold.

    Parameters
    ----------
    u : float tensor, any shape
        ``h - v_th``.
    surrogate : Surrogate
        Gives the backward derivative.
    strict : bool
        Fire above the threshold only, not at it.

    Returns
    -------
    float tensor of 0 and 1, shape and dtype of ``u``

    Examples
    --------
    >>> u = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> s = spike(u, Triangle(slope=0.5))
    >>> s.tolist(), torch.autograd.grad(s.sum(), u)[0].tolist()
    ([0.0, 1.0, 1.0], [0.5, 1.0, 0.0])
    """
    result: Tensor = _Spike.apply(u, surrogate, strict)
    return result
