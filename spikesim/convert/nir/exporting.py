# SPDX-License-Identifier: Apache-2.0
"""From a net of torch, or a network, to a NIR graph that every reader takes."""

from __future__ import annotations

import io
import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from spikesim.convert.nir.comparing import same_spikes
from spikesim.convert.nir.neuron_nodes import private_traits
from spikesim.convert.nir.tree import read_graph
from spikesim.convert.nir.walking import Walk
from spikesim.convert.nir.wiring import wire
from spikesim.core.atomic import place_problems, replacing
from spikesim.core.optional import optional_library
from spikesim.errors import ConversionError, ValidationError
from spikesim.network import Network
from spikesim.nn import LIFLayer

_log = logging.getLogger(__name__)
_USUAL_DT = 1e-3


def to_nir(
    net: torch.nn.Module | Network,
    path: str | os.PathLike[str] | None = None,
    dt: float | None = None,
    *,
    input_shape: Sequence[int] | None = None,
    private: bool = False,
    groups: Literal["dense", "refuse"] = "dense",
    check: bool = True,
) -> Any:
    """Give a net as a graph of nir, and write it, if a path is given.

    Arrays have their full shape, types are set, and batch and time are left out, so that nir's own
    check passes. What the format does not know stands in the metadata, where `from_nir` finds it:
    tick, comparison, reset, refractory ticks, floor, start value, surrogate, and constants per tick
    to the last bit.

    Parameters
    ----------
    net : torch.nn.Module or Network
        Neurons, dense and convolution layers, average pooling, batch normalization, flattening,
        sums, factors, delays and loops. Of a network: populations on one axis, each projection
        as a matrix for each of its delays.
    path : path, optional
        Written as a whole, after everything else has succeeded.
    dt : float, seconds, optional
        Length of a tick; that of the network or the layers by default, or 1 ms.
    input_shape : sequence of int, optional
        Axes of the input of a tick without the batch, where the first layer leaves them open.
    private : bool
        Whether to write what other readers would run in another way, because only our metadata
        tells it: a soft reset or none, refractory ticks, a floor, a start value.
    groups : {"dense", "refuse"}
        What becomes of grouped convolutions, which nir does not read: the same kernel with zeros,
        or an error.
    check : bool
        Read the graph again, and compare the spikes of both nets for drawn input.

    Returns
    -------
    nir.NIRGraph

    Raises
    ------
    ConversionError
        With everything that has no equal in NIR, by its path in the net, or if what was written
        gives other spikes. Nothing is written then.
    ValidationError
        For arguments that are none of the above, or without nir.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = nn.SpikingNet(nn.Linear(3, 2), nn.LIFLayer(2, beta=0.5, v_reset=0.0))
    >>> graph = to_nir(net, dt=1e-3)
    >>> sorted(graph.nodes), graph.nodes["1"].tau.tolist()
    (['0', '1', 'input', 'output'], [0.002, 0.002])
    """
    nir = optional_library("nir", "to_nir", "interop")
    tick = _tick(net, dt)
    _check_arguments(tick, groups, path)
    compare: Callable[..., None] = same_spikes
    if isinstance(net, Network):
        from spikesim.convert.nir.networks import NetworkWalk, same_network_spikes

        walk: Any = NetworkWalk(nir, net)
        compare = same_network_spikes
        walk.read()
    else:
        walk = Walk(nir, net, tick, groups)
        walk.read(None if input_shape is None else tuple(input_shape))
    problems = walk.problems + ([] if private else _private(walk.neurons))
    if problems:
        raise ConversionError(problems)
    graph = _graph(nir, walk, tick)
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    if check:
        compare(net, buffer, walk.input_shape)
    for who, layer in walk.neurons:
        if not layer.strict:
            _log.info("to_nir: %s fires at the threshold, the format's neurons above it", who)
    if path is not None:
        with replacing(Path(path)) as file:
            file.write(buffer.getbuffer())
    return graph


def _private(layers: Sequence[tuple[str, LIFLayer]]) -> list[str]:
    """Say what other readers would run in another way."""
    return [
        f"to_nir: {who}: expected what every reader of NIR does, got {', '.join(traits)}, which "
        "only our metadata tells; give private=True, or train it without"
        for who, layer in layers
        if (traits := private_traits(layer))
    ]


def _graph(nir: Any, walk: Walk, dt: float) -> Any:
    """Give the graph with nir's own check passed; loops as `from_nir` reads them."""
    late = {(edge.source, edge.target) for edge in walk.edges if edge.late}
    edges = [(edge.source, edge.target) for edge in walk.edges]
    if late and not _implied(nir, walk.nodes, edges, late):
        edges = _with_delays(nir, walk, dt)
    metadata = {"spikesim": {"version": 1, "dt": dt}}
    try:
        return nir.NIRGraph(nodes=walk.nodes, edges=edges, metadata=metadata)
    except (ValueError, AssertionError, TypeError, IndexError, NotImplementedError) as error:
        raise ConversionError(f"to_nir: nir does not take the graph: {error}") from error


def _implied(
    nir: Any, nodes: Any, edges: list[tuple[str, str]], late: set[tuple[str, str]]
) -> bool:
    """Whether readers give a tick to just the edges that have one."""
    try:
        wiring = wire(read_graph(nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)))
    except ConversionError:
        return False
    return wiring.back == late and not wiring.shortened


def _with_delays(nir: Any, walk: Walk, dt: float) -> list[tuple[str, str]]:
    """Edges, with a Delay node of a tick in each that carries the value of the tick before."""
    edges = []
    for edge in walk.edges:
        if not edge.late:
            edges.append((edge.source, edge.target))
            continue
        name, k = f"{edge.source}_to_{edge.target}", 1
        while name in walk.nodes:
            name, k = f"{edge.source}_to_{edge.target}_{k}", k + 1
        (axes,) = walk.nodes[edge.source].output_type.values()
        walk.nodes[name] = nir.Delay(delay=np.full(tuple(axes), dt))
        edges += [(edge.source, name), (name, edge.target)]
    return edges


def _tick(net: torch.nn.Module | Network, dt: float | None) -> float:
    if isinstance(net, Network):
        known: set[Any] = {net.dt}
    else:
        known = {m.dt for m in net.modules() if isinstance(m, LIFLayer) and m.dt is not None}
    if len(known) > 1 or (dt is not None and known - {dt}):
        raise ConversionError(
            f"to_nir: expected layers of one tick, got constants for dt = "
            f"{', '.join(f'{one:g}' for one in sorted(known))}"
            + ("" if dt is None else f" and dt = {dt:g}; leave dt out")
        )
    return known.pop() if known else _USUAL_DT if dt is None else dt


def _check_arguments(dt: float, groups: str, path: Any) -> None:
    problems = []
    if not (isinstance(dt, int | float | np.number) and 0.0 < dt < math.inf):
        problems.append(f"expected dt above 0, in seconds, got {dt!r}")
    if groups not in ("dense", "refuse"):
        problems.append(f"expected groups 'dense' or 'refuse', got {groups!r}")
    if path is not None:
        problems += place_problems(path, f"NIR file {os.fspath(path)!r}")
    if problems:
        raise ValidationError([f"to_nir: {text}" for text in problems])
