# SPDX-License-Identifier: Apache-2.0
"""Networks of sinabs as networks of ours, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikesim.convert.modules import (
    Conversion,
    Place,
    StepAdapter,
    check_forward_per_step,
    installed,
    twin,
)
from spikesim.errors import ConversionError
from spikesim.nn import LIFLayer, Recurrent
from spikesim.nn.presets import like_sinabs
from spikesim.nn.running import is_row


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
        Not needed: constants of several axes are refused by sinabs itself.

    Returns
    -------
    torch.nn.Module
        For `nn.run`, and for `nn.export` if all of it has a counterpart there.

    Raises
    ------
    ConversionError
        With everything that has no equal, by its path, several spikes a step among it; or if sinabs
        is not installed.

    Warns
    -----
    UserWarning
        For neurons that are run as they are: ALIF, ExpLeak, ...
    """
    installed("sinabs", "from_sinabs")
    network = installed("sinabs.network", "from_sinabs").Network
    net = net.spiking_model if isinstance(net, network) else net
    return Conversion("from_sinabs", _exchange, is_row, _is_neuron)(net, input_shape)


@dataclass(frozen=True)
class SinabsSurrogate:
    """Derivative by a function of membrane and threshold."""

    function: Any
    threshold: float

    def gradient(self, u: Tensor) -> Tensor:
        """What the function gives for a membrane at distance ``u``."""
        gradient: Tensor = self.function(u + self.threshold, self.threshold)
        return gradient


def _is_neuron(module: torch.nn.Module) -> bool:
    stateful = installed("sinabs.layers.stateful_layer", "from_sinabs").StatefulLayer
    return isinstance(module, stateful)


def _exchange(module: Any, place: Place, child: Any) -> torch.nn.Module | None:
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
    if isinstance(bump, activation.SingleExponential):
        given |= {"grad_width": bump.grad_width, "grad_scale": bump.grad_scale}
    else:
        given["surrogate"] = SinabsSurrogate(bump, float(module.spike_threshold))
    names = ("alpha_mem", "alpha_syn") if module.train_alphas else ("tau_mem", "tau_syn")
    for name, of in zip(("tau_mem", "tau_syn"), names, strict=True):
        given[name] = getattr(module, of)
    floor = module.min_v_mem
    return like_sinabs(
        shape, spike_threshold=module.spike_threshold.detach(), norm_input=module.norm_input,
        min_v_mem=None if floor is None else float(floor), train_alphas=module.train_alphas, **given,
    )  # fmt: skip


def _rest(module: Any, x: Tensor) -> dict[str, Tensor]:
    return {name: torch.zeros_like(x) for name in module._buffers}


def _call(module: Any, x: Tensor, state: dict[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    module._buffers.update(state)
    out = module(x[:, None])
    after = dict(module._buffers)
    module._buffers.update({name: x.new_zeros(0) for name in after})
    return out[:, 0], after
