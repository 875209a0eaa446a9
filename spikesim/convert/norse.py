# SPDX-License-Identifier: Apache-2.0
"""Networks of Norse as networks of ours, and back."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from spikesim.convert.modules import Conversion, Place, StepAdapter, as_row, installed, twin
from spikesim.errors import ConversionError
from spikesim.nn import LIFLayer, Recurrent, Stateful
from spikesim.nn.presets import like_norse
from spikesim.nn.running import is_row


def from_norse(
    net: torch.nn.Module, *, input_shape: Sequence[int] | None = None
) -> torch.nn.Module:
    """Give a net of Norse 1.1 as one of ours, layer for layer, spike for spike.

    Parameters are shared: an optimizer of either net trains both. The net itself is left as it is.
    A row (``SequentialState``, ``Sequential``, ``Lift``) becomes a `SpikingNet`, LIFBoxCell, LIFCell
    and LIF a `LIFLayer`, their recurrent forms a weight matrix before a `Recurrent`, LICell and LI
    a `Membrane`, which hands out its membrane. States are those of `nn.run`.

    Parameters
    ----------
    net : torch.nn.Module
        Rows in any nesting.
    input_shape : sequence of int, optional
        Axes of the input of a tick without the batch; needed for constants with several axes.

    Returns
    -------
    torch.nn.Module
        For `nn.run`, and for `nn.export` if all of it has a counterpart there.

    Raises
    ------
    ConversionError
        With everything that has no equal, by its path; or if Norse is not installed.

    Warns
    -----
    UserWarning
        For neurons that are run as they are: LIFAdExCell, LSNN, ...
    """
    installed("norse", "from_norse")
    return Conversion("from_norse", _exchange, _is_row, _is_neuron)(net, input_shape)


class Membrane(Stateful):
    """Leaky integrators that never fire: gives their membranes.

    Parameters
    ----------
    layer : LIFLayer
        Neurons with a threshold of infinity.
    """

    def __init__(self, layer: LIFLayer) -> None:
        super().__init__()
        self.layer = layer

    def init(self, x: Tensor) -> Any:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        return self.layer.init(x)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One tick: membranes after input (B, ...), and the new state."""
        _, after = self.layer.step(x, state)
        return after.v, after


def _parts(*names: str) -> Any:
    return [installed(f"norse.torch.module.{name}", "from_norse") for name in names]


def _is_row(module: torch.nn.Module) -> bool:
    sequential, lift = _parts("sequential", "lift")
    if type(module) is sequential.SequentialState:
        return not module.return_hidden and not module._forward_hooks
    return is_row(module) or type(module) is lift.Lift


def _is_neuron(module: torch.nn.Module) -> bool:
    snn, leaky = _parts("snn", "leaky_integrator")
    kinds = (snn.SNNCell, snn.SNNRecurrentCell, snn.SNN, snn.SNNRecurrent, leaky.LILinearCell)
    return isinstance(module, kinds)


def _exchange(module: Any, place: Place, child: Any) -> torch.nn.Module | None:
    lif, box, leaky, sequential, lift, snn = _parts(
        "lif", "lif_box", "leaky_integrator", "sequential", "lift", "snn"
    )
    kind = type(module)
    if kind is lift.Lift:
        return child(module.lifted_module, "lifted_module")
    if kind is sequential.SequentialState and _is_row(module):
        return as_row({name: child(part, name) for name, part in module._modules.items()})
    if kind in (lif.LIFCell, lif.LIF):
        return _lif(module, place.shape, tau_syn_inv=module.p.tau_syn_inv)
    if kind is box.LIFBoxCell:
        return _lif(module, place.shape, reset_method=_reset(module.p.reset_method))
    if kind in (leaky.LICell, leaky.LI):
        p = module.p
        return Membrane(
            like_norse(
                place.shape, dt=module.dt, tau_mem_inv=p.tau_mem_inv, tau_syn_inv=p.tau_syn_inv,
                v_leak=p.v_leak, v_th=torch.inf,
            )  # fmt: skip
        )
    if kind in (lif.LIFRecurrentCell, lif.LIFRecurrent):
        hidden = (int(module.hidden_size),)
        layer = _lif(module, hidden, tau_syn_inv=module.p.tau_syn_inv, detach_reset=True)
        back = _linear(module.recurrent_weights)
        row = {"input": _linear(module.input_weights), "neurons": Recurrent(layer, back)}
        return as_row(row)
    if _is_neuron(module):
        over_time = isinstance(module, snn.SNN | snn.SNNRecurrent)
        return StepAdapter(twin(module), _rest, _call_sequence if over_time else _call)
    if not is_row(module) and any(_is_neuron(part) for part in module.modules()):
        raise ConversionError(
            "expected neurons in a SequentialState, got a forward method that passes their states; "
            "write it for one tick, with layers of nn.like_norse(...) that are called with x alone"
        )
    return None


def _lif(module: Any, shape: tuple[int, ...] | None, **more: Any) -> LIFLayer:
    p, method = module.p, module.p.method
    if method == "adjoint":
        raise ConversionError(
            "expected a method with a surrogate, got 'adjoint'; method='super' has the same spikes"
        )
    if method != "super":
        threshold = installed("norse.torch.functional.threshold", "from_norse").threshold
        method = functools.partial(threshold, method=method, alpha=p.alpha)
    return like_norse(
        shape, dt=module.dt, tau_mem_inv=p.tau_mem_inv, v_leak=p.v_leak, v_th=p.v_th,
        v_reset=p.v_reset, method=method, **more,
    )  # fmt: skip


def _reset(method: Any) -> Any:
    known = installed("norse.torch.functional.reset", "from_norse")
    if method is known.reset_value:
        return "value"
    if method is known.reset_subtract:
        return "subtract"
    raise ConversionError(
        f"expected reset_method reset_value or reset_subtract, got {method!r}; use one of them"
    )


def _linear(weight: Tensor) -> torch.nn.Linear:
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    linear.weight = weight if isinstance(weight, Parameter) else Parameter(weight, False)
    return linear


def _rest(module: Any, x: Tensor) -> None:
    """Norse makes the state before the first step in that step."""


def _call(module: Any, x: Tensor, state: Any) -> tuple[Any, Any]:
    out, after = module(x, state)
    return out, after


def _call_sequence(module: Any, x: Tensor, state: Any) -> tuple[Any, Any]:
    out, after = module(x[None], state)
    return out[0], after
