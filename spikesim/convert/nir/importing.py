# SPDX-License-Identifier: Apache-2.0
"""From a NIR graph to a net of torch."""

from __future__ import annotations

import logging
import math
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from spikesim import nn
from spikesim.convert.nir.modules import ordinary_module, spread
from spikesim.convert.nir.nets import INPUT, NIRGraphNet, NIRLoopNet, Wired
from spikesim.convert.nir.neurons import RESETS, NeuronReader, Options
from spikesim.convert.nir.report import NIRReport
from spikesim.convert.nir.shapes import Shapes
from spikesim.convert.nir.tree import NEURONS, Graph, Node, read_graph
from spikesim.convert.nir.wiring import Wiring, wire
from spikesim.convert.nir.writers import WRITERS, Method, Recognized, recognize, writer_names
from spikesim.errors import ConversionError, ValidationError

_log = logging.getLogger(__name__)
_OFF_TICK = 1e-4
"""Ticks that a delay may be from a whole number: float32 seconds, up to a thousand ticks."""
NIRNet = nn.SpikingNet | NIRLoopNet


def from_nir(
    source: str | os.PathLike[str] | Any,
    dt: float | None = None,
    *,
    writer: str = "auto",
    method: Method | None = None,
    reset: Literal["hard", "soft", "none", "subtract", "zero"] | Mapping[str, str] | None = None,
    strict: bool | None = None,
    v_init: float | None = None,
    norm_input: bool | None = None,
    dtype: torch.dtype | None = None,
) -> Any:
    """Make a net of a NIR file, and say how each of its numbers was read.

    The format has time constants and no tick, one reset and one comparison, and its writers do
    not all keep to it. Where a file can be read in two ways, it is not read: the message names
    both, and the argument that decides.

    Parameters
    ----------
    source : path, or NIRGraph of nir
        Arrays, torch tensors and single numbers are taken; axes of the batch are left out.
    dt : float, seconds, optional
        Length of a tick. Where the writer is known to have only one, it may be left out.
    writer : str
        Whose numbers they are: ``"auto"``, ``"nir"`` (as the format says), ``"spikesim"``,
        ``"snntorch"``, ``"spikingjelly"``, ``"norse"``, ``"sinabs"``, ``"rockpool"``.
    method : {"euler", "exact"}, optional
        Decay per tick: ``1 - dt/tau``, or ``exp(-dt/tau)``. By default as the writer computes.
    reset : str, or mapping of node name to str, optional
        What a spike does: ``"hard"`` (to v_reset), ``"soft"`` (minus v_th), ``"none"``; and
        ``"subtract"`` and ``"zero"`` as snnTorch does them, a step late.
    strict : bool, optional
        Whether neurons fire only above the threshold, not at it.
    v_init : float, optional
        Membrane before the first tick; v_leak by default.
    norm_input : bool, optional
        For files of sinabs: whether its neurons scale their input.
    dtype : torch.dtype, optional
        Of weights; ``torch.get_default_dtype()`` by default.

    Returns
    -------
    torch.nn.Module
        For `nn.run`, or a call with (T, B, ...). A `SpikingNet` where the graph has no loops,
        which `nn.export` takes as well. ``net.report`` tells how it was read, and is logged;
        ``net.input_shape`` are the axes of its input.

    Raises
    ------
    ConversionError
        With everything in the graph that has no equal here or two readings, by node.
    ValidationError
        For arguments that are none of the above, or no file.

    Examples
    --------
    >>> graph = {
    ...     "nodes": {
    ...         "in": {"type": "Input", "shape": [1]},
    ...         "w": {"type": "Linear", "weight": [[0.75]]},
    ...         "lif": {"type": "LIF", "tau": 2e-3, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0},
    ...         "out": {"type": "Output", "shape": [1]},
    ...     },
    ...     "edges": [("in", "w"), ("w", "lif"), ("lif", "out")],
    ... }
    >>> net = from_nir(graph, dt=1e-3)
    >>> net(torch.ones(4, 1, 1)).flatten().tolist()
    [0.0, 1.0, 0.0, 1.0]
    >>> print(net.report)
    NIR graph: read as written by nir (nothing tells of another writer), dt = 0.001, euler
    node  kind  beta  alpha  gain  bias  v_th  spike  reset
    lif   LIF   0.5   0      1     0     1     >      to 0
    """
    _check_arguments(dt, writer, method, reset, v_init)
    graph = read_graph(source)
    _check_ends(graph)
    shapes = Shapes(graph)
    by = recognize(graph, dt, writer)
    resets = reset if isinstance(reset, Mapping) else {} if reset is None else {"": reset}
    options = Options(method or by.writer.method, resets, strict, v_init, norm_input)
    builder = _Builder(graph, shapes, by, options, dtype or torch.get_default_dtype())
    net = builder.net()
    _log.info("%s", net.report)
    for reading in net.report.nodes:
        for note in reading.notes:
            _log.warning("%s: node %r: %s", graph.who, reading.name, note)
    return net


