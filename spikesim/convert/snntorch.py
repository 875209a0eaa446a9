# SPDX-License-Identifier: Apache-2.0
"""Networks of snnTorch as networks of ours, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from spikesim.convert.canonical import Canonical, converted_back, same, tensor
from spikesim.convert.modules import Conversion, Position, StepAdapter, installed, twin
from spikesim.errors import ConversionError
from spikesim.nn import LIFLayer, Recurrent
from spikesim.nn.arithmetic.surrogate import ATan, FastSigmoid, Surrogate
from spikesim.nn.compat.snntorch import LateNeuron
from spikesim.nn.presets.constants import SnntorchConstants
from spikesim.nn.presets.snntorch import ResetMechanism, like_snntorch
from spikesim.nn.presets.surrogates import as_function
from spikesim.nn.time.running import is_row

_KINDS = ("Leaky", "Lapicque", "Synaptic", "RLeaky", "RSynaptic")
#: What resets, by the method that snnTorch has chosen when the neuron was made.
_RESETS: dict[str, ResetMechanism] = {
    "_base_sub": "subtract",
    "_base_zero": "zero",
    "_base_int": "none",
}


def from_snntorch(
    net: torch.nn.Module, *, input_shape: Sequence[int] | None = None
) -> torch.nn.Module:
    """Give a net of snnTorch 1.0 as one of ours, layer for layer, spike for spike.

    Parameters and buffers are shared: an optimizer of either net trains both. The net itself is
    left as it is. A row (``Sequential``) becomes a `SpikingNet`; what its neurons hand back beside
    spikes stands in the state that `nn.run` gives. In a forward method of your own, neurons with
    hidden states that it calls once become `LIFLayer`; all others are exchanged for
    ``nn.compat.snntorch``, so that the method, its loop over time included, runs as before, with
    ``nn.reset(net)`` in place of ``snntorch.utils.reset(net)``.

    Parameters
    ----------
    net : torch.nn.Module
        In any nesting.
    input_shape : sequence of int, optional
        Axes of the input of a tick without the batch; needed for constants with several axes, as
        of channels.

    Returns
    -------
    torch.nn.Module
        For `nn.run`, and for `nn.export` if all of it has a counterpart there.

    Raises
    ------
    ConversionError
        With everything that has no equal, by its path; or if snnTorch is not installed.

    Warns
    -----
    UserWarning
        For neurons that are run as they are: Alpha, SLSTM, ...
    """
    snn = installed("snntorch", "from_snntorch")

    def is_neuron(module: torch.nn.Module) -> bool:
        return isinstance(module, snn.SpikingNeuron)

    return Conversion("from_snntorch", _exchange, is_row, is_neuron)(net, input_shape)


def to_snntorch(net: torch.nn.Module) -> torch.nn.Module:
    """Give a net of ours as one of snnTorch 1.0, its neurons with hidden states.

    Weights are shared, and so are constants that came from snnTorch with `from_snntorch`; other
    learned constants are handed over as numbers. snnTorch resets a tick late: a soft reset is
    one by ``v_th / beta`` here, a hard one to 0, for a neuron with a current followed by a tick in
    which the membrane stands still. Membranes are counted so that the gain is 1 and rest is 0.

    Parameters
    ----------
    net : torch.nn.Module
        Rows, and forward methods for one tick.

    Returns
    -------
    torch.nn.Module
        Called tick by tick after ``snntorch.utils.reset(net)``.

    Raises
    ------
    ConversionError
        With every layer that snnTorch has no equal for, by its path; or if it is not installed.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = to_snntorch(nn.SpikingNet(nn.Linear(4, 2), nn.LIFLayer(2, beta=0.5)))
    >>> type(net[1]).__name__, net[1].reset_mechanism
    ('Leaky', 'zero')
    """
    installed("snntorch", "to_snntorch")
    return converted_back("to_snntorch", net, _back)


def _exchange(module: Any, place: Position, child: Any) -> torch.nn.Module | None:
    snn = installed("snntorch", "from_snntorch")
    kind = type(module).__name__
    if not isinstance(module, snn.SpikingNeuron):
        if type(module).__module__.startswith("snntorch.") and kind != "RecurrentOneToOne":
            raise ConversionError(
                "expected a neuron that keeps a state from tick to tick, got one that takes all "
                "ticks at once; use Leaky or Synaptic"
            )
        _check_reset(type(module).forward)
        return None
    if type(module) not in [getattr(snn, name) for name in _KINDS]:
        return _adapted(module, place)
    layer = _layer(module, kind, place.shape)
    back = child(module.recurrent, "recurrent") if kind in ("RLeaky", "RSynaptic") else None
    hidden = module.init_hidden and not module.output
    if not place.in_row and not (hidden and place.calls == 1):
        return LateNeuron(
            layer, synaptic=kind.endswith("Synaptic"), recurrent=back,
            init_hidden=module.init_hidden, output=module.output,
        )  # fmt: skip
    return layer if back is None else Recurrent(layer, back)


def _check_reset(forward: Any) -> None:
    """Refuse a forward method that puts neurons to rest in a way that finds none of ours."""
    snn, utils = (installed(name, "from_snntorch") for name in ("snntorch", "snntorch.utils"))
    own = (snn, utils, utils.reset)
    names = getattr(getattr(forward, "__code__", None), "co_names", ())
    if "reset" in names and any(forward.__globals__.get(name) in own for name in names):
        raise ConversionError(
            "expected a forward method without snntorch.utils.reset, which knows no neurons of "
            "ours; call spikesim.nn.reset(self) in its place, or nn.run the net, from rest"
        )


def _layer(module: Any, kind: Any, shape: tuple[int, ...] | None) -> LIFLayer:
    if isinstance(module.graded_spikes_factor, Parameter):
        raise ConversionError(
            "expected learn_graded_spikes_factor=False, got True; learn the weights behind"
        )
    constants = ("R", "C", "time_step") if kind == "Lapicque" else ("beta",)
    given = {name: getattr(module, name) for name in constants}
    if kind.endswith("Synaptic"):
        given["alpha"] = module.alpha
    return like_snntorch(
        shape, kind=kind, threshold=module.threshold, spike_grad=module.spike_grad,
        reset_mechanism=_RESETS[module.state_function.__name__], inhibition=module.inhibition,
        state_quant=module.state_quant, graded_spikes_factor=module.graded_spikes_factor,
        reset_delay=getattr(module, "reset_delay", True), **given,
    )  # fmt: skip


def _adapted(module: Any, place: Position) -> StepAdapter:
    return StepAdapter(twin(module), _rest, _first if place.in_row else _call)


def _back(module: Any, place: Position, child: Any) -> torch.nn.Module:
    options = {"init_hidden": True, "output": False}
    layer, back = module, None
    if isinstance(module, Recurrent):
        layer, back = module.neurons, child(module.back, "back")
    elif isinstance(module, LateNeuron):
        options = {"init_hidden": module.init_hidden, "output": module.output}
        layer = module.layer
        back = None if module.recurrent is None else child(module.recurrent, "recurrent")
    if not isinstance(layer, LIFLayer):
        raise ConversionError(f"expected LIFLayer within Recurrent, got {type(layer).__name__}")
    return _neuron(layer, back, options)


def _neuron(layer: LIFLayer, back: torch.nn.Module | None, options: dict[str, Any]) -> Any:
    snn = installed("snntorch", "to_snntorch")
    own = Canonical.of(layer)
    c = own.counted(own.gain, own.rest)
    with_current = bool(np.any(c.alpha != 0.0)) or c.held
    problems = _problems(c, with_current, back is not None)
    if problems:
        raise ConversionError(problems)
    like = next((p.dtype for p in layer.parameters()), torch.get_default_dtype())
    given: dict[str, Any] = {
        "beta": tensor(c.beta, like), "threshold": tensor(c.v_th, like),
        "spike_grad": _spike_grad(c.surrogate, c.strict),
        "reset_mechanism": {"soft": "subtract", "hard": "zero", "none": "none"}[c.reset],
    }  # fmt: skip
    if with_current and (back is None or np.any(c.alpha != 0.0)):
        given["alpha"] = tensor(c.alpha, like)
    kind = ("R" if back is not None else "") + ("Synaptic" if "alpha" in given else "Leaky")
    if back is None:
        made = getattr(snn, kind)(**given, **options)
    else:
        made = getattr(snn, kind)(**given, **options, linear_features=1)
        made.recurrent = back
    if isinstance(layer._tied, SnntorchConstants) and same(own.gain, 1.0):
        for name in layer._tied_to:
            setattr(made, name, layer._parameters[f"raw_{name}"])
    return made


def _problems(c: Canonical, with_current: bool, recurrent: bool) -> list[str]:
    problems = []
    if c.v_floor is not None:
        problems.append("expected no v_floor, got one; snnTorch has no floor")
    if not same(c.v_init, 0.0):
        problems.append(
            "expected a membrane that starts at rest, got another v_init; snnTorch starts at 0"
        )
    if not same(c.bias, 0.0):
        problems.append("expected no bias without a leak, got one; give it to the layer before")
    if not np.all(c.v_th > 0):
        problems.append(f"expected a threshold above rest, got {np.min(c.v_th):g} above it")
    if c.reset == "hard" and not same(c.v_reset, 0.0):
        problems.append("expected a hard reset to rest, got another v_reset; use reset='soft'")
    if c.reset == "hard" and not c.held and (with_current or recurrent):
        problems.append(
            "expected refractory_ticks=1 with a hard reset of a neuron with current or recurrence, "
            "got 0; snnTorch drops the input of the tick after a spike"
        )
    if c.reset == "soft" and not same(c.amount * c.beta, c.v_th):
        problems.append(
            f"expected a soft reset by v_th / beta, which snnTorch takes off a tick late, got "
            f"{np.max(c.amount):g} for v_th / beta = {np.max(c.v_th / c.beta):g}; train with "
            "nn.like_snntorch(...), or go through a hard reset"
        )
    return problems


def _spike_grad(surrogate: Surrogate, strict: bool) -> Any:
    own = installed("snntorch.surrogate", "to_snntorch")
    if strict and surrogate == ATan(math.pi):
        return own.atan()
    if strict and type(surrogate) is FastSigmoid:
        return own.fast_sigmoid(surrogate.slope)
    return as_function(surrogate, strict)


def _rest(module: Any, x: Tensor) -> dict[str, Tensor]:
    return {name: x.new_zeros(0) for name in sorted(module._non_persistent_buffers_set)}


def _call(module: Any, x: Tensor, state: dict[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    module._buffers.update(state)
    out = module(x)
    after = {name: module._buffers[name] for name in state}
    module._buffers.update(_rest(module, x))  # the graph of this tick goes with the state
    return out, after


def _first(module: Any, x: Tensor, state: dict[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    out, after = _call(module, x, state)
    return (out[0] if isinstance(out, tuple) else out), after
