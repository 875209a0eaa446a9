# SPDX-License-Identifier: Apache-2.0
"""From a trained net to a `Network`, spike for spike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.network import Network, OneToOne, PairList
from spikesim.nn.graph.handlers import HANDLERS, Handlers
from spikesim.nn.graph.kernel import Kernel
from spikesim.nn.graph.reading import INPUT, Layer, Reading, read
from spikesim.nn.graph.retiming import start_ticks, tap
from spikesim.nn.graph.spikemap import Part, matrix_of

Analog: TypeAlias = Literal["current", "host"]

_LIF_BIAS = (
    "a Linear bias into a LIFLayer with alpha > 0 ramps up with the current; expected "
    "Linear(..., bias=False) with LIFLayer(bias=...) instead"
)


def export(
    model: torch.nn.Module,
    dt: float = 1e-3,
    name: str = "",
    *,
    input_shape: Sequence[int] | None = None,
    handlers: Handlers | None = None,
    analog: Analog | None = None,
) -> Network:
    """Give the net as a `Network`: input ``"in"``, populations ``"layer0"``, ``"layer1"``, ...

    The forward methods are traced (torch.fx) for a single tick, as in evaluation. Populations are
    numbered in the order in which the net calls its neurons. What lies between them is composed
    in float64, in an order of terms that is the same on every machine, and rounded to float32
    once: one projection for each population that a sum of spikes comes from.

    In a torch net a spike crosses all layers within a tick; in a network it takes a tick from
    population to population. A population therefore starts at the tick (``start_tick``) that is
    the length of its longest path from the input, paths that skip layers are delayed to match,
    and its spikes are those of its layer shifted by that many ticks, exactly. To see all of T
    ticks, simulate ``T`` and the largest ``start_tick`` steps with an input that is silent after
    tick T.

    Parameters
    ----------
    model : torch.nn.Module
        Neurons and what is linear in spikes between them: dense and convolution layers, average
        pooling, batch normalization, sums, concatenations, selections, constants.
    dt : float
        Length of a tick in seconds.
    name : str
        Name of the network.
    input_shape : sequence of int, optional
        Axes of the input of a tick without the batch; needed where the first layer leaves them
        open, as a convolution does.
    handlers : mapping of type or function to handler, optional
        What modules and functions of your own do, as ``nn.handlers`` says it of the known ones.
    analog : {"current", "host"}, optional
        The input is numbers, not spikes, such as an image shown in every tick. The network has no
        input ``"in"`` then: populations that the numbers drive take currents ("current", for
        simulators), or are left to the host, and the network has their spikes as its inputs
        ("host", for the core). `nn.analog_input` gives either.

    Returns
    -------
    Network
        Weights float32, delay 0 from the input, at least 1 tick between populations.

    Raises
    ------
    ValidationError
        With everything that has no counterpart, a line each, by the path of the module.

    Examples
    --------
    >>> from spikesim.nn import LIFLayer, Linear, SpikingNet
    >>> net = export(SpikingNet(Linear(4, 3), LIFLayer(3), Linear(3, 2), LIFLayer(2)))
    >>> [(p.name, p.n, p.start_tick) for p in net.populations.values()]
    [('layer0', 3, 0), ('layer1', 2, 1)]
    """
    with torch.no_grad():
        graph = read(model, input_shape, {**HANDLERS, **(handlers or {})})
    inputs, layers = plan_input(graph, analog)
    called = {layer.name: layer.who for layer in layers}
    try:
        starts = start_ticks(
            {layer.name: layer.drive.parts for layer in layers}, called, tuple(inputs)
        )
    except ValidationError as error:
        raise ValidationError([f"export: {text}" for text in error.problems]) from None
    net, problems = Network(dt, name=name), []
    for source, shape in inputs.items():
        net.add_input(source, shape)
    for add in (_add, _connect):  # a loop needs all of its populations
        for layer in layers:
            try:
                add(net, layer, starts)
            except ValidationError as error:
                problems += [f"export: {layer.who}: {text}" for text in error.problems]
    if problems:
        raise ValidationError(problems)
    if set(graph.outputs) != set(net.outputs):
        net.outputs = graph.outputs
    return net


def plan_input(
    graph: Reading, analog: Analog | None
) -> tuple[dict[str, tuple[int, ...]], tuple[Layer, ...]]:
    """Give the inputs of the network, by name and shape, and its populations with their drive.

    Raises
    ------
    ValidationError
        For another choice than those of `export`, or if nothing is left for the core.
    """
    if analog is None:
        return {INPUT: graph.input_shape}, graph.layers
    if analog not in get_args(Analog):
        raise ValidationError(
            f"export: expected analog as one of {get_args(Analog)} or None, got {analog!r}"
        )
    driven = {layer.name for layer in graph.layers if any(map(of_input, layer.drive.parts))}
    if analog == "current":
        rest = ({k: v for k, v in x.drive.parts.items() if not of_input(k)} for x in graph.layers)
        return {}, tuple(
            layer._replace(drive=replace(layer.drive, parts=parts))
            for layer, parts in zip(graph.layers, rest, strict=True)
        )
    problems = [
        f"export: {layer.who}: expected numbers or spikes, got both, which neither the host nor "
        "the core has in time; let neurons come between, or simulate with analog='current'"
        for layer in graph.layers
        if layer.name in driven and not all(map(of_input, layer.drive.parts))
    ]
    if left := driven & set(graph.outputs):
        problems.append(
            f"export: expected spikes of the core as output, got {', '.join(sorted(left))}, left "
            "to the host with analog='host'; add a layer"
        )
    if problems:
        raise ValidationError(problems)
    kept = tuple(layer for layer in graph.layers if layer.name not in driven)
    return {x.name: x.drive.shape for x in graph.layers if x.name in driven}, kept


def of_input(key: str) -> bool:
    """Whether part of a sum comes from the input of the net, at whatever tick."""
    return tap(key)[0] == INPUT


def with_drive(neuron: Any, drive: np.ndarray | None) -> Any:
    """Give a neuron model with a constant input, float64 (n,), moved into its bias.

    Raises
    ------
    ValidationError
        If the input would drive a current synapse: then it is not constant on the membrane.
    """
    if drive is None:
        return neuron
    if not isinstance(neuron, neurons.LIF | neurons.AdaptiveLIF):
        raise ValidationError(
            f"expected no constant input for a {type(neuron).__name__}, which has no bias; "
            "Linear(..., bias=False)"
        )
    if np.any(np.asarray(neuron.alpha) != 0.0):
        raise ValidationError(_LIF_BIAS)
    return replace(neuron, bias=np.asarray(neuron.bias) + np.asarray(neuron.gain) * drive)


def _add(net: Network, layer: Layer, starts: Mapping[str, int]) -> None:
    bias = None if layer.drive.bias is None else layer.drive.bias.numpy(force=True)
    neuron = with_drive(layer.neuron, bias)
    net.add_population(layer.name, layer.drive.shape, neuron, start_tick=starts[layer.name])


def _connect(net: Network, layer: Layer, starts: Mapping[str, int]) -> None:
    """One projection for each source, but for parts that are no matrices."""
    dense: dict[str, list[tuple[np.ndarray, int]]] = {}
    for key, part in layer.drive.parts.items():
        source, ticks = tap(key)
        found = net.inputs.get(source) or net.populations.get(source)
        if layer.name not in net.populations or found is None:
            continue  # what was refused is told once
        delay = ticks + starts[layer.name] - starts[source]
        rule = rule_of(part, found.shape, layer.drive.shape)
        if isinstance(rule, np.ndarray):
            dense.setdefault(source, []).append((rule, delay))
            continue
        weight = 1.0 if part is None else None
        net.connect(source, layer.name, rule, weight=weight, delay_ticks=delay)
    for source, parts in dense.items():
        if len(parts) == 1:
            net.connect(source, layer.name, parts[0][0], delay_ticks=parts[0][1])
            continue
        synapses = [(*np.nonzero(matrix), matrix[matrix != 0.0], delay) for matrix, delay in parts]
        net.connect(
            source, layer.name,
            PairList(*(np.concatenate([part[k] for part in synapses]) for k in (0, 1))),
            weight=np.concatenate([part[2] for part in synapses]),
            delay_ticks=np.repeat([part[3] for part in synapses], [len(p[0]) for p in synapses]),
        )  # fmt: skip


def rule_of(part: Part, source: tuple[int, ...], target: tuple[int, ...]) -> Any:
    """Give what connects populations of these shapes: a rule, or a float32 matrix."""
    if part is None:
        return OneToOne()
    if isinstance(part, Kernel):
        ends = (source, part.in_shape), (target, part.out_shape)
        if all(own in (axes, (math.prod(axes),)) for own, axes in ends):
            return part.rule
    matrix = matrix_of(part, math.prod(target))
    return np.ascontiguousarray(matrix.numpy(force=True), np.float32)