class _Builder:
    """Makes modules of nodes and a net of modules; all problems come at once."""

    def __init__(
        self, graph: Graph, shapes: Shapes, by: Recognized, options: Options, dtype: torch.dtype
    ) -> None:
        self.graph, self.shapes, self.by, self.dtype = graph, shapes, by, dtype
        self.neurons = NeuronReader(graph, by, options, shapes.into)
        self.problems: list[str] = []
        self.notes = [f"{name}: {text}" for name, text in sorted(shapes.notes.items())]
        unknown = sorted(set(options.resets) - {"", *graph.nodes})
        if unknown:
            raise ValidationError(
                f"from_nir: reset: expected names of nodes, {sorted(graph.nodes)}, got {unknown}"
            )

    def net(self) -> NIRNet:
        """Give the net; raises ConversionError."""
        wiring = wire(self.graph)
        self.neurons.looped = set().union(*wiring.loops)
        modules = {name: self._module(node, wiring) for name, node in self.graph.nodes.items()}
        problems = self.neurons.problems + self.problems
        if problems:
            raise ConversionError(problems)
        self._note_rounding()
        net = self._net(modules, wiring)
        order = {name: k for k, name in enumerate(wiring.order)}
        readings = sorted(self.neurons.readings, key=lambda reading: order[reading.name])
        net.report = NIRReport(
            self.graph.who, self.by.writer.name, self.by.why, self.by.dt,
            self.neurons.options.method, tuple(readings), tuple(sorted(wiring.back)),
            tuple(self.notes),
        )  # fmt: skip
        (entry,) = self.graph.of_kind("Input")
        net.input_shape = self.shapes.out[entry.name]
        return net

    def _module(self, node: Node, wiring: Wiring) -> torch.nn.Module:
        shape = self.shapes.into[node.name]
        if node.kind in (*NEURONS, "Threshold"):
            return self.neurons.module(node)
        try:
            if node.kind == "Delay":
                return self._delay(node, shape, node.name in wiring.shortened)
            numbers = node.name in self.shapes.torch_numbers
            return ordinary_module(node, self.dtype, shape, torch_numbers=numbers)
        except (ValueError, RuntimeError) as error:
            self.problems.append(f"{self.graph.who}: {node.who}: {error}")
            return torch.nn.Identity()

    def _delay(self, node: Node, shape: Sequence[int], shortened: bool) -> torch.nn.Module:
        ticks = spread(node.array("delay") / self.by.dt, shape)
        whole = np.round(ticks)
        if (np.abs(whole - ticks) > _OFF_TICK).any():
            off = ticks.flat[int(np.argmax(np.abs(whole - ticks)))]
            raise ValueError(
                f"expected delays of whole ticks, got {off:g} ticks of {self.by.dt:g} s; give a dt "
                "that divides them"
            )
        if shortened and (whole < 1).any():
            raise ValueError("expected a delay of at least a tick in a loop, got 0; take it out")
        whole = whole.astype(np.int64) - shortened
        return nn.Delay(int(whole.flat[0]) if (whole == whole.flat[0]).all() else whole, shape)

    def _note_rounding(self) -> None:
        for node in self.graph.nodes.values():
            for key in ("weight", "bias", "scale"):
                given = node.values.get(key)
                if given is None or np.asarray(given).dtype.kind != "f":
                    continue
                rounded = torch.tensor(np.asarray(given)).to(self.dtype).double().numpy()
                if not np.array_equal(rounded, np.asarray(given, float)):
                    self.notes.append(
                        f"{node.name}: {key} rounded to {self.dtype}; dtype=torch.float64 keeps it"
                    )

    def _net(self, modules: Mapping[str, torch.nn.Module], wiring: Wiring) -> NIRNet:
        names = _module_names(wiring.order)
        (entry,) = self.graph.of_kind("Input")
        names[entry.name] = INPUT
        wired: list[Wired] = []
        made: OrderedDict[str, torch.nn.Module] = OrderedDict()
        outputs: dict[str, str] = {}
        rings = {ring[0]: ring for ring in self._rings(wiring)}
        within = {name for ring in rings.values() for name in ring[1:]}
        for name in wiring.order:
            if name in within or name == entry.name:
                continue
            before = [one for one in self.graph.before(name) if one not in rings.get(name, ())]
            now = tuple(names[one] for one in before if (one, name) not in wiring.back)
            last = tuple(names[one] for one in before if (one, name) in wiring.back)
            if self.graph.nodes[name].kind == "Output":
                outputs[name] = names[name] if len(before) > 1 or last else now[0]
                if outputs[name] != names[name]:
                    continue
            wired.append(Wired(names[name], now, last, self.shapes.out[name]))
            made[names[name]] = modules[name]
            if name in rings:
                row = [modules[one] for one in rings[name][1:]] or [torch.nn.Identity()]
                back = row[0] if len(row) == 1 else torch.nn.Sequential(*row)
                made[names[name]] = nn.Recurrent(modules[name], back)
        return _assembled(made, wired, dict(sorted(outputs.items())))

    def _rings(self, wiring: Wiring) -> Iterator[tuple[str, ...]]:
        """Loops of a neuron and a row of others, as a recurrent layer has them; neuron first."""
        for loop in wiring.loops:
            neurons = [name for name in loop if self.graph.nodes[name].kind in NEURONS]
            inside = {a: b for a, b in self.graph.edges if a in loop and b in loop}
            touched = {end for a, b in self.graph.edges if (a in loop) != (b in loop)
                       for end in (a, b) if end in loop}  # fmt: skip
            edges = [edge for edge in self.graph.edges if loop.issuperset(edge)]
            driven = any(b in neurons and a not in loop for a, b in self.graph.edges)
            if len(neurons) != 1 or len(edges) != len(loop) or touched - set(neurons):
                continue
            if not driven:
                continue
            ring = [neurons[0]]
            while inside[ring[-1]] != neurons[0]:
                ring.append(inside[ring[-1]])
            first = (ring[0], inside[ring[0]])
            if {edge for edge in edges if edge in wiring.back} == {first}:
                yield tuple(ring)


