# SPDX-License-Identifier: Apache-2.0
"""Networks of snnTorch as networks of ours, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from spikesim.convert.modules import Conversion, Place, StepAdapter, installed, twin
from spikesim.errors import ConversionError
from spikesim.nn import LIFLayer, Recurrent
from spikesim.nn.compat.snntorch import LateNeuron
from spikesim.nn.presets import like_snntorch
from spikesim.nn.running import is_row

_KINDS = ("Leaky", "Lapicque", "Synaptic", "RLeaky", "RSynaptic")
#: What resets, by the method that snnTorch has chosen when the neuron was made.
_RESETS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}


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


def _exchange(module: Any, place: Place, child: Any) -> torch.nn.Module | None:
    snn = installed("snntorch", "from_snntorch")
    if not isinstance(module, snn.SpikingNeuron):
        return None
    kind = type(module).__name__
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


def _layer(module: Any, kind: str, shape: tuple[int, ...] | None) -> LIFLayer:
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


def _adapted(module: Any, place: Place) -> StepAdapter:
    if not module._non_persistent_buffers_set:
        raise ConversionError(
            "expected a neuron that keeps a state from tick to tick, got one that takes all ticks "
            "at once; use Leaky or Synaptic"
        )
    return StepAdapter(twin(module), _rest, _first if place.in_row else _call)


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
