# SPDX-License-Identifier: Apache-2.0
"""A `LIFLayer` in the unit of the membrane that another framework's neuron counts in."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from spikesim.convert.modules import Conversion, Position, StepAdapter, as_row
from spikesim.errors import ConversionError
from spikesim.nn import LIFLayer, Linear, Recurrent
from spikesim.nn.arithmetic.surrogate import Surrogate
from spikesim.nn.compat.snntorch import LateNeuron
from spikesim.nn.layers.network import SpikingNet
from spikesim.nn.presets.surrogates import Scaled, Stretched
from spikesim.nn.time.running import is_row
from spikesim.nn.time.stateful import hooked

_SAME = 1e-9
"""Share by which constants may be apart that several roundings lie between."""


@dataclass(frozen=True)
class Canonical:
    """Constants of a layer whose membrane is ``(v - offset) / unit``; float or float64 array.

    Attributes
    ----------
    beta, alpha, gain, bias, v_th, v_reset, amount, v_init, v_floor
        As of ``neurons.LIF``; ``amount`` is what a soft reset takes off.
    reset, strict, detach_reset
        As of the layer.
    held : bool
        Whether the membrane stands still for a tick after a spike.
    surrogate : Surrogate
        For the membrane in its unit.
    """

    beta: Any
    alpha: Any
    gain: Any
    bias: Any
    v_th: Any
    v_reset: Any
    amount: Any
    v_init: Any
    v_floor: Any
    reset: str
    strict: bool
    held: bool
    detach_reset: bool
    surrogate: Surrogate

    @classmethod
    def of(cls, layer: LIFLayer) -> Canonical:
        """Give the constants of a layer in its own unit.

        Raises
        ------
        ConversionError
            For refractory ticks that no other framework has.
        """
        neuron = layer.canonical()
        values = {
            key: _shaped(getattr(neuron, key), layer.shape)
            for key in ("beta", "alpha", "gain", "bias", "v_th", "v_reset", "v_init", "v_floor")
        }
        amount = neuron.v_th if neuron.reset_amount is None else neuron.reset_amount
        ticks = np.unique(neuron.refractory_ticks)
        held = len(ticks) == 1 and ticks[0] == 1 and (neuron.refractory, neuron.reset) == (
            "hold", "hard",
        )  # fmt: skip
        if not held and ticks.any():
            raise ConversionError(
                f"expected no refractory ticks, or one that holds the membrane after a hard reset, "
                f"got refractory_ticks={neuron.refractory_ticks}, refractory={neuron.refractory!r}"
                f", reset={neuron.reset!r}; train with refractory_ticks=0"
            )
        return cls(
            **values, amount=_shaped(amount, layer.shape), reset=neuron.reset,
            strict=neuron.strict, held=held, detach_reset=layer.detach_reset,
            surrogate=layer.surrogate,
        )  # fmt: skip

    @property
    def rest(self) -> Any:
        """Where the membrane goes without input; where it does not leak, where it begins."""
        leak = 1.0 - self.beta
        return np.where(leak > 0, self.bias / np.where(leak > 0, leak, 1.0), self.v_init)[()]

    def counted(self, unit: Any = 1.0, offset: Any = 0.0) -> Canonical:
        """Give the same neuron with a membrane ``(v - offset) / unit``.

        Raises
        ------
        ConversionError
            If the unit is not above 0.
        """
        if not np.all(np.asarray(unit) > 0):
            raise ConversionError(
                f"expected a gain above 0, got {np.min(self.gain):g}; turn the sign of the weights"
            )
        moved = {
            key: None if getattr(self, key) is None else (getattr(self, key) - offset) / unit
            for key in ("v_th", "v_reset", "v_init", "v_floor")
        }
        surrogate = self.surrogate
        if np.any(np.asarray(unit) != 1.0):
            factor = float(unit) if np.ndim(unit) == 0 else torch.as_tensor(np.array(unit))
            surrogate = Scaled(Stretched(surrogate, factor), factor)
        rest = {
            "gain": self.gain / unit, "amount": self.amount / unit, "surrogate": surrogate,
            "bias": (self.bias - (1.0 - self.beta) * offset) / unit,
        }  # fmt: skip
        return Canonical(**{**vars(self), **moved, **rest})


def same(a: Any, b: Any) -> bool:
    """Whether constants are equal but for rounding.

    Examples
    --------
    >>> same(0.1 + 0.2, 0.3), same(0.3, 0.30001)
    (True, False)
    """
    return bool(np.allclose(a, b, rtol=_SAME, atol=_SAME))


def uniform(name: str, value: Any) -> float:
    """Give a constant that all neurons share as a float.

    Raises
    ------
    ConversionError
        If they have several.
    """
    if np.ndim(value) and not np.all(np.asarray(value) == np.asarray(value).flat[0]):
        raise ConversionError(
            f"expected one {name} for all neurons, got {np.min(value):g} to {np.max(value):g}; "
            "give each value a layer of its own"
        )
    return float(np.asarray(value).flat[0])


def tensor(value: Any, dtype: torch.dtype) -> torch.Tensor:
    """Give a constant as a tensor: one number in float64, which no operation spreads."""
    array = np.asarray(value, dtype=np.float64)
    return torch.tensor(array, dtype=dtype if array.ndim else torch.float64)


def converted_back(
    who: str, net: torch.nn.Module, exchange: Callable[[torch.nn.Module, Position, Any], Any]
) -> torch.nn.Module:
    """Give a net of ours with neurons of another framework, as `Conversion` does it.

    Parameters
    ----------
    who : str
        Name of the function, for messages.
    net : torch.nn.Module
        Left as it is.
    exchange : callable
        Gives the neuron for a `LIFLayer`, a `Recurrent` or a `LateNeuron`.
    """
    fixed: list[str] = []

    def known(module: torch.nn.Module, place: Position, child: Any) -> Any:
        if isinstance(module, StepAdapter):
            return module.module
        if isinstance(module, LIFLayer | Recurrent | LateNeuron):
            made = exchange(module, place, child)
            kept = {id(parameter) for parameter in made.parameters()}
            if any(id(parameter) not in kept for parameter in module.parameters()):
                fixed.append(repr(place.path))
            return made
        if type(module) is Linear and not hooked(module):
            return _plain_linear(module)
        if is_row(module) or (isinstance(module, SpikingNet) and module.over_time):
            return as_row(
                module, {name: child(part, name) for name, part in module._modules.items()}
            )
        return None

    def row(module: torch.nn.Module) -> bool:
        return is_row(module) or (isinstance(module, SpikingNet) and module.over_time)

    def neuron(module: torch.nn.Module) -> bool:
        return isinstance(module, LIFLayer | Recurrent | LateNeuron | StepAdapter)

    made = Conversion(who, known, row, neuron, row_type=torch.nn.Sequential)(net)
    if fixed:
        warnings.warn(
            f"{who}: learned constants of {', '.join(fixed)} are handed over as numbers and stay "
            "as they are; learn them there anew",
            stacklevel=3,
        )
    return made


def _plain_linear(module: torch.nn.Linear) -> torch.nn.Linear:
    plain = torch.nn.Linear(
        module.in_features, module.out_features, module.bias is not None, device="meta"
    )
    plain.weight, plain.bias = module.weight, module.bias
    return plain.train(module.training)


def _shaped(value: Any, shape: tuple[int, ...] | None) -> Any:
    """Give what stands flat for neurons in the shape of the layer."""
    if value is None or np.ndim(value) == 0 or shape is None:
        return value
    return np.reshape(value, shape)