def _assembled(
    modules: Mapping[str, torch.nn.Module], wired: Sequence[Wired], outputs: Mapping[str, str]
) -> NIRNet:
    """Give a row where it is one, a graph without loops, or one with."""
    if any(one.last for one in wired):
        return NIRLoopNet(modules, wired, outputs)
    row = [INPUT, *(one.name for one in wired)]
    sources = [one.sources for one in wired]
    if sources == [(name,) for name in row[:-1]] and list(outputs.values()) == row[-1:]:
        return nn.SpikingNet(OrderedDict(modules))
    return NIRGraphNet(modules, wired, outputs)


def _module_names(names: Sequence[str]) -> dict[str, str]:
    """Names that torch takes for modules, each once."""
    taken = {*dir(NIRGraphNet), *dir(torch.nn.ModuleDict()), "wired", "outputs", "report"}
    chosen = {}
    for name in names:
        usable = name.replace(".", "_") or "node"
        while usable in taken:
            usable += "_"
        taken.add(usable)
        chosen[name] = usable
    return chosen


def _check_ends(graph: Graph) -> None:
    """One input, an output, and nothing that takes from nowhere."""
    problems = []
    entries, outputs = graph.of_kind("Input"), graph.of_kind("Output")
    if len(entries) != 1 or not outputs:
        problems.append(
            f"{graph.who}: expected one Input and at least one Output, got {len(entries)} and "
            f"{len(outputs)}; join the inputs to one"
        )
    for node in graph.nodes.values():
        before, after = graph.before(node.name), graph.after(node.name)
        if node.kind != "Input" and not before:
            problems.append(
                f"{graph.who}: {node.who}: expected an edge to it, got none; take it out"
            )
        if (node.kind == "Input" and before) or (node.kind == "Output" and after):
            problems.append(
                f"{graph.who}: {node.who}: expected an end of the graph, got one in the middle of "
                "it; connect its neighbors"
            )
    if problems:
        raise ConversionError(problems)


def _check_arguments(
    dt: float | None, writer: str, method: str | None, reset: Any, v_init: Any
) -> None:
    problems = []
    if dt is not None and not (isinstance(dt, int | float | np.number) and 0.0 < dt < math.inf):
        problems.append(f"expected dt above 0, in seconds, got {dt!r}")
    if writer not in ("auto", *WRITERS):
        problems.append(f"expected writer among {writer_names()}, got {writer!r}")
    if method not in (None, "euler", "exact"):
        problems.append(f"expected method 'euler' or 'exact', got {method!r}")
    for word in reset.values() if isinstance(reset, Mapping) else [reset]:
        if word is not None and word not in RESETS:
            problems.append(f"expected reset among {', '.join(map(repr, RESETS))}, got {word!r}")
    if v_init is not None and not np.isfinite(v_init):
        problems.append(f"expected a finite v_init, got {v_init!r}")
    if problems:
        raise ValidationError([f"from_nir: {text}" for text in problems])
