# SPDX-License-Identifier: Apache-2.0
"""What each kind of module and function does to weighted sums of spikes, for `nn.export`.

A handler is called as ``handler(what, *arguments, **options)`` with the module, or the function,
and what the net calls it with; tensors of the net are `SpikeMap`. It gives a `SpikeMap`, or
`Fires` for neurons, and raises ValidationError with what it cannot do.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.nn.graph.convolving import WINDOWS
from spikesim.nn.graph.linear import by_channel, double
from spikesim.nn.graph.retiming import delayed, late
from spikesim.nn.graph.spikemap import SpikeMap, joined
from spikesim.nn.layers.delay import Delay
from spikesim.nn.layers.delayed import Delayed, DelayedConv, DelayedLinear
from spikesim.nn.layers.network import Linear
from spikesim.nn.layers.norm import BatchNorm, Dropout
from spikesim.nn.layers.recurrent import Diagonal
from spikesim.nn.neurons.adaptive import ALIFLayer
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.neurons.readout import LI

Handler = Callable[..., Any]
Handlers = Mapping[Any, Handler]

#: The size of the batch, which is not known.
BATCH = object()


class Fires(NamedTuple):
    """What a handler gives for neurons: a population of them, and the sum that drives it.

    ``spiking`` is false where the net goes on with their membrane.
    """

    neuron: neurons.NeuronModel
    drive: SpikeMap
    spiking: bool = True


def _linear(module: torch.nn.Linear, x: SpikeMap) -> SpikeMap:
    return _linear_function(module, x, module.weight, module.bias)


def _linear_function(
    _: Any, x: SpikeMap, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> SpikeMap:
    n_out, n_in = weight.shape
    if x.shape != (n_in,):
        raise ValidationError(
            f"expected input of shape ({n_in},), got {x.shape}; a Flatten before it makes one axis "
            "of several"
        )
    return x.through(double(weight).T, (n_out,), None if bias is None else double(bias))


def _diagonal(module: Diagonal, x: SpikeMap) -> SpikeMap:
    return x.scaled(double(module.weight))


def _delayed_sums(module: Delayed, x: SpikeMap) -> SpikeMap:
    terms = [late(HANDLERS[type(one)](one, x), ticks) for ticks, one in module.at_each_delay()]
    return functools.reduce(operator.add, terms)


def _norm(module: Any, x: SpikeMap) -> SpikeMap:
    if module.running_mean is None or module.running_var is None:
        raise ValidationError("expected running statistics; make it with track_running_stats=True")
    if x.shape[:1] != (module.num_features,):
        raise ValidationError(f"expected {module.num_features} channels, got shape {x.shape}")
    factor = 1.0 / torch.sqrt(double(module.running_var) + module.eps)
    if module.weight is not None:
        factor = double(module.weight) * factor
    shift = -double(module.running_mean) * factor
    if module.bias is not None:
        shift = shift + double(module.bias)
    return x.scaled(by_channel(factor, x)).shifted(by_channel(shift, x))


class Membrane(NamedTuple):
    """What stands for neurons that do not fire: the net goes on with their membrane."""

    population: str


def _integrator(module: LI, x: SpikeMap) -> Fires:
    return _lif(module, x)._replace(spiking=False)


def _lif(module: LIFLayer | ALIFLayer | LI, x: SpikeMap) -> Fires:
    if module.shape is not None and module.shape != x.shape:
        raise ValidationError(f"expected input of shape {module.shape}, got {x.shape}")
    return Fires(module.canonical(), x)


def _as_it_is(_: Any, x: SpikeMap, *args: Any, **options: Any) -> SpikeMap:
    return x


def _flatten_module(module: torch.nn.Flatten, x: SpikeMap) -> SpikeMap:
    return _flatten(None, x, module.start_dim, module.end_dim)


def _unflatten_module(module: torch.nn.Unflatten, x: SpikeMap) -> SpikeMap:
    shape = module(torch.empty(1, *x.shape, device="meta")).shape
    if shape[0] != 1:
        raise ValidationError("expected an Unflatten that keeps the batch, got one of it")
    return x.reshaped(shape[1:])


def _flatten(_: Any, x: SpikeMap, start_dim: int = 0, end_dim: int = -1) -> SpikeMap:
    axes = len(x.shape) + 1
    start, end = start_dim % axes, end_dim % axes
    if start == 0:
        raise ValidationError("expected a flatten that keeps the batch, start_dim=1, got one of it")
    shape = x.shape[: start - 1], x.shape[start - 1 : end], x.shape[end:]
    return x.reshaped((*shape[0], math.prod(shape[1]), *shape[2]))


def _reshape(_: Any, x: SpikeMap, *sizes: Any) -> SpikeMap:
    first, *rest = sizes[0] if isinstance(sizes[0], tuple | list) else sizes
    known = math.prod(n for n in rest if n != -1)
    whole = [x.n // known if n == -1 and known else n for n in rest]
    if not (first is BATCH or (first == -1 and -1 not in rest)) or math.prod(whole) != x.n:
        raise ValidationError(f"expected a shape (B, ...) of {x.n} entries; x.flatten(1) is one")
    return x.reshaped(whole)


def _shape(_: Any, x: Any, name: str) -> Any:
    if not isinstance(x, SpikeMap) or name != "shape":
        raise ValidationError(f"expected no use of {name!r} but that of shape")
    return (BATCH, *x.shape)


def _size(_: Any, x: SpikeMap, axis: int | None = None) -> Any:
    shape = (BATCH, *x.shape)
    return shape if axis is None else shape[axis]


def _item(_: Any, x: Any, key: Any) -> Any:
    if not isinstance(x, SpikeMap):
        return x[key]
    keys = key if isinstance(key, tuple) else (key,)
    if keys[0] is not Ellipsis and not (keys[0] == slice(None) and len(keys) > 1):
        raise ValidationError("expected a selection that keeps the batch, x[:, ...]")
    found = np.arange(x.n).reshape(1, *x.shape)[tuple(keys)]
    if found.ndim == 0 or len(found) != 1:
        raise ValidationError("expected a selection that keeps the batch, x[:, ...]")
    return x.taken(found[0])


def _cat(_: Any, tensors: Any, dim: int = 0) -> SpikeMap:
    axis = dim % (len(tensors[0].shape) + 1)
    if axis == 0:
        raise ValidationError("expected torch.cat of neurons, dim=1, got one of the batch")
    return joined(tensors, axis - 1)


def _add(_: Any, a: Any, b: Any, *, alpha: float = 1) -> SpikeMap:
    return _terms(a, b, alpha)


def _subtract(_: Any, a: Any, b: Any, *, alpha: float = 1) -> SpikeMap:
    return _terms(a, b, -alpha)


def _terms(a: Any, b: Any, factor: float) -> SpikeMap:
    if isinstance(a, SpikeMap) and isinstance(b, SpikeMap):
        return a + (b if factor == 1 else b.scaled(factor))
    if isinstance(a, SpikeMap):
        if isinstance(b, int | float) and b == 0:
            return a
        return a.shifted(factor * double(b))
    if isinstance(a, int | float) and a == 0 and factor == 1:
        return b  # what sum() begins with
    return b.scaled(factor).shifted(a)


def _times(_: Any, a: Any, b: Any) -> SpikeMap:
    if isinstance(a, SpikeMap) and isinstance(b, SpikeMap):
        raise ValidationError("expected a product with a constant, got one of two tensors")
    return a.scaled(double(b)) if isinstance(a, SpikeMap) else b.scaled(double(a))


def _over(_: Any, a: Any, b: Any) -> SpikeMap:
    if not isinstance(a, SpikeMap) or isinstance(b, SpikeMap):
        raise ValidationError("expected a quotient by a constant")
    return a.scaled(1.0 / double(b))


def _negative(_: Any, x: SpikeMap) -> SpikeMap:
    return x.scaled(-1.0)


_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
_DROPOUTS = (torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.AlphaDropout)

#: By module type, function or method of torch.Tensor.
HANDLERS: Handlers = {
    **WINDOWS,
    Linear: _linear,
    torch.nn.Linear: _linear,
    **dict.fromkeys((LIFLayer, ALIFLayer), _lif),
    LI: _integrator,
    Delay: delayed,
    **dict.fromkeys((DelayedLinear, DelayedConv), _delayed_sums),
    Diagonal: _diagonal,
    torch.nn.Identity: _as_it_is,
    torch.nn.Flatten: _flatten_module,
    torch.nn.Unflatten: _unflatten_module,
    **dict.fromkeys((*_DROPOUTS, Dropout), _as_it_is),
    **dict.fromkeys((*_NORMS, BatchNorm), _norm),
    functional.linear: _linear_function,
    functional.dropout: _as_it_is,
    torch.Tensor.contiguous: _as_it_is,
    **dict.fromkeys((torch.flatten, torch.Tensor.flatten), _flatten),
    **dict.fromkeys((torch.reshape, torch.Tensor.reshape, torch.Tensor.view), _reshape),
    getattr: _shape,
    torch.Tensor.size: _size,
    operator.getitem: _item,
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), _cat),
    **dict.fromkeys(
        (operator.add, operator.iadd, torch.add, torch.Tensor.add, torch.Tensor.add_), _add
    ),
    **dict.fromkeys((operator.sub, torch.sub, torch.Tensor.sub), _subtract),
    **dict.fromkeys((operator.mul, torch.mul, torch.Tensor.mul), _times),
    **dict.fromkeys((operator.truediv, torch.div, torch.Tensor.div), _over),
    **dict.fromkeys((operator.neg, torch.neg, torch.Tensor.neg), _negative),
}

#: Those that are linear in one of two.
PRODUCTS = (
    operator.mul, torch.mul, torch.Tensor.mul, operator.truediv, torch.div, torch.Tensor.div
)  # fmt: skip
#: Those that write into their first argument.
IN_PLACE = (operator.iadd, torch.Tensor.add_)
#: Those whose result may share memory with their first argument.
VIEWS = (_as_it_is, _flatten_module, _unflatten_module, _flatten, _reshape, _item)
#: Those that are given all of the input, in its order, as what comes behind them wants it.
KEEPING = (_as_it_is, _flatten_module, _flatten, delayed)
