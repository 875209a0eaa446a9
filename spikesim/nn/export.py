# SPDX-License-Identifier: Apache-2.0
"""From a trained net to a `Network`, spike for spike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.nn.network import SpikingNet
from spikesim.nn.neuron import LIFLayer
from spikesim.nn.running import is_row

_PASSED_OVER = (torch.nn.Dropout, torch.nn.Identity)


class Stage(NamedTuple):
    """A projection and the population behind it, and the path of the latter in the net."""

    linear: torch.nn.Linear
    lif: LIFLayer
    path: str


def export(model: torch.nn.Module, dt: float = 1e-3, name: str = "") -> Network:
    """Give the net as a `Network`: input ``"in"``, populations ``"layer0"``, ``"layer1"``, ...

    In a torch stack a spike crosses all layers within a tick; in a network it takes a tick from
    population to population. Population l therefore starts at tick l (``start_tick``), and its
    spikes are those of layer l shifted by l ticks, exactly. To see all of T ticks, simulate
    ``T + n_layers - 1`` steps with an input that is silent after tick T.

    Parameters
    ----------
    model : torch.nn.Module
        A `chain`.
    dt : float
        Length of a tick in seconds.
    name : str
        Name of the network.

    Returns
    -------
    Network
        Weights float32, delay 0 from the input, 1 tick between populations.

    Raises
    ------
    ValidationError
        With every module that has no counterpart, by its path, or a Linear bias that drives a
        current synapse.

    Examples
    --------
    >>> from spikesim.nn import Linear
    >>> net = export(SpikingNet(Linear(4, 3), LIFLayer(3), Linear(3, 2), LIFLayer(2)))
    >>> [(p.name, p.n, p.start_tick) for p in net.populations.values()]
    [('layer0', 3, 0), ('layer1', 2, 1)]
    """
    net = Network(dt, name=name)
    stages = chain(model)
    source = net.add_input("in", stages[0].linear.in_features)
    for depth, stage in enumerate(stages):
        linear = stage.linear
        population = net.add_population(
            f"layer{depth}", linear.out_features, canonical(linear, stage.lif), start_tick=depth
        )
        net.connect(source, population, weights(linear), delay_ticks=min(depth, 1))
        source = population
    return net


def chain(model: torch.nn.Module) -> list[Stage]:
    """Give a net as projections and populations in turn, for export and quantization.

    Parameters
    ----------
    model : torch.nn.Module
        ``Sequential``, nested or not, of Linear and LIFLayer in turn; Dropout and Identity are
        passed over.

    Raises
    ------
    ValidationError
        With every module that does not fit, by its path.
    """
    stages: list[Stage] = []
    problems: list[str] = []
    linear: torch.nn.Linear | None = None
    for path, module in _leaves("", model):
        if isinstance(module, torch.nn.Linear):
            sizes = (stages[-1].linear.out_features if stages else None, module.in_features)
            problems += _misfits(path, module, linear is None, "LIFLayer", sizes)
            linear = module
        elif isinstance(module, LIFLayer):
            own = module.n if module.shape is None or len(module.shape) == 1 else module.shape
            sizes = (linear.out_features if linear is not None else None, own)
            problems += _misfits(path, module, linear is not None, "Linear", sizes)
            if linear is not None:
                stages.append(Stage(linear, module, path))
            linear = None
        elif not isinstance(module, _PASSED_OVER):
            problems.append(f"{_who(path, module)} without a counterpart in a network")
    if linear is not None:
        problems.append("no LIFLayer at the end")
    if problems or not stages:
        raise ValidationError(
            f"{type(model).__name__}: expected Linear, LIFLayer, Linear, LIFLayer, ... in a row, "
            f"got {'; '.join(problems) or 'no layers'}"
        )
    return stages


def weights(linear: torch.nn.Linear) -> np.ndarray:
    """Float32 matrix [n_pre, n_post] of a projection."""
    return np.ascontiguousarray(linear.weight.detach().float().cpu().numpy().T)


def canonical(linear: torch.nn.Linear, lif: LIFLayer) -> neurons.LIF:
    """Give the neuron with the projection's bias, if any, moved into it.

    Raises
    ------
    ValidationError
        If the bias would drive a current synapse: then it is not constant on the membrane.
    """
    neuron = lif.canonical()
    if linear.bias is None:
        return neuron
    if np.any(np.asarray(neuron.alpha) != 0.0):
        raise ValidationError(
            "export: a Linear bias into a LIFLayer with alpha > 0 ramps up with the current; "
            "expected Linear(..., bias=False) with LIFLayer(bias=...) instead"
        )
    drive = linear.bias.detach().double().cpu().numpy()
    return replace(neuron, bias=np.asarray(neuron.bias) + np.asarray(neuron.gain) * drive)


def _leaves(path: str, module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    if not is_row(module) and not (isinstance(module, SpikingNet) and module.over_time):
        yield path, module
        return
    for key, child in module._modules.items():  # named_children() leaves out what comes again
        yield from _leaves(f"{path}.{key}" if path else key, child)


def _misfits(
    path: str, module: torch.nn.Module, in_turn: bool, other: str, sizes: tuple[Any, Any]
) -> list[str]:
    """Why a module does not go on from the one before; ``sizes`` of both where they are known."""
    who = _who(path, module)
    if not in_turn:
        return [f"{who} without a {other} before it"]
    if None not in sizes and sizes[0] != sizes[1]:
        return [f"{who} of {sizes[1]} for {sizes[0]}"]
    return []


def _who(path: str, module: torch.nn.Module) -> str:
    return f"{path!r} ({type(module).__name__})"
