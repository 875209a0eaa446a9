# SPDX-License-Identifier: Apache-2.0
"""One pass over the graph of a tick of a net: nodes and edges of NIR."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx
from torch.nn import functional

from spikesim import nn
from spikesim.convert.nir import ordinary_nodes
from spikesim.convert.nir.nets import INPUT, NIRLoopNet
from spikesim.convert.nir.neuron_nodes import integrator_node, neuron_node
from spikesim.errors import ValidationError
from spikesim.nn.graph.retiming import closed, previous
from spikesim.nn.graph.tracing import HOOKS, REFUSED, trace, who
from spikesim.nn.time.stateful import hooked

Shape = tuple[int, ...]
_NOTHING = (
    torch.nn.Identity, torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d,
    torch.nn.AlphaDropout,
)  # fmt: skip
_ADDING = (operator.add, operator.iadd, torch.add, torch.Tensor.add, torch.Tensor.add_)
_FLATTENING = (torch.flatten, torch.Tensor.flatten)
_WITHOUT = (functional.dropout, torch.Tensor.contiguous)
_WAYS_OUT = {
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "max_pool2d", "boolean_dispatch"),
                    "NIR has no largest; pool by the average"),
    **dict.fromkeys(("cat", "concat", "concatenate"),
                    "NIR only adds up; give each branch a layer of its own, and add them"),
}  # fmt: skip


class Signal(NamedTuple):
    """A sum of outputs of nodes, and its axes; some of them not known yet."""

    sources: tuple[str, ...]
    shape: Shape


class Edge(NamedTuple):
    """From node to node; ``late`` carries the value of the tick before."""

    source: str
    target: str
    late: bool = False


class Walk:
    """Collects nodes and edges of a net.

    Attributes
    ----------
    nodes : dict of str to nir node
    edges : list of Edge
    neurons : list of (str, LIFLayer)
        Layers that fire, and what they are called in messages.
    problems : list of str
    input_shape : tuple of int
    """

    def __init__(self, nir: Any, net: torch.nn.Module, dt: float, groups: str) -> None:
        self.nir, self.net, self.dt, self.groups = nir, net, dt, groups
        self.nodes: dict[str, Any] = {}
        self.edges: list[Edge] = []
        self.neurons: list[tuple[str, nn.LIFLayer]] = []
        self.problems: list[str] = []
        self.input_shape: Shape = ()
        self._loops: dict[str, tuple[str, ...]] = {}
        self._called: set[int] = set()

    def read(self, input_shape: Shape | None) -> None:
        """Read all of the net; problems are kept."""
        graph, constants, problems = trace(self.net, _seen_whole)
        self.problems += [text.replace("export:", "to_nir:", 1) for text in problems]
        values: dict[fx.Node, Any] = {}
        for node in graph.nodes:
            if node.op == "output":
                self._outputs(node, values)
                continue
            known = [values[before] for before in node.all_input_nodes]
            if node.meta.get(REFUSED) or any(value is None for value in known):
                values[node] = None
                continue
            try:
                values[node] = self._value(node, values, constants, input_shape)
            except ValidationError as error:
                self.problems += [f"to_nir: {self._who(node)}: {text}" for text in error.problems]
                values[node] = None
        self._close()

    def _value(
        self, node: fx.Node, values: Mapping[fx.Node, Any], constants: Mapping[str, Any],
        input_shape: Shape | None,
    ) -> Any:  # fmt: skip
        if node.op == "placeholder":
            return self._input(node, input_shape)
        if node.op == "get_attr":
            found = constants.get(str(node.target))
            return operator.attrgetter(str(node.target))(self.net) if found is None else found
        args = fx.node.map_arg(node.args, values.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, values.__getitem__)
        if node.op == "call_module":
            path = str(node.target)
            return self._module(path, self.net.get_submodule(path), args[0])
        what: Any = node.target
        if node.op == "call_method":
            what = getattr(torch.Tensor, str(node.target), node.target)
        return self._function(node.name, what, args, kwargs)

    def _module(self, path: str, module: torch.nn.Module, x: Signal) -> Signal:
        if hooked(module):
            raise ValidationError(HOOKS)
        if isinstance(module, _NOTHING):
            return x
        if isinstance(module, nn.Stateful):
            if id(module) in self._called:
                raise ValidationError(
                    "expected one call in a tick, got two, which would be two populations; give "
                    "each place a layer of its own"
                )
            self._called.add(id(module))
        name = path.replace(".", "_") or "net"
        if type(module) is nn.LIFLayer:
            shape = self._shape_of(module, x)
            self.neurons.append((who(path, module), module))
            return self._node(name, neuron_node(self.nir, module, shape, self.dt), x, shape)
        if type(module) is nn.LI:
            shape = self._shape_of(module.integrator, x)
            return self._node(
                name, integrator_node(self.nir, module.integrator, shape, self.dt), x, shape
            )
        if type(module) is nn.Delay:
            return self._delay(name, module, x)
        if type(module) is NIRLoopNet:
            return self._loop_net(path, module, x)
        for kind in type(module).__mro__:
            make = ordinary_nodes.MAKERS.get(kind)
            if make is not None and type(module).forward is getattr(kind, "forward", None):
                node, shape = make(self.nir, module, x.shape, self.groups)
                return self._node(name, node, x, shape)
        raise _no_equal(type(module).__name__)

    def _function(
        self, name: str, what: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Signal:
        if what in _ADDING and not kwargs:
            a, b = args
            if isinstance(a, Signal) and isinstance(b, Signal):
                return self._sum(name, a, b)
        if what in (operator.mul, torch.mul, torch.Tensor.mul) and not kwargs:
            x, factor = args if isinstance(args[0], Signal) else args[::-1]
            if isinstance(x, Signal) and not isinstance(factor, Signal):
                scale = np.broadcast_to(np.asarray(torch.as_tensor(factor).detach()), x.shape)
                node = self.nir.Scale(scale=np.array(scale, dtype=np.float64))
                return self._node(name, node, x, x.shape)
        if what in _FLATTENING:
            x, *rest = args
            start, end = (*rest, 0, -1)[:2] if len(rest) != 1 else (rest[0], -1)
            flat = torch.nn.Flatten(kwargs.get("start_dim", start), kwargs.get("end_dim", end))
            node, shape = ordinary_nodes.MAKERS[torch.nn.Flatten](
                self.nir, flat, x.shape, self.groups
            )
            return self._node(name, node, x, shape)
        if what in _WITHOUT:
            found: Signal = args[0]
            return found
        if what is previous:
            x, shape = args
            return self._open(x.shape if shape is None else shape)
        if what is closed:
            last, out = args
            if not isinstance(out, Signal) or out.shape != last.shape:
                raise ValidationError(f"expected an output of shape {last.shape}, got another")
            self._loops[last.sources[0]] = out.sources
            return out
        raise _no_equal(getattr(what, "__name__", str(what)))

    def _sum(self, name: str, a: Signal, b: Signal) -> Signal:
        if a.shape != b.shape:
            raise ValidationError(f"expected terms of equal axes, got {a.shape} and {b.shape}")
        if twice := set(a.sources) & set(b.sources):
            # An edge cannot stand twice in a graph.
            through = self.nir.Scale(scale=np.ones(b.shape))
            kept = tuple(source for source in b.sources if source not in twice)
            b = self._node(name, through, Signal(tuple(sorted(twice)), b.shape), b.shape)
            b = Signal((*b.sources, *kept), b.shape)
        return Signal((*a.sources, *b.sources), a.shape)

    def _delay(self, name: str, module: nn.Delay, x: Signal) -> Signal:
        ticks = np.broadcast_to(module.ticks.cpu().numpy(), x.shape)
        return self._node(name, self.nir.Delay(delay=ticks * self.dt), x, x.shape)

    def _loop_net(self, path: str, net: NIRLoopNet, x: Signal) -> Signal:
        values = {INPUT: x}
        late: dict[str, Signal] = {}
        shapes = {INPUT: x.shape, **{one.name: one.shape for one in net.wired}}
        for source in dict.fromkeys(name for one in net.wired for name in one.last):
            late[source] = self._open(shapes[source])
        for one in net.wired:
            terms = [values[name] for name in one.sources] + [late[n] for n in one.last]
            sources = tuple(source for term in terms for source in term.sources)
            inner = f"{path}.nodes.{one.name}" if path else f"nodes.{one.name}"
            total = Signal(sources, terms[0].shape)
            values[one.name] = self._module(inner, net.nodes[one.name], total)
        for source, signal in late.items():
            self._loops[signal.sources[0]] = values[source].sources
        if len(net.outputs) != 1:
            raise ValidationError(f"expected a loop of one output, got {len(net.outputs)}")
        (name,) = net.outputs.values()
        return values[name]

    def _open(self, shape: Shape) -> Signal:
        name = f"\0loop {len(self._loops)}"  # no module is called so
        self._loops[name] = ()
        return Signal((name,), tuple(shape))

    def _close(self) -> None:
        """Put the sources of loops, now known, in their place."""
        edges: list[Edge] = []
        for edge in self.edges:
            late = False
            sources: tuple[str, ...] = (edge.source,)
            while any(source in self._loops for source in sources):
                late = True
                sources = tuple(
                    one for source in sources for one in self._loops.get(source, (source,))
                )
            edges += [Edge(source, edge.target, late) for source in sources]
        self.edges = [self._into_delay(edge, edges) for edge in edges]
        for name, node in self.nodes.items():
            if isinstance(node, self.nir.Delay) and _all_late(name, edges):
                node.delay = node.delay + self.dt

    def _into_delay(self, edge: Edge, edges: Sequence[Edge]) -> Edge:
        """Leave the tick of a loop to a delay that it leads into."""
        delays = isinstance(self.nodes[edge.target], self.nir.Delay)
        return edge._replace(late=False) if delays and _all_late(edge.target, edges) else edge

    def _node(self, name: str, node: Any, x: Signal, shape: Shape) -> Signal:
        wish, k = name, 1
        while name in self.nodes or name in ("input", "output"):
            name, k = f"{wish}_{k}", k + 1
        self.nodes[name] = node
        self.edges += [Edge(source, name) for source in x.sources]
        return Signal((name,), shape)

    def _input(self, node: fx.Node, given: Shape | None) -> Signal:
        if "input" in self.nodes:
            raise ValidationError("expected a net of one input, got another; join them to one")
        shape = ordinary_nodes.first_shape(self.net, node) if given is None else given
        if shape is None:
            raise ValidationError(
                "expected the axes of a tick to follow from the first layer; give them, "
                "input_shape=(...)"
            )
        self.input_shape = shape
        self.nodes["input"] = self.nir.Input(input_type={"input": np.array(shape)})
        return Signal(("input",), shape)

    def _outputs(self, node: fx.Node, values: Mapping[fx.Node, Any]) -> None:
        before = list(node.all_input_nodes)
        for k, one in enumerate(before):
            x = values[one]
            if isinstance(x, Signal):
                name = "output" if len(before) == 1 else f"output_{k}"
                self.nodes[name] = self.nir.Output(output_type={"output": np.array(x.shape)})
                self.edges += [Edge(source, name) for source in x.sources]
            elif x is not None:
                self.problems.append("to_nir: output: expected what the net makes of its input")

    def _shape_of(self, layer: nn.LIFLayer, x: Signal) -> Shape:
        if layer.shape is not None and layer.shape != x.shape:
            raise ValidationError(f"expected input of shape {layer.shape}, got {x.shape}")
        return x.shape

    def _who(self, node: fx.Node) -> str:
        if node.op == "call_module":
            path = str(node.target)
            return who(path, self.net.get_submodule(path))
        return f"{node.op.replace('_', ' ')} {node.name!r}"


def _all_late(name: str, edges: Sequence[Edge]) -> bool:
    into = [edge.late for edge in edges if edge.target == name]
    return bool(into) and all(into)


def _seen_whole(module: torch.nn.Module) -> bool:
    return isinstance(module, (*_NOTHING, *ordinary_nodes.MAKERS))


def _no_equal(name: str) -> ValidationError:
    way = _WAYS_OUT.get(name, "leave it out, or write it as layers and sums")
    return ValidationError(f"{name} has no node in NIR; {way}")
