# SPDX-License-Identifier: Apache-2.0
"""Networks of Norse as networks of ours, and back."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from spikesim.convert.canonical import Canonical, converted_back, same, tensor
from spikesim.convert.modules import Conversion, Position, StepAdapter, as_row, installed, twin
from spikesim.errors import ConversionError
from spikesim.nn import LI, LIFLayer, Recurrent
from spikesim.nn.presets.frameworks import like_norse
from spikesim.nn.time.running import is_row


def from_norse(
    net: torch.nn.Module, *, input_shape: Sequence[int] | None = None
) -> torch.nn.Module:
    """Give a net of Norse 1.1 as one of ours, layer for layer, spike for spike.

    Parameters are shared: an optimizer of either net trains both. The net itself is left as it is.
    A row (``SequentialState``, ``Sequential``, ``Lift``) becomes a `SpikingNet`, LIFBoxCell,
    LIFCell and LIF a `LIFLayer`, their recurrent forms a weight matrix before a `Recurrent`,
    LICell and LI `nn.LI`, which hands out its membrane. States are those of `nn.run`.

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


def to_norse(net: torch.nn.Module, *, dt: float = 1e-3) -> torch.nn.Module:
    """Give a net of ours as a ``SequentialState`` of Norse 1.1.

    Weights are shared; learned constants are handed over as numbers. Membranes are counted so that
    the gain is 1 - beta. Norse fires above the threshold only, and its derivative of a spike is
    1 / (1 + u)**2 through the reset: training goes on with these.

    Parameters
    ----------
    net : torch.nn.Module
        Rows.
    dt : float, seconds
        Length of a tick.

    Returns
    -------
    torch.nn.Module
        Called with (x, state) for each tick.

    Raises
    ------
    ConversionError
        With every layer that Norse has no equal for, by its path; or if it is not installed.

    Warns
    -----
    UserWarning
        Where a membrane that stands on the threshold fires here and not there.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = to_norse(nn.SpikingNet(nn.Linear(4, 2), nn.like_norse(2)))
    >>> round(float(net[1].p.tau_mem_inv), 4)
    100.0
    """
    sequential = installed("norse.torch.module.sequential", "to_norse").SequentialState
    touching: list[str] = []

    def back(module: Any, place: Position, child: Any) -> torch.nn.Module:
        if not place.in_row:
            raise ConversionError("expected neurons in rows, got a forward method; use Sequential")
        if isinstance(module, Recurrent):
            raise ConversionError(
                "expected neurons without recurrence, got some with it, which Norse joins with the "
                "weights before; make a LIFRecurrentCell of both"
            )
        if isinstance(module, LIFLayer) and not module.strict:
            touching.append(repr(place.path))
        return _cell(module, dt)

    def states(module: torch.nn.Module) -> torch.nn.Module:
        if not is_row(module):
            return module
        row = sequential(*[states(part) for part in module._modules.values()])
        row.training = module.training
        return row

    made = states(converted_back("to_norse", net, back))
    if touching:
        warnings.warn(
            f"to_norse: {', '.join(touching)} fires at the threshold, Norse above it only; a "
            "membrane that stands on it exactly differs",
            stacklevel=2,
        )
    return made


