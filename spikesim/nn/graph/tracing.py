# SPDX-License-Identifier: Apache-2.0
"""The graph of one tick of a net, by torch.fx; neurons are its leaves."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard

import torch
from torch import fx

from spikesim.nn.graph.retiming import closed, previous
from spikesim.nn.layers.network import SpikingNet
from spikesim.nn.layers.recurrent import Recurrent
from spikesim.nn.time.running import takes_sequences
from spikesim.nn.time.stateful import RUNNING, Stateful

#: What a forward method that goes by values may raise when it is called without any.
_NOT_TRACED = (TypeError, ValueError, RuntimeError, AttributeError, NameError, LookupError)


#: Marks nodes of a module that could not be traced.
REFUSED = "refused"
HOOKS = (
    "expected no hooks and no forward put in place of its own, which may change what it gives; "
    "remove them, or make what they do permanent"
)
_CONSTANT = "_tensor_constant"
"""How torch.fx begins the name of a tensor that it found in a forward method."""


class _Tick:
    """Stands for the run while a net is traced: a single tick, and neurons are not asked."""

    whole, mask = False, None

    def visit(self, module: Stateful, x: Any) -> Any:
        """Give what a recurrent module does in a tick, its last output left open."""
        if not _is_recurrent(module):
            return self.through(module, x)
        last = x.tracer.create_proxy("call_function", previous, (x, module.shape), {})
        out = module.neurons(x + module.back(last))
        return x.tracer.create_proxy("call_function", closed, (last, out), {})

    def row(self, modules: Sequence[torch.nn.Module], x: Any) -> Any:
        return self.through(modules[0], x)

    def through(self, module: torch.nn.Module, x: Any) -> Any:
        raise TypeError(f"a {type(module).__name__} was run while the net was traced")


class _Proxy(fx.Proxy):
    """Says of a sum that it is written in place; torch.fx would see ``x + y`` in ``x += y``."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._written(operator.iadd, other)

    def __isub__(self, other: Any) -> fx.Proxy:
        return self._written(operator.isub, other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._written(operator.imul, other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._written(operator.itruediv, other)

    def _written(self, how: Callable[..., Any], other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", how, (self, other), {})


class _Tracer(fx.Tracer):
    def __init__(self, known: Callable[[torch.nn.Module], bool], way_out: str) -> None:
        super().__init__()
        self.known, self.way_out = known, way_out
        self.problems: list[str] = []

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        if self.known(m) or (isinstance(m, Stateful) and not _is_recurrent(m)):
            return True
        if isinstance(m, SpikingNet | Stateful):
            return False
        return takes_sequences(m) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def call_module(
        self, m: torch.nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        depth, before = len(self.module_stack), len(self.graph.nodes)
        try:
            return super().call_module(m, forward, args, kwargs)
        except _NOT_TRACED as error:
            path = self.path_of_module(m)
            self.problems.append(self.not_traced(path, m, error))
            while len(self.module_stack) > depth:
                self.module_stack.popitem(last=True)
            whole = self.create_proxy("call_module", path, args, kwargs)
            for node in itertools.islice(self.graph.nodes, before, None):
                node.meta[REFUSED] = True
            return whole

    def not_traced(self, path: str, module: torch.nn.Module, error: Exception) -> str:
        """Say that a module goes by values, and what it tripped over."""
        reason = " ".join(str(error).split()) or type(error).__name__
        return (
            f"{who(path, module)}: expected a forward that does the same for all values, got one "
            f"that goes by them ({reason}); {self.way_out.format(kind=type(module).__name__)}"
        )


def _is_recurrent(module: torch.nn.Module) -> TypeGuard[Recurrent]:
    """Whether a module is a `Recurrent`, and none that runs in a way of its own."""
    names = ("forward", "init", "step", "seq")
    return isinstance(module, Recurrent) and all(
        getattr(type(module), name) is getattr(Recurrent, name) for name in names
    )


def trace(
    net: torch.nn.Module,
    known: Callable[[torch.nn.Module], bool],
    *,
    way_out: str = "write it without",
) -> tuple[fx.Graph, dict[str, Any], list[str]]:
    """Graph of one tick of a net as in evaluation, tensors made in its forward, and problems.

    Parameters
    ----------
    net : torch.nn.Module
        Left as it was.
    known : callable
        Whether a module is to be seen as a whole.
    way_out : str
        What to do about a module that goes by values; may name its ``{kind}``.

    Returns
    -------
    graph : torch.fx.Graph
    constants : dict of str to tensor
        By their name in the graph.
    problems : list of str
        A module, by its path, that goes by values.
    """
    tracer = _Tracer(known, way_out)
    if tracer.is_leaf_module(net, ""):
        graph = fx.Graph()
        graph.output(graph.call_module("", (graph.placeholder("x"),)))
        return graph, {}, []
    around, RUNNING.now = RUNNING.now, _Tick()
    attributes = {path: dict(module.__dict__) for path, module in net.named_modules()}
    dice = torch.get_rng_state()
    try:
        with evaluated(net):
            graph = tracer.trace(net)
    except _NOT_TRACED as error:
        graph = tracer.graph
        tracer.problems.append(tracer.not_traced("", net, error))
    finally:
        RUNNING.now = around
        # torch.fx keeps tensors that a forward method makes as attributes of the net.
        made = [key for key in set(net.__dict__) - set(attributes[""]) if key.startswith(_CONSTANT)]
        constants = {key: net.__dict__.pop(key) for key in made}
        tracer.problems += _put_back(net, attributes)
    if not torch.equal(dice, torch.get_rng_state()):
        torch.set_rng_state(dice)
        tracer.problems.append(
            f"{who('', net)}: expected a forward without random numbers, which would be "
            "the same in every tick; draw none in evaluation"
        )
    return graph, constants, tracer.problems


def who(path: str, module: torch.nn.Module) -> str:
    """Name of a module in messages: its path in the net and its kind."""
    return f"{path!r} ({type(module).__name__})"


def place(net: torch.nn.Module, node: fx.Node) -> str:
    """Name of a node in messages: its module and, where that is traced, what it does there."""
    if node.op == "placeholder":
        return f"input {str(node.target)!r}"
    if node.op == "call_module":
        path = str(node.target)
        return who(path, net.get_submodule(path))
    stack = list((node.meta.get("nn_module_stack") or {"": ("", type(net))}).values())
    path, kind = stack[-1]
    return f"{path!r} ({kind.__name__}), {node.name}"


def runs_as(module: torch.nn.Module, kind: type) -> bool:
    """Whether a module of a derived class runs as its base does."""
    if "forward" in module.__dict__:
        return False
    names = ("forward", "init", "step", "seq", "params", "canonical")
    own = [name for name in names if hasattr(kind, name)]
    return all(getattr(type(module), name) is getattr(kind, name) for name in own)


def _put_back(net: torch.nn.Module, attributes: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Undo what forward methods did to attributes, and say where: it would be a state."""
    for path, module in net.named_modules():
        before, after = attributes[path], module.__dict__
        changed = [key for key in {**before, **after} if before.get(key) is not after.get(key)]
        if changed:
            after.clear()
            after.update(before)
            yield (
                f"{who(path, module)}: expected a forward that sets nothing, got one that "
                f"sets {', '.join(map(repr, changed))}; what is carried from tick to tick is the "
                "state of a Stateful module"
            )


@contextmanager
def evaluated(net: torch.nn.Module) -> Iterator[None]:
    """Put a net into evaluation for a while; each module gets its own mode back."""
    modes = [(module, module.training) for module in net.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training
