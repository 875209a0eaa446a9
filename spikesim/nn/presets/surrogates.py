# SPDX-License-Identifier: Apache-2.0
"""Spike functions of other frameworks as surrogates of ours.

What has a closed form here with the same derivative is given as that form, for which there are
kernels. Every other one runs as the Python that it is.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ConversionError
from spikesim.nn.arithmetic.surrogate import ATan, FastSigmoid, Sigmoid, Surrogate, Triangle, spike

SpikeFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Scaled:
    """Derivative that is not 1 at threshold: ``factor`` times that of another surrogate.

    Examples
    --------
    >>> Scaled(Triangle(1.0), 0.5).gradient(torch.tensor([0.0, 0.5])).tolist()
    [0.5, 0.25]
    """

    surrogate: Surrogate
    factor: float | Tensor

    def gradient(self, u: Tensor) -> Tensor:
        """``factor * surrogate.gradient(u)``."""
        return _like(self.factor, u) * self.surrogate.gradient(u)


@dataclass(frozen=True)
class Stretched:
    """Derivative of a membrane in another unit: that of a surrogate at ``factor * u``.

    Examples
    --------
    >>> Stretched(Triangle(1.0), 2.0).gradient(torch.tensor([0.0, 0.25])).tolist()
    [1.0, 0.5]
    """

    surrogate: Surrogate
    factor: float | Tensor

    def gradient(self, u: Tensor) -> Tensor:
        """``surrogate.gradient(factor * u)``."""
        return self.surrogate.gradient(_like(self.factor, u) * u)


@dataclass(frozen=True)
class TwoSidedExponential:
    """Two-sided exponential: ``exp(-|u|)``.

    Examples
    --------
    >>> round(TwoSidedExponential().gradient(torch.tensor(-1.0)).item(), 6)
    0.367879
    """

    def gradient(self, u: Tensor) -> Tensor:
        """``exp(-|u|)``."""
        return torch.exp(-u.abs())


@dataclass(frozen=True)
class Foreign:
    """Derivative that a spike function of another framework has, by asking its backward pass.

    Parameters
    ----------
    function : callable
        Spikes of a distance from threshold.
    """

    function: SpikeFunction

    def gradient(self, u: Tensor) -> Tensor:
        """Ask the backward pass of the function for a gradient of 1 at each spike."""
        with torch.enable_grad():
            leaf = u.detach().requires_grad_()
            total = self.function(leaf).sum()
        if not total.requires_grad:  # a step without a derivative
            return torch.zeros_like(u)
        return torch.autograd.grad(total, leaf)[0].to(u.dtype)


def spikes_strictly(function: SpikeFunction) -> bool:
    """Whether a spike function fires above the threshold only.

    Raises
    ------
    ConversionError
        If it is no step from 0 to 1 at 0.

    Examples
    --------
    >>> spikes_strictly(lambda u: (u > 0).float())
    True
    """
    u = torch.tensor([-2.0, -0.01, -1e-9, 0.0, 1e-9, 0.01, 2.0], dtype=torch.float64)
    got = function(u).detach().double()
    for strict in (True, False):
        if torch.equal(got, (u > 0 if strict else u >= 0).double()):
            return strict
    raise ConversionError(
        f"spike function {_name(function)}: expected 0 below and 1 above the threshold, got "
        f"{[round(float(value), 4) for value in got]} for {u.tolist()}; choose one that spikes"
    )


def surrogate_of(function: Any) -> tuple[Surrogate, bool | None]:
    """Give the surrogate of a spike function, and whether it fires strictly above threshold.

    Parameters
    ----------
    function : callable or Surrogate
        Of snnTorch (``surrogate.atan(2.0)``), of SpikingJelly (``surrogate.Sigmoid(4.0)``), any
        other function of a distance from threshold, or a surrogate of ours, which leaves the
        second answer open: None.

    Raises
    ------
    ConversionError
        If it is no step from 0 to 1.

    Examples
    --------
    >>> surrogate_of(ATan(3.0))
    (ATan(slope=3.0), None)
    """
    if isinstance(function, OurSpikes):
        return function.surrogate, function.strict
    if hasattr(function, "gradient"):
        return function, None
    strict = spikes_strictly(function)
    kind, constants = _kind(function)
    if kind in _KNOWN:
        return _KNOWN[kind](**constants), strict
    return Foreign(function), strict


def as_function(surrogate: Surrogate, strict: bool) -> SpikeFunction:
    """Give a surrogate as a spike function; that of the framework itself, where it came from one.

    Examples
    --------
    >>> as_function(ATan(), strict=True)(torch.tensor([-1.0, 0.0, 1.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    if isinstance(surrogate, Foreign) and spikes_strictly(surrogate.function) == strict:
        return surrogate.function
    return OurSpikes(surrogate, strict)


class OurSpikes(torch.nn.Module):
    """Spikes of ours for a framework that wants a function of the distance from threshold."""

    def __init__(self, surrogate: Surrogate, strict: bool) -> None:
        super().__init__()
        self.surrogate, self.strict = surrogate, strict

    def forward(self, u: Tensor) -> Tensor:
        """Spikes in the type of ``u``."""
        return spike(u, self.surrogate, self.strict)


def _scaled(surrogate: Surrogate, factor: float) -> Surrogate:
    return surrogate if factor == 1.0 else Scaled(surrogate, factor)


def _kind(function: Any) -> tuple[str, dict[str, Any]]:
    """Name of a spike function, and its constants."""
    if hasattr(function, "_sg_params"):  # SpikingJelly; its analog mode was refused before
        return f"{_package(type(function))}.{type(function).__name__}", dict(function._sg_params)
    if inspect.isfunction(function) and function.__qualname__.endswith(".<locals>.inner"):
        constants = dict(inspect.getclosurevars(function).nonlocals)
        return f"{_package(function)}.{function.__qualname__.split('.')[0]}", constants
    return "", {}


def _package(thing: Any) -> str:
    return str(thing.__module__).split(".")[0]


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", type(function).__name__)


def _like(value: float | Tensor, u: Tensor) -> float | Tensor:
    return value.to(u) if isinstance(value, Tensor) else value


#: By framework and name; each is called with the constants of the spike function.
_KNOWN: dict[str, Callable[..., Surrogate]] = {
    "snntorch.atan": lambda alpha: _scaled(ATan(math.pi / 2 * alpha), alpha / 2),
    "snntorch.fast_sigmoid": lambda slope: FastSigmoid(float(slope)),
    "snntorch.sigmoid": lambda slope: _scaled(Sigmoid(float(slope)), slope / 4),
    "spikingjelly.ATan": lambda alpha: _scaled(ATan(math.pi / 2 * alpha), alpha / 2),
    "spikingjelly.Sigmoid": lambda alpha: _scaled(Sigmoid(float(alpha)), alpha / 4),
    "spikingjelly.SoftSign": lambda alpha: _scaled(FastSigmoid(float(alpha)), alpha / 2),
    "spikingjelly.SuperSpike": lambda alpha: _scaled(FastSigmoid(1.0), alpha),
    "spikingjelly.PiecewiseQuadratic": lambda alpha: _scaled(Triangle(float(alpha)), alpha),
}
