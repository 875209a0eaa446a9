# SPDX-License-Identifier: Apache-2.0
"""Networks of sinabs as networks of ours, and back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from spikesim.convert.canonical import Canonical, converted_back, same, tensor, uniform
from spikesim.convert.modules import (
    Conversion,
    Position,
    StepAdapter,
    check_forward_per_step,
    installed,
    twin,
)
from spikesim.errors import ConversionError
from spikesim.nn import LIFLayer, Recurrent
from spikesim.nn.arithmetic.surrogate import Surrogate
from spikesim.nn.presets.constants import number, plain
from spikesim.nn.presets.frameworks import like_sinabs
from spikesim.nn.time.running import is_row


def from_sinabs(
    net: torch.nn.Module, *, input_shape: Sequence[int] | None = None
) -> torch.nn.Module:
    """Give a net of sinabs 3.1 as one of ours, layer for layer, spike for spike.

    Parameters are shared: an optimizer of either net trains both, time constants among them. The
    net itself is left as it is. Time comes first: (B, T, ...) becomes (T, B, ...), and there is
    nothing to squeeze.

    Parameters
    ----------
    net : torch.nn.Module
        In any nesting; of ``sinabs.network.Network`` its ``spiking_model``. A forward method of
        your own may apply modules, add, subtract and multiply.
    input_shape : sequence of int, optional
        Axes of the input of a tick without the batch: neurons then know their shapes.

    Returns
    -------
    torch.nn.Module
        For `nn.run`, and for `nn.export` if all of it has a counterpart there.

    Raises
    ------
    ConversionError
        With everything that has no equal, by its path, several spikes a step among it; or if
        sinabs is not installed.

    Warns
    -----
    UserWarning
        For neurons that are run as they are: ALIF, ExpLeak, ...
    """
    installed("sinabs", "from_sinabs")
    network = installed("sinabs.network", "from_sinabs").Network
    net = net.spiking_model if isinstance(net, network) else net
    convert = Conversion("from_sinabs", _exchange, is_row, _is_neuron, by_tick=False)
    return convert(net, input_shape)


def to_sinabs(net: torch.nn.Module, *, batch_size: int | None = None) -> torch.nn.Module:
    """Give a net of ours as one of sinabs 3.1, with one spike a step.

    Weights are shared; learned constants are handed over as numbers. Membranes are counted so that
    rest is 0 and the input is not scaled by the decay.

    Parameters
    ----------
    net : torch.nn.Module
        Rows, and forward methods that apply modules and add.
    batch_size : int, optional
        Give layers for input (B * T, ...), as convolutions need it.

    Returns
    -------
    torch.nn.Module
        For input (B, T, ...), or (B * T, ...).

    Raises
    ------
    ConversionError
        With every layer that sinabs has no equal for, by its path; or if it is not installed.

    Warns
    -----
    UserWarning
        Where a membrane that stands on the threshold fires there and not here.

    Examples
    --------
    >>> from spikesim import nn
    >>> to_sinabs(nn.SpikingNet(nn.Linear(4, 2), nn.like_sinabs(2, tau_mem=4.0)))[1].does_spike
    True
    """
    installed("sinabs.layers", "to_sinabs")
    touching: list[str] = []

    def back(module: Any, place: Position, child: Any) -> torch.nn.Module:
        if not isinstance(module, LIFLayer):
            raise ConversionError(f"expected LIFLayer, got {type(module).__name__}; use a LIFLayer")
        if module.strict:
            touching.append(repr(place.path))
        return _neuron(module, batch_size)

    made = converted_back("to_sinabs", net, back)
    if touching:
        warnings.warn(
            f"to_sinabs: {', '.join(touching)} fires above the threshold only, sinabs at it; a "
            "membrane that stands on it exactly differs",
            stacklevel=2,
        )
    return made


def _neuron(module: LIFLayer, batch_size: int | None) -> torch.nn.Module:
    layers, how = (installed(f"sinabs.{name}", "to_sinabs") for name in ("layers", "activation"))
    own = Canonical.of(module)
    current = bool(np.any(own.alpha != 0.0))
    c = own.counted(own.gain / (own.alpha if current else 1.0), own.rest)
    problems = [
        text
        for wrong, text in (
            (c.held, "expected refractory_ticks=0, got 1; sinabs has no refractory time"),
            (c.reset == "none", "expected a reset, got 'none'; reset='soft' or 'hard'"),
            (not same(c.bias, 0.0), "expected no bias without a leak, got one"),
            (not same(c.v_init, 0.0), "expected a membrane that starts at rest, got v_init"),
            (
                c.reset == "hard" and not same(c.v_reset, 0.0),
                "expected a hard reset to rest, got another v_reset; use reset='soft'",
            ),
            (
                c.v_floor is not None and np.any(np.asarray(c.v_floor) > 0.0),
                "expected a v_floor not above rest, got one; lower it",
            ),
        )
        if wrong
    ]
    if problems:
        raise ConversionError(problems)
    like = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    hard = c.reset == "hard"
    amount = None if same(c.amount, c.v_th) else uniform("reset_amount", c.amount)
    given: dict[str, Any] = {
        "spike_threshold": tensor(c.v_th, like), "spike_fn": how.SingleSpike,
        "reset_fn": how.MembraneReset() if hard else how.MembraneSubtract(amount),
        "surrogate_grad_fn": OfDistance(c.surrogate),
        "min_v_mem": None if c.v_floor is None else uniform("v_floor", c.v_floor),
    }  # fmt: skip
    squeezed = {} if batch_size is None else {"batch_size": batch_size}
    name = "LIF" if batch_size is None else "LIFSqueeze"
    made: Any = getattr(layers, name)(
        tau_mem=1.0, tau_syn=1.0 if current else None, norm_input=False, train_alphas=True,
        **given, **squeezed,
    )  # fmt: skip
    made.alpha_mem = Parameter(tensor(c.beta, like), requires_grad=False)
    if current:
        made.alpha_syn = Parameter(tensor(c.alpha, like), requires_grad=False)
    return made


@dataclass(frozen=True)
class OfDistance:
    """Derivative of ours, for a framework that gives membrane and threshold."""

    surrogate: Surrogate

    def __call__(self, v_mem: Tensor, spike_threshold: Any) -> Tensor:
        """Give the derivative at the distance from threshold."""
        return self.surrogate.gradient(v_mem - spike_threshold)


@dataclass(frozen=True)
class SinabsSurrogate:
    """Derivative by a function of membrane and threshold."""

    function: Any
    threshold: float | Tensor

    def gradient(self, u: Tensor) -> Tensor:
        """Ask the function for a membrane at distance ``u``."""
        threshold = torch.as_tensor(self.threshold).to(u)
        gradient: Tensor = self.function(u + threshold, threshold)
        return gradient


def _is_neuron(module: torch.nn.Module) -> bool:
    stateful = installed("sinabs.layers.stateful_layer", "from_sinabs").StatefulLayer
    return isinstance(module, stateful)


def _exchange(module: Any, place: Position, child: Any) -> torch.nn.Module | None:
    layers = installed("sinabs.layers", "from_sinabs")
    kind = type(module)
    if kind in (layers.FlattenTime, layers.UnflattenTime):
        return torch.nn.Identity()
    if kind is layers.Repeat:
        return child(module.module, "module")
    if kind in (layers.LIF, layers.LIFSqueeze, layers.IAF, layers.IAFSqueeze):
        return _layer(module, place.shape)
    if kind in (layers.LIFRecurrent, layers.IAFRecurrent):
        if any(getattr(part, "bias", None) is not None for part in module.rec_connect.modules()):
            raise ConversionError(
                "expected a rec_connect without bias, got one, which sinabs leaves out in the "
                "first step; give it to the layer before"
            )
        back = child(module.rec_connect, "rec_connect")
        return Recurrent(_layer(module, place.shape), back)
    if _is_neuron(module):
        return StepAdapter(twin(module), _rest, _call)
    if not is_row(module) and any(_is_neuron(part) for part in module.modules()):
        check_forward_per_step(
            module, "[B, T, ...]", "write one for a single tick (B, ...), of nn.like_sinabs(...)"
        )
    return None


def _layer(module: Any, shape: tuple[int, ...] | None) -> LIFLayer:
    activation = installed("sinabs.activation", "from_sinabs")
    problems = []
    fires, resets = module.spike_fn, module.reset_fn
    limited = isinstance(fires, activation.MaxSpike) and fires.max_num_spikes_per_bin == 1
    if fires is not activation.SingleSpike and not limited:
        name = getattr(fires, "__name__", repr(fires))
        problems.append(
            f"expected one spike a step, spike_fn=SingleSpike or MaxSpike(1), got {name}, which "
            "gives several; train with one of them"
        )
    given: dict[str, Any] = {"reset_value": None}
    if isinstance(resets, activation.MembraneReset):
        given["reset_value"] = float(resets.reset_value)
    elif isinstance(resets, activation.MembraneSubtract):
        given["subtract_value"] = resets.subtract_value
    else:
        problems.append(
            f"expected reset_fn MembraneSubtract or MembraneReset, got {resets!r}; use one of them"
        )
    if problems:
        raise ConversionError(problems)
    bump = module.surrogate_grad_fn
    if isinstance(bump, OfDistance):
        given["surrogate"] = bump.surrogate
    elif isinstance(bump, activation.SingleExponential):
        given |= {"grad_width": bump.grad_width, "grad_scale": bump.grad_scale}
    else:
        given["surrogate"] = SinabsSurrogate(bump, plain(module.spike_threshold))
    names = ("alpha_mem", "alpha_syn") if module.train_alphas else ("tau_mem", "tau_syn")
    for name, of in zip(("tau_mem", "tau_syn"), names, strict=True):
        given[name] = getattr(module, of)
    floor = module.min_v_mem
    return like_sinabs(
        shape, spike_threshold=module.spike_threshold.detach(), norm_input=module.norm_input,
        min_v_mem=None if floor is None else number(floor), train_alphas=module.train_alphas,
        **given,
    )  # fmt: skip


def _rest(module: Any, x: Tensor) -> dict[str, Tensor]:
    return {name: torch.zeros_like(x) for name in module._buffers}


def _call(module: Any, x: Tensor, state: dict[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    module._buffers.update(state)
    out = module(x[:, None])
    after = dict(module._buffers)
    module._buffers.update({name: x.new_zeros(0) for name in after})
    return out[:, 0], after
