# SPDX-License-Identifier: Apache-2.0
"""Read an artificial net: each activation and max-pooling a module of its own, or refused."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.utils import parametrize

from spikesim.convert.ann import operations as ops
from spikesim.convert.ann.folding import fold
from spikesim.errors import ConversionError, ValidationError
from spikesim.nn import QCFS, Linear
from spikesim.nn.graph.tracing import REFUSED, place, runs_as, trace, who
from spikesim.nn.time.stateful import hooked

_KNOWN = (
    *ops.LINEAR_MODULES, *ops.NORMS, *ops.IDENTITIES, *ops.HEADS, *ops.POOLS,
    torch.nn.ReLU, torch.nn.Hardtanh, torch.nn.ReLU6, QCFS, Linear,
)  # fmt: skip
_HOOKS = (
    "hooks may change what it gives, and so may a forward put in place of its own; remove them, or "
    "make what they do permanent"
)
_TENSOR, _SIZE, _CONSTANT = "tensor", "size", "constant"


@dataclass
class AnnGraph:
    """The same function as a net, written so that it can be converted.

    Attributes
    ----------
    module : torch.fx.GraphModule
        A copy; batch normalization folded, dropout and the head gone, nothing in place.
    activations : dict of str to str
        Path of each call of an activation, in order, to its place in the net that was given.
    ceilings : dict of str to float
        Its largest value, inf for ReLU.
    pools : list of str
        Paths of max-poolings.
    head : torch.nn.Module or None
        A softmax at the end.
    """

    module: fx.GraphModule
    activations: dict[str, str] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)
    pools: list[str] = field(default_factory=list)
    head: torch.nn.Module | None = None

    def seeing_spikes(self) -> set[fx.Node]:
        """Nodes whose input depends on activations, not on the input of the net alone."""
        found: set[fx.Node] = set()
        for node in self.module.graph.nodes:
            given = node.all_input_nodes
            if any(one in found or str(one.target) in self.activations for one in given):
                found.add(node)
        return found


def read(ann: torch.nn.Module, sample: torch.Tensor) -> AnnGraph:
    """Read a net, which stays as it is; ``sample``, shape (B, ...), tells shapes.

    Raises
    ------
    ConversionError
        With everything that has no counterpart in spikes, a line each, by its path.
    """
    root = copy.deepcopy(ann)
    for module in root.modules():
        for name in list(getattr(module, "parametrizations", ())):  # such as a weight norm
            parametrize.remove_parametrizations(module, name)
    return _AnnReader(root).read(sample)


class _AnnReader:
    def __init__(self, root: torch.nn.Module) -> None:
        self.root = root
        self.problems: list[str] = []
        self.kinds: dict[fx.Node, str] = {}
        self.found = AnnGraph(fx.GraphModule(torch.nn.Module(), fx.Graph()))

    def read(self, sample: torch.Tensor) -> AnnGraph:
        graph, constants, problems = trace(self.root, _known)
        if isinstance(self.root, _KNOWN):  # it is its own graph, and wants a place
            self.root = _Holder(self.root)
            for node in graph.nodes:
                node.target = "only" if node.op == "call_module" else node.target
        self.problems += problems
        if hooked(ann := self.root) and not _known(ann):  # the trace begins within
            self.problems.append(f"{who('', ann)}: {_HOOKS}")
        for name, value in constants.items():
            self.root.register_buffer(name, value)
        self.own = _free_name(self.root)
        self.root.add_module(self.own, torch.nn.Module())
        for node in list(graph.nodes):
            try:
                self.kinds[node] = self._visit(graph, node)
            except ValidationError as error:
                self.problems += [f"{place(self.root, node)}: {text}" for text in error.problems]
                self.kinds[node] = _TENSOR
        self._raise_problems()
        self._cut_head(graph)
        self._activate_before_pooling(graph)
        whole = fx.GraphModule(self.root, graph)
        graph.eliminate_dead_code()
        self._forget_unused(graph)
        if not self.found.activations:
            self.problems.append(
                f"{type(ann).__name__}: expected at least one ReLU or other activation from 0 on, "
                "got none; what is only linear needs no spikes"
            )
        self._raise_problems()
        with torch.no_grad():
            ShapeProp(whole).propagate(sample)
        fold(self.root, graph, self.own)
        self.found.module = fx.GraphModule(self.root, graph).eval()
        return self.found

    def _visit(self, graph: fx.Graph, node: fx.Node) -> str:
        """Check a node, give each activation and pooling its own module, and tell what it gives."""
        if node.op == "placeholder":
            if any(other.op == "placeholder" for other in self.kinds) and not node.args:
                raise ValidationError("expected a net of one input, got another; join them to one")
            return _CONSTANT if node.args else _TENSOR
        if node.op == "get_attr":
            return _CONSTANT
        if node.op == "output":
            if len(node.args) != 1 or not isinstance(node.args[0], fx.Node):
                raise ValidationError("output: expected one tensor, got several or none")
            return _TENSOR
        if node.meta.get(REFUSED):
            return _TENSOR
        if node.op == "call_module":
            return self._module(graph, node)
        what = node.target
        if node.op == "call_method":
            what = getattr(torch.Tensor, str(what), what)
        given = {self.kinds[one] for one in node.all_input_nodes}
        if what in ops.IN_PLACE or _asks_in_place(what, node):
            _written(node)
            what = ops.IN_PLACE.get(what, what)
            node.op, node.target = "call_function", what
            node.kwargs = {key: v for key, v in node.kwargs.items() if key != "inplace"}
        if what in ops.SIZES and what is not getattr:
            return _SIZE
        if what is getattr:
            return _attribute(node)
        if given and _TENSOR not in given:
            return _SIZE if _SIZE in given else _CONSTANT
        return self._function(graph, node, what)

    def _module(self, graph: fx.Graph, node: fx.Node) -> str:
        module = self.root.get_submodule(str(node.target))
        if hooked(module):
            raise ValidationError(_HOOKS)
        kind = type(module).__name__
        if not _known(module):
            raise ValidationError(ops.refusal(kind))
        if isinstance(module, ops.NORMS) and module.running_mean is None:
            raise ValidationError("expected running statistics; train with track_running_stats")
        if getattr(module, "inplace", False) and not isinstance(module, ops.IDENTITIES):
            _written(node)
        if isinstance(module, ops.HEADS):
            _at_the_end(node, kind)
        elif isinstance(module, ops.IDENTITIES):
            _skip(graph, node)
        elif isinstance(module, ops.POOLS):
            self._pool(node, copy.deepcopy(module))
        elif (ceiling := ops.ceiling_of_module(module)) is not None:
            self._activation(node, ceiling, module)
        return _TENSOR

    def _function(self, graph: fx.Graph, node: fx.Node, what: Any) -> str:
        name = getattr(what, "__name__", str(what))
        rest = (node.args[1:], node.kwargs)
        try:
            if what in ops.RECTIFIERS:
                self._activation(node, ops.RECTIFIERS[what](*rest[0], **rest[1]), None)
            elif what in ops.POOL_FUNCTIONS:
                self._pool(node, ops.POOL_FUNCTIONS[what](*rest[0], **rest[1]))
            elif what in ops.SOFTMAXES:
                _at_the_end(node, name)
                self._give(node, ops.SOFTMAXES[what](_argument(node, 1, "dim", None)))
            elif what in ops.DROPOUTS:
                if _argument(node, 2, "training", True) is not False:
                    raise ValidationError(
                        f"{name} draws in evaluation too; pass training=self.training"
                    )
                _skip(graph, node)
            elif not _is_linear(what, _arguments(node), self._varying(node)):
                raise ValidationError(ops.refusal(name))
            else:
                _not_rounding(name, node.kwargs)
        except TypeError as error:
            raise ValidationError(f"{name} is called in an unknown way ({error})") from None
        return _TENSOR

    def _varying(self, node: fx.Node) -> set[fx.Node]:
        return {one for one in node.all_input_nodes if self.kinds[one] == _TENSOR}

    def _activation(self, node: fx.Node, ceiling: float, module: torch.nn.Module | None) -> None:
        if module is None:
            module = torch.nn.ReLU() if ceiling == float("inf") else torch.nn.Hardtanh(0.0, ceiling)
        where = place(self.root, node)
        own = copy.deepcopy(module)
        if hasattr(own, "inplace"):
            own.inplace = False
        path = self._give(node, own)
        self.found.activations[path], self.found.ceilings[path] = where, ceiling

    def _pool(self, node: fx.Node, module: Any) -> None:
        if module.return_indices:
            raise ValidationError("expected max-pooling without indices; return_indices=False")
        self.found.pools.append(self._give(node, module))

    def _give(self, node: fx.Node, module: torch.nn.Module) -> str:
        """Make a node the call of a module of its own, and tell its path."""
        path = f"{self.own}.{node.name}"
        self.root.get_submodule(self.own).add_module(node.name, module)
        node.op, node.target = "call_module", path
        node.args, node.kwargs = (_argument(node, 0, "input", None),), {}
        return path

    def _raise_problems(self) -> None:
        if self.problems:
            raise ConversionError("\n".join(f"convert: {text}" for text in self.problems))

    def _forget_unused(self, graph: fx.Graph) -> None:
        """Drop activations and poolings that nothing comes of."""
        used = {str(node.target) for node in graph.nodes}
        for paths in (self.found.activations, self.found.ceilings):
            for path in set(paths) - used:
                del paths[path]
        self.found.pools = [path for path in self.found.pools if path in used]

    def _cut_head(self, graph: fx.Graph) -> None:
        """Take a softmax off the end."""
        for node in list(graph.nodes):
            module = self.root.get_submodule(str(node.target)) if node.op == "call_module" else None
            if isinstance(module, ops.HEADS):
                self.found.head = copy.deepcopy(module)
                _skip(graph, node)

    def _activate_before_pooling(self, graph: fx.Graph) -> None:
        """Let a neuron come before the max-pooling that it follows: then spikes are pooled."""
        for node in graph.nodes:
            if str(node.target) not in self.found.pools:
                continue
            (user, *more) = node.users or (None,)
            if user is None or more or str(user.target) not in self.found.activations:
                continue
            node.target, user.target = user.target, node.target


class _Holder(torch.nn.Module):
    def __init__(self, only: torch.nn.Module) -> None:
        super().__init__()
        self.only = only


def _known(module: torch.nn.Module) -> bool:
    """Whether a module is of a kind listed, or runs as one does."""
    kinds = [kind for kind in type(module).__mro__ if kind in _KNOWN]
    return bool(kinds) and runs_as(module, kinds[0])


def _free_name(root: torch.nn.Module) -> str:
    name = "neurons"
    while hasattr(root, name):
        name += "_"
    return name


def _at_the_end(node: fx.Node, name: str) -> None:
    if {user.op for user in node.users} != {"output"}:
        raise ValidationError(ops.refusal(name))


def _is_linear(what: Any, args: tuple[Any, ...], varying: set[fx.Node]) -> bool:
    """Whether a function is linear, up to a constant, in what varies with the input."""
    if what in ops.SUMS or what in ops.JOINS:
        return True
    operands = [a for a in args if isinstance(a, fx.Node) and a in varying]
    if what in ops.LINEAR or what in ops.PRODUCTS:
        return len(operands) == 1  # the same tensor twice is a square
    return what in ops.QUOTIENTS and operands == [args[0]]


def _not_rounding(name: str, options: Mapping[str, Any]) -> None:
    for key in ("rounding_mode", "dtype"):
        given = options.get(key)
        if given is not None and not getattr(given, "is_floating_point", False):
            raise ValidationError(f"{name}({key}={given}) rounds, which no sum of spikes does")


def _asks_in_place(what: Any, node: fx.Node) -> bool:
    """Whether a function of torch is told to write into its input, by name or by position."""
    at = ops.INPLACE_AT.get(what)
    return node.kwargs.get("inplace") is True or (
        at is not None and len(node.args) > at and node.args[at] is True
    )


def _attribute(node: fx.Node) -> str:
    if node.args[1] not in ("shape", "ndim", "device", "dtype"):
        raise ValidationError(f"expected no use of {node.args[1]!r} but that of shape")
    return _SIZE


def _written(node: fx.Node) -> None:
    """Let what comes after a node that writes into its input see what is written there."""
    into = node.args[0]
    assert isinstance(into, fx.Node)
    later, here = set(), node
    while here.op != "output":
        here = here.next
        later.add(here)
    into.replace_all_uses_with(node, delete_user_cb=lambda user: user in later)


def _skip(graph: fx.Graph, node: fx.Node) -> None:
    node.replace_all_uses_with(_argument(node, 0, "input", None))
    graph.erase_node(node)


def _arguments(node: fx.Node) -> tuple[Any, ...]:
    return (*node.args, *node.kwargs.values())


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    if len(node.args) > position:
        return node.args[position]
    return node.kwargs.get(name, default)
