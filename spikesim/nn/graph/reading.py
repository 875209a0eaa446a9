# SPDX-License-Identifier: Apache-2.0
"""Read a net as populations of neurons and what drives each of them."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import fx

from spikesim.errors import ValidationError
from spikesim.neurons import NeuronModel
from spikesim.nn.graph.handlers import IN_PLACE, KEEPING, VIEWS, Fires, Handler, Handlers, Membrane
from spikesim.nn.graph.retiming import INPUT, Loops, Tap, closed, previous
from spikesim.nn.graph.spikemap import SpikeMap
from spikesim.nn.graph.tracing import HOOKS, REFUSED, place, runs_as, trace, who
from spikesim.nn.layers.delayed import DelayedLinear
from spikesim.nn.neurons.adaptive import ALIFLayer
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.stateful import Stateful, hooked

#: What comes of something that was refused: nothing that uses it is refused for that again.
_UNKNOWN = object()
_NO_SUM = "the largest of several spikes is no sum of them; pool by the average"
_REASONS = {
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "MaxPool3d", "max_pool1d", "max_pool2d"), _NO_SUM),
    **dict.fromkeys(("max_pool1d_with_indices", "max_pool2d_with_indices"), _NO_SUM),
    **dict.fromkeys(("boolean_dispatch", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"), _NO_SUM),
}
_SHAPE = "expected the axes of a tick to follow from the first layer; give them, input_shape=(...)"


class Layer(NamedTuple):
    """A population, the sum of spikes that drives it, and the path of its module in the net."""

    name: str
    who: str
    path: str | None
    neuron: NeuronModel
    drive: SpikeMap


@dataclass(frozen=True)
class Reading:
    """A net as populations, in an order in which each comes behind its sources of the same tick.

    ``result`` is what the net gives, as it gives it, with a `SpikeMap` for each tensor.
    """

    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    result: Any


def read(model: torch.nn.Module, input_shape: Sequence[int] | None, handlers: Handlers) -> Reading:
    """Read a net; raises ValidationError with everything that is refused, by its path."""
    reader = _TickReader(model, handlers)
    return reader.read(None if input_shape is None else tuple(input_shape))


class _TickReader:
    """One pass over the graph of a tick: what each node is of the spikes."""

    def __init__(self, model: torch.nn.Module, handlers: Handlers) -> None:
        self.loops = Loops()
        loops = {previous: self.loops.previous, closed: self.loops.closed}
        self.model, self.handlers = model, {**handlers, **loops}
        self.layers: list[Layer] = []
        self.problems: list[str] = []
        self.values: dict[fx.Node, Any] = {}
        self._called: set[int] = set()
        self._input_shape: tuple[int, ...] = ()

    def read(self, input_shape: tuple[int, ...] | None) -> Reading:
        """Give the populations; see the function."""
        graph, self.constants, found = trace(
            self.model, lambda module: self._handler(module) is not None,
            way_out="write it without, or give a handler for {kind}",
        )  # fmt: skip
        self.problems = [f"export: {text}" for text in found]
        if hooked(self.model) and self._handler(self.model) is None:  # the trace begins within
            self.problems.append(f"export: {who('', self.model)}: {HOOKS}")
        for node in graph.nodes:
            if node.op == "output":
                continue
            try:
                self.values[node] = self._value(node, input_shape)
            except ValidationError as error:
                self.problems += [
                    f"export: {place(self.model, node)}: {text}" for text in error.problems
                ]
                self.values[node] = self._instead(node)
        ends = [node for node in graph.nodes if node.op == "output"]  # none where it broke off
        outputs = [name for node in ends for name in self._out(node)]
        if self.problems:
            raise ValidationError(self.problems)
        layers = [one._replace(drive=self.loops.resolved(one.drive)) for one in self.layers]
        result = fx.node.map_arg(ends[0].args[0], self.values.__getitem__)
        return Reading(self._input_shape, tuple(layers), tuple(dict.fromkeys(outputs)), result)

    def _value(self, node: fx.Node, input_shape: tuple[int, ...] | None) -> Any:
        if node.op == "placeholder":
            return self._placeholder(node, input_shape)
        if node.op == "get_attr":
            found: Any = self.constants.get(str(node.target))
            return operator.attrgetter(str(node.target))(self.model) if found is None else found
        if node.meta.get(REFUSED):
            return _UNKNOWN
        what, handler = self._what(node)
        if isinstance(what, Stateful):
            self._once(what)
        args = fx.node.map_arg(node.args, self.values.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, self.values.__getitem__)
        if any(self.values[before] is _UNKNOWN for before in node.all_input_nodes):
            return self._instead(node)
        before = [self.values[one] for one in node.all_input_nodes]
        if before and all(isinstance(value, int) for value in before):
            return what(*args, **kwargs)  # sizes are numbers like any
        if any(isinstance(value, Membrane) for value in before):
            raise ValidationError(
                "expected spikes, got the membrane of neurons that never fire, which a network "
                "does not send; put nn.LI at the end, or a LIFLayer in its place"
            )
        if what in IN_PLACE:
            self._check_in_place(node)
        try:
            value = handler(what, *args, **kwargs)
        except (TypeError, RuntimeError, IndexError, AttributeError) as error:
            raise ValidationError(
                f"expected a call that its handler knows, got {node.format_node()} "
                f"({' '.join(str(error).split())})"
            ) from error
        return self._population(node, value) if isinstance(value, Fires) else value

    def _what(self, node: fx.Node) -> tuple[Any, Handler]:
        """Give a module or function and its handler."""
        if node.op == "call_module":
            module = self.model.get_submodule(str(node.target))
            return module, self._handler_of_module(module)
        what = node.target
        if node.op == "call_method":
            what = getattr(torch.Tensor, str(node.target), node.target)
        if what not in self.handlers:
            name = getattr(what, "__name__", str(what))
            raise ValidationError(
                f"{name} has no counterpart in a network, expected what is linear in spikes; "
                f"{_REASONS.get(name, 'leave it out, or give a handler for it')}"
            )
        return what, self.handlers[what]

    def _handler_of_module(self, module: torch.nn.Module) -> Handler:
        handler, kind = self._handler(module), type(module).__name__
        if handler is None:
            way_out = _REASONS.get(kind, f"leave it out, or give a handler for {kind}")
            if isinstance(module, Stateful):
                way_out = f"give a handler for {kind} that says which neurons it is"
            raise ValidationError(
                "no counterpart in a network, expected neurons and what is linear in spikes; "
                + way_out
            )
        if hooked(module):
            raise ValidationError(HOOKS)
        return handler

    def _handler(self, module: torch.nn.Module) -> Handler | None:
        """Give that of its kind, or of the nearest base of which it changes nothing that runs."""
        for kind in type(module).__mro__:
            if kind in self.handlers:
                return self.handlers[kind] if runs_as(module, kind) else None
        return None

    def _placeholder(self, node: fx.Node, input_shape: tuple[int, ...] | None) -> SpikeMap | Any:
        if any(before.op == "placeholder" and before is not node for before in self.values):
            if node.args:
                return node.args[0]  # its default
            raise ValidationError("expected a net of one input, got another; join them to one")
        shape = input_shape if input_shape is not None else self._shape_for(node)
        if shape is None:
            raise ValidationError(_SHAPE)
        value = SpikeMap.of(INPUT, shape)
        self._input_shape = tuple(shape)
        return value

    def _shape_for(self, node: fx.Node) -> tuple[int, ...] | None:
        """Axes that whatever comes first wants; a Flatten may as well be given one axis."""
        for user in node.users:
            module = (
                self.model.get_submodule(str(user.target)) if user.op == "call_module" else None
            )
            if isinstance(module, torch.nn.Linear | DelayedLinear):
                return (module.in_features,)
            if isinstance(module, LIFLayer | ALIFLayer) and module.shape is not None:
                return module.shape
        for user in node.users:
            if self._peek(user) in KEEPING and (shape := self._shape_for(user)) is not None:
                return shape
        return None

    def _peek(self, node: fx.Node) -> Handler | None:
        if node.op not in ("call_module", "call_method", "call_function"):
            return None
        try:
            return self._what(node)[1]
        except ValidationError:
            return None

    def _once(self, module: Stateful) -> None:
        if id(module) in self._called:
            raise ValidationError(
                "expected one call in a tick, got two, which would be two populations; give each "
                "place a layer of its own"
            )
        self._called.add(id(module))

    def _population(self, node: fx.Node, fires: Fires) -> SpikeMap | Membrane:
        name = f"layer{len(self.layers)}"
        path = str(node.target) if node.op == "call_module" else None
        self.layers.append(Layer(name, place(self.model, node), path, fires.neuron, fires.drive))
        return SpikeMap.of(name, fires.drive.shape) if fires.spiking else Membrane(name)

    def _instead(self, node: fx.Node) -> Any:
        """Give what stands for a node that was refused, or hangs on what was."""
        if node.op == "call_module":
            module = self.model.get_submodule(str(node.target))
            if isinstance(module, LIFLayer | ALIFLayer) and module.shape is not None:
                return SpikeMap.of(f"refused{len(self.values)}", module.shape)
        return _UNKNOWN

    def _check_in_place(self, node: fx.Node) -> None:
        """Refuse to write into what something else reads: the graph does not see it change."""
        into = node.args[0]
        while isinstance(into, fx.Node):
            if len(into.users) > 1 or into.op == "placeholder":
                raise ValidationError(
                    "expected a sum in memory of its own, got one written into a tensor that is "
                    "used elsewhere; write x = x + y"
                )
            into = into.args[0] if self._peek(into) in VIEWS and into.args else None

    def _out(self, node: fx.Node) -> Iterator[str]:
        """Names of the populations that a net gives."""
        given = list(node.all_input_nodes)
        if not given:
            self.problems.append("export: output: expected spikes of neurons, got nothing")
        for before in given:
            value = self.values[before]
            if value is _UNKNOWN:
                continue
            if isinstance(value, Membrane):
                yield value.population
                continue
            source = value.source if isinstance(value, SpikeMap) else None
            if source is None or source == INPUT or isinstance(source, Tap):
                got = "a sum that no neurons take" if source is None else "the input itself"
                got = "spikes of earlier ticks" if isinstance(source, Tap) else got
                self.problems.append(
                    f"export: output, {place(self.model, before)}: expected spikes of neurons, got "
                    f"{got}, which may be several, negative or no spikes; put a LIFLayer at the "
                    "end, or give populations as a tuple"
                )
                continue
            yield source
