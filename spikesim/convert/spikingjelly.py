# SPDX-License-Identifier: Apache-2.0
"""Networks of SpikingJelly as networks of ours, and back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.convert.canonical import Canonical, converted_back, same, uniform
from spikesim.convert.modules import (
    Conversion,
    Position,
    StepAdapter,
    as_row,
    check_forward_per_step,
    installed,
    twin,
)
from spikesim.errors import ConversionError
from spikesim.nn import Dropout, LIFLayer
from spikesim.nn.graph.tracing import who
from spikesim.nn.presets.constants import PlifConstants
from spikesim.nn.presets.frameworks import like_spikingjelly
from spikesim.nn.presets.surrogates import as_function
from spikesim.nn.time.running import is_row

#: Rows that say how time is folded, which `nn.run` decides by itself.
_ROWS = ("MultiStepContainer", "SeqToANNContainer", "StepModeContainer")


def from_spikingjelly(
    net: torch.nn.Module, *, input_shape: Sequence[int] | None = None
) -> torch.nn.Module:
    """Give a net of SpikingJelly 2.0 as one of ours, layer for layer, spike for spike.

    Parameters and buffers are shared: an optimizer of either net trains both. The net itself is
    left as it is, whatever its step mode: ours sees a tick at a time, and `nn.run` takes it over
    (T, B, ...). A row (``Sequential`` and the containers of ``layer``) becomes a `SpikingNet`, the
    layers of ``layer`` those of torch. Batch normalization in training gathers the statistics of
    each tick, as step mode "s" does; step mode "m" takes those of all ticks at once.

    Parameters
    ----------
    net : torch.nn.Module
        In any nesting. A forward method of your own in step mode "m" may apply modules, add,
        subtract and multiply; others are for one step (step mode "s").
    input_shape : sequence of int, optional
        Axes of the input of a tick without the batch: neurons then know their shapes.

    Returns
    -------
    torch.nn.Module
        For `nn.run`, and for `nn.export` if all of it has a counterpart there.

    Raises
    ------
    ConversionError
        With everything that has no equal, by its path; or if SpikingJelly is not installed.

    Warns
    -----
    UserWarning
        For neurons that are run as they are: QIFNode, KLIFNode, ...
    """
    base = installed("spikingjelly.activation_based.base", "from_spikingjelly")

    def is_neuron(module: torch.nn.Module) -> bool:
        return isinstance(module, base.MemoryModule)

    convert = Conversion("from_spikingjelly", _exchange, _is_row, is_neuron, by_tick=False)
    return convert(net, input_shape)


def to_spikingjelly(net: torch.nn.Module, *, step_mode: str = "s") -> torch.nn.Module:
    """Give a net of ours as one of SpikingJelly 2.0.

    Weights are shared, and so is the w of neurons that came from ParametricLIFNode; other learned
    constants are handed over as numbers. Membranes are counted so that the gain is 1 or 1 / tau,
    and soft resets begin at rest. IFNode, LIFNode or, where rest and reset differ and for neurons
    with a current, CUBALIFNode.

    Parameters
    ----------
    net : torch.nn.Module
        Rows, and forward methods for one tick.
    step_mode : {"s", "m"}
        As of SpikingJelly; "m" is for rows, whose layers become those of ``layer``.

    Returns
    -------
    torch.nn.Module
        Called after ``functional.reset_net(net)``.

    Raises
    ------
    ConversionError
        With every layer that SpikingJelly has no equal for, by its path; or if it is not installed.

    Examples
    --------
    >>> from spikesim import nn
    >>> to_spikingjelly(nn.SpikingNet(nn.Linear(4, 2), nn.LIFLayer(2, beta=0.5)))[1].tau
    2.0
    """
    layer = installed("spikingjelly.activation_based.layer", "to_spikingjelly")

    def back(module: Any, place: Position, child: Any) -> torch.nn.Module:
        if not isinstance(module, LIFLayer):
            raise ConversionError(
                f"expected LIFLayer, got {type(module).__name__}, which SpikingJelly has no equal "
                "for; keep its loop in a forward method of your own"
            )
        return _neuron(module)

    made = converted_back("to_spikingjelly", net, back)
    if step_mode == "m":
        made = _over_time(made, layer)
    return made


def _over_time(module: torch.nn.Module, layer: Any) -> torch.nn.Module:
    """Exchange layers of torch for those that take all steps, and set the step mode."""
    functional = installed("spikingjelly.activation_based.functional", "to_spikingjelly")
    for name, part in module._modules.items():
        kind = getattr(layer, type(part).__name__, None)
        if part is not None and kind is not None and kind.__bases__[0] is type(part):
            module._modules[name] = _widened(part, kind)
        elif part is not None:
            module._modules[name] = _over_time(part, layer)
    functional.set_step_mode(module, "m")
    return module


def _widened(part: torch.nn.Module, kind: Any) -> torch.nn.Module:
    made = kind.__new__(kind)
    made.__dict__.update(twin(part).__dict__, _step_mode="m")
    return made


def _neuron(module: LIFLayer) -> torch.nn.Module:
    neurons = installed("spikingjelly.activation_based.neuron", "to_spikingjelly")
    own = Canonical.of(module)
    # With a gain of 1 - beta the membrane keeps its unit: decay_input=True.
    decay_input = same(own.gain, 1.0 - own.beta)
    c = own if decay_input and own.reset == "hard" else own.counted(
        1.0 if decay_input else own.gain, own.rest if own.reset != "hard" else 0.0
    )  # fmt: skip
    resting = same(c.bias, (1.0 - c.beta) * c.v_reset)
    current = bool(np.any(c.alpha != 0.0)) or not resting or uniform("beta", c.beta) == 0.0
    if current:  # CUBALIFNode rests at 0
        c = own.counted(own.gain, own.rest)
    hard = c.reset == "hard"
    problems = [
        text
        for wrong, text in (
            (c.held, "expected refractory_ticks=0, got 1; SpikingJelly has no refractory time"),
            (c.v_floor is not None, "expected no v_floor, got one; SpikingJelly has no floor"),
            (c.reset == "none", "expected a reset, got 'none'; reset='soft' or 'hard'"),
            (
                current and not same(c.bias, 0.0),
                "expected no bias without a leak, got one; give it to the layer before",
            ),
            (
                not same(c.v_init, c.v_reset if hard else 0.0),
                "expected a membrane that starts where a hard reset puts it, or at rest for a soft "
                f"one, got v_init={np.max(own.v_init):g}; SpikingJelly starts there",
            ),
            (
                c.reset == "soft" and not same(c.amount, c.v_th),
                f"expected a soft reset by the threshold over rest, {np.max(c.v_th):g}, got "
                f"{np.max(c.amount):g}; SpikingJelly takes off the threshold",
            ),
        )
        if wrong
    ]
    if problems:
        raise ConversionError(problems)
    given = {
        "v_threshold": uniform("v_th", c.v_th),
        "v_reset": uniform("v_reset", c.v_reset) if hard else None,
        "surrogate_function": as_function(c.surrogate, c.strict),
    }
    beta = uniform("beta", c.beta)
    made: Any
    if current:
        made = neurons.CUBALIFNode(c_decay=uniform("alpha", c.alpha), v_decay=beta, **given)
    elif isinstance(module._tied, PlifConstants):
        made = neurons.ParametricLIFNode(decay_input=decay_input, **given)
        made.w = module._parameters["raw_w"]
    elif beta == 1.0:
        made = neurons.IFNode(**given)
    else:
        made = neurons.LIFNode(tau=1.0 / (1.0 - beta), decay_input=decay_input, **given)
    made.detach_reset = c.detach_reset
    return made


def _exchange(module: Any, place: Position, child: Any) -> torch.nn.Module | None:
    based = "spikingjelly.activation_based."
    base, neuron, layer = (installed(based + part, "") for part in ("base", "neuron", "layer"))
    if (layer_of := _layer(module, neuron, place)) is not None:
        if (place.calls or 0) > 1:
            raise ConversionError(
                f"expected a forward method for one step, got one that calls it {place.calls} "
                "times; move the loop over time out of it"
            )
        return layer_of
    if type(module) in (layer.Dropout, layer.Dropout2d):
        return _dropout(module, place)
    if isinstance(module, base.MemoryModule):
        return StepAdapter(_single(module), _rest, _call)
    if type(module).__name__ in _ROWS and _is_row(module):
        return as_row(module, {name: child(part, name) for name, part in module._modules.items()})
    if isinstance(module, base.StepModule):
        plain = type(module).__bases__[0]
        if plain is not torch.nn.Module and plain.__module__.startswith("torch.nn.modules"):
            return twin(module, plain)
        if "s" not in module.supported_step_mode():
            raise ConversionError(
                "expected a module that takes one step, got one that takes all at once; use one "
                "of step mode 's'"
            )
        return _single(module, child)
    _check_forward(module, base)
    return None


def _layer(module: Any, neuron: Any, place: Position) -> LIFLayer | None:
    kind = type(module)
    if kind not in (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode, neuron.CUBALIFNode):
        return None
    given: dict[str, Any] = {
        name: getattr(module, name)
        for name in ("v_threshold", "v_reset", "surrogate_function", "detach_reset")
    }
    if kind is neuron.IFNode:
        given["tau"] = None
    elif kind is neuron.CUBALIFNode:
        given |= {"c_decay": module.c_decay, "v_decay": module.v_decay}
    else:
        given["decay_input"] = module.decay_input
        given |= {"tau": module.tau} if kind is neuron.LIFNode else {"w": module.w}
    return like_spikingjelly(place.shape, **given)


def _dropout(module: Any, place: Position) -> torch.nn.Module:
    if type(module).__name__ == "Dropout":
        return Dropout(module.p).train(module.training)
    if module.p and module.training:
        warnings.warn(
            f"from_spikingjelly: {who(place.path, module)} draws one mask for all steps, what it "
            "becomes one for each tick; in evaluation they are equal",
            stacklevel=2,
        )
    return torch.nn.Dropout2d(module.p).train(module.training)


def _is_row(module: torch.nn.Module) -> bool:
    known = type(module).__name__ in _ROWS and type(module).__module__.startswith("spikingjelly.")
    return is_row(module) or (known and not module._forward_hooks)


def _check_forward(module: torch.nn.Module, base: Any) -> None:
    """Refuse a forward method over all steps that is not the same in each."""
    inner = [part for part in module.modules() if isinstance(part, base.StepModule)]
    if any(getattr(part, "step_mode", "m") == "m" for part in inner) and not is_row(module):
        check_forward_per_step(
            module, "[T, N, ...]",
            "write it for one step and set it so, functional.set_step_mode(net, 's')",
        )  # fmt: skip


def _single(module: Any, child: Any = None) -> torch.nn.Module:
    """Give a twin in step mode "s"."""
    made = twin(module)
    made.__dict__["_step_mode"] = "s"
    for name, part in module._modules.items():
        if child is not None:
            made._modules[name] = child(part, name)
        elif getattr(part, "step_mode", "s") == "m":
            made._modules[name] = _single(part)
    return made


def _rest(module: Any, x: Tensor) -> tuple[Any, ...]:
    states = tuple(module._memories_rv.values())
    return tuple(module.materialize_states((x,), states, "s"))


def _call(module: Any, x: Tensor, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    outputs, after = module.functional_forward((x,), state)
    return (outputs[0] if len(outputs) == 1 else outputs), tuple(after)