def _cell(module: Any, dt: float) -> torch.nn.Module:
    norse = installed("norse.torch", "to_norse")
    if not isinstance(module, LIFLayer):
        raise ConversionError(f"expected LIFLayer, got {type(module).__name__}")
    own = Canonical.of(module)
    if not np.all(own.beta < 1.0):
        raise ConversionError("expected a membrane that leaks, got beta=1; train with less")
    c = own.counted(own.gain / (1.0 - own.beta))
    current = bool(np.any(c.alpha != 0.0))
    problems = [
        text
        for wrong, text in (
            (c.held, "expected refractory_ticks=0, got 1; use a hard reset without"),
            (c.v_floor is not None, "expected no v_floor, got one; Norse has no floor"),
            (c.reset == "none", "expected a reset, got 'none'; reset='soft' or 'hard'"),
            (
                current and c.reset == "soft",
                "expected a hard reset of a neuron with a current, got a soft one; reset='hard'",
            ),
            (not same(c.v_init, c.rest), "expected a membrane that starts at rest, got v_init"),
            (
                c.reset == "soft" and not same(c.amount, c.v_th),
                f"expected a soft reset by the threshold, {np.max(c.v_th):g}, got "
                f"{np.max(c.amount):g}; Norse takes off the threshold",
            ),
        )
        if wrong
    ]
    if problems:
        raise ConversionError(problems)
    like = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    given = {
        "tau_mem_inv": tensor((1.0 - c.beta) / dt, like), "v_leak": tensor(c.rest, like),
        "v_th": tensor(c.v_th, like), "v_reset": tensor(c.v_reset, like),
    }  # fmt: skip
    if current:
        rate = tensor((1.0 - c.alpha) / dt, like)
        return norse.LIFCell(norse.LIFParameters(tau_syn_inv=rate, **given), dt=dt)
    resets = installed("norse.torch.functional.reset", "to_norse")
    how = resets.reset_subtract if c.reset == "soft" else resets.reset_value
    return norse.LIFBoxCell(norse.LIFBoxParameters(**given, reset_method=how), dt=dt)


def _parts(*names: str) -> Any:
    return [installed(f"norse.torch.module.{name}", "from_norse") for name in names]


def _is_row(module: torch.nn.Module) -> bool:
    sequential, lift = _parts("sequential", "lift")
    if type(module) is sequential.SequentialState:
        return not module.return_hidden and not module._forward_hooks
    return is_row(module) or type(module) is lift.Lift


def _is_neuron(module: torch.nn.Module) -> bool:
    if not type(module).__module__.startswith("norse.") or _is_row(module):
        return False
    return "state" in inspect.signature(module.forward).parameters


def _exchange(module: Any, place: Position, child: Any) -> torch.nn.Module | None:
    lif, box, leaky, sequential, lift, snn = _parts(
        "lif", "lif_box", "leaky_integrator", "sequential", "lift", "snn"
    )
    kind = type(module)
    if kind is lift.Lift:
        return child(module.lifted_module, "lifted_module")
    if kind is sequential.SequentialState and _is_row(module):
        return as_row(module, {name: child(part, name) for name, part in module._modules.items()})
    if kind in (lif.LIFCell, lif.LIF):
        return _lif(module, place.shape, tau_syn_inv=module.p.tau_syn_inv)
    if kind is box.LIFBoxCell:
        return _lif(module, place.shape, reset_method=_reset(module.p.reset_method))
    if kind in (leaky.LICell, leaky.LI):
        p = module.p
        return LI.of(
            like_norse(
                place.shape,
                dt=module.dt,
                tau_mem_inv=p.tau_mem_inv,
                tau_syn_inv=p.tau_syn_inv,
                v_leak=p.v_leak,
                v_th=torch.inf,
            )
        )
    if kind in (lif.LIFRecurrentCell, lif.LIFRecurrent):
        hidden = (int(module.hidden_size),)
        layer = _lif(module, hidden, tau_syn_inv=module.p.tau_syn_inv, detach_reset=True)
        back = _linear(module.recurrent_weights)
        row = {"input": _linear(module.input_weights), "neurons": Recurrent(layer, back)}
        return as_row(module, row)
    if _is_neuron(module):
        over_time = isinstance(module, snn.SNN | snn.SNNRecurrent)
        return StepAdapter(twin(module), _rest, _call_sequence if over_time else _call)
    if type(module).__module__ == "norse.torch.module.encode":
        raise ConversionError(
            "expected what takes one tick, got an encoder that makes ticks; encode before the net"
        )
    container = type(module).forward is torch.nn.Module.forward
    if not container and not is_row(module) and any(_is_neuron(part) for part in module.modules()):
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
