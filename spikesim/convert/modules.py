# SPDX-License-Identifier: Apache-2.0
"""A net of another framework with its neurons exchanged, parameters shared, the original untouched.

The tree of modules is made anew; what holds no neurons becomes a twin: another object of the same
class with the very same parameters and buffers.
"""

from __future__ import annotations

import importlib
import inspect
import operator
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx

from spikesim.errors import ConversionError, ValidationError
from spikesim.nn import SpikingNet, Stateful
from spikesim.nn.graph.tracing import HOOKS, who

#: Attributes of every module that are dicts of its own.
_OWN = (
    *(key for key, value in vars(torch.nn.Module()).items() if isinstance(value, dict | set)),
    "_memories", "_memories_rv",
)  # fmt: skip
#: What runs beside the methods of a module, and may change values or gradients.
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


#: Functions, and methods of tensors, whose result for a sequence is that for each step.
_PER_STEP = (
    operator.add, operator.iadd, operator.sub, operator.mul, torch.add, torch.sub, torch.mul,
    torch.relu, torch.nn.functional.relu, "add", "sub", "mul", "relu",
)  # fmt: skip


@dataclass(frozen=True)
class Position:
    """Where a module stands in the net.

    Attributes
    ----------
    path : str
        Names from the net to it.
    in_row : bool
        Whether it is reached through rows of modules only.
    calls : int or None
        How often a forward method of the net calls it; None where that cannot be told.
    shape : tuple of int or None
        Of its input in a tick without the batch, where the input of the net was given.
    """

    path: str
    in_row: bool
    calls: int | None
    shape: tuple[int, ...] | None


#: Gives the module that stands for one of the framework; the module itself where it stays; None
#: where its children are looked at. Its second argument converts a child of a given name.
Exchange = Callable[[torch.nn.Module, Position, Callable[[torch.nn.Module, str], Any]], Any]


@dataclass
class Conversion:
    """One pass over a net.

    Parameters
    ----------
    who : str
        Name of the function, for messages.
    exchange : callable
        See `Exchange`.
    is_row : callable
        Whether a module does nothing but apply its children in a row.
    is_neuron : callable
        Whether a module is a neuron of the framework.
    row_type : type
        What a net that is a row becomes.
    by_tick : bool
        Whether nets of the framework can be given a single tick (B, ...) as they are.
    """

    who: str
    exchange: Exchange
    is_row: Callable[[torch.nn.Module], bool]
    is_neuron: Callable[[torch.nn.Module], bool]
    row_type: type[torch.nn.Sequential] = SpikingNet
    by_tick: bool = True
    problems: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    _made: dict[int, tuple[str, torch.nn.Module]] = field(default_factory=dict, init=False)
    _calls: Counter[str] = field(default_factory=Counter, init=False)
    _shapes: dict[str, tuple[int, ...]] = field(default_factory=dict, init=False)

    def __call__(
        self, net: torch.nn.Module, input_shape: Sequence[int] | None = None
    ) -> torch.nn.Module:
        """Give the converted net; raises ConversionError with all that has no equal."""
        if not isinstance(net, torch.nn.Module):
            raise ConversionError(f"{self.who}: expected a torch module, got {type(net).__name__}")
        self._calls = calls(net, self.is_neuron)
        if input_shape is not None:
            self._shapes = self._seen(net, input_shape)
        made = self._convert(net, "", True)
        if self.problems:
            raise ConversionError(self.problems)
        if self.slow:
            warnings.warn(
                f"{self.who}: {', '.join(self.slow)} has no equal here and runs as it is, tick by "
                "tick: slow, and not exported",
                stacklevel=3,
            )
        if type(made) is not torch.nn.Sequential or any(_hooks(made)):
            return made
        return as_row(made, made._modules, self.row_type)

    def _convert(self, module: torch.nn.Module, path: str, in_row: bool) -> torch.nn.Module:
        if id(module) in self._made:
            before, made = self._made[id(module)]
            if any(self.is_neuron(part) for part in module.modules()):
                self.problems.append(
                    f"{self.who}: {who(path, module)}: expected neurons at one place, got them at "
                    f"{before!r} as well, which would be two populations in one state; give each "
                    "place a module of its own"
                )
            return made
        here = Position(path, in_row, self._calls[path] or None, self._shapes.get(path))
        below = in_row and self.is_row(module)

        def child(part: torch.nn.Module, name: str) -> torch.nn.Module:
            return self._convert(part, f"{path}.{name}" if path else name, below)

        try:
            made = self.exchange(module, here, child)
        except (ConversionError, ValidationError) as error:
            named = f"{self.who}: {who(path, module)}"
            self.problems += [f"{named}: {_bare(text)}" for text in error.problems]
            made = torch.nn.Identity()
        else:
            if made is not None and _hooks(made) != _hooks(module):
                self.problems.append(f"{self.who}: {who(path, module)}: {HOOKS}")
            if made is not None and self.is_neuron(module):
                made.train(module.training)
        if made is None:
            self.problems += [
                f"{self.who}: {who(path, module)}: {text}" for text in self._hid(module)
            ]
            made = twin(module)
            for name, part in module._modules.items():
                made._modules[name] = None if part is None else child(part, name)
        if isinstance(made, StepAdapter):
            self.slow.append(who(path, module))
        self._made[id(module)] = path, made
        return made

    def _hid(self, module: torch.nn.Module) -> Iterator[str]:
        """Say which plain attributes hold neurons, which torch and this pass do not see."""
        for name, value in module.__dict__.items():
            parts = value.values() if isinstance(value, dict) else value
            if name in _OWN or not isinstance(value, list | tuple | dict):
                continue
            if any(isinstance(part, torch.nn.Module) and self.is_neuron(part) for part in parts):
                yield (
                    f"expected neurons in modules, got {name} as a {type(value).__name__} of them; "
                    "make it a ModuleList or ModuleDict"
                )

    def _seen(self, net: torch.nn.Module, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """Shapes that neurons are given, from one tick of zeros."""
        found: dict[str, tuple[int, ...]] = {}
        if self.by_tick:
            probe = twin_of_all(net)
            for path, module in probe.named_modules():
                if self.is_neuron(module):
                    module.register_forward_pre_hook(partial(_note, found, path))
        else:
            without = replace(self, exchange=partial(self._probed, found), problems=[], slow=[])
            probe = without._convert(net, "", True)
        like = next(net.parameters(), torch.empty(0))
        try:
            with torch.no_grad():
                probe.eval()(torch.zeros(1, *shape, dtype=like.dtype, device=like.device))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            self.problems.append(
                f"{self.who}: expected a net that takes a tick of input_shape={tuple(shape)}, got "
                f"{' '.join(str(error).split())}"
            )
        return found

    def _probed(self, found: Any, module: torch.nn.Module, here: Position, child: Any) -> Any:
        if not self.is_neuron(module):
            return self.exchange(module, here, child)
        stand_in = torch.nn.Identity()
        stand_in.register_forward_pre_hook(partial(_note, found, here.path))
        return stand_in


def _note(found: dict[str, tuple[int, ...]], path: str, _: torch.nn.Module, args: Any) -> None:
    found[path] = tuple(args[0].shape[1:])


class StepAdapter(Stateful):
    """A neuron of another framework that has no equal here, run as it is, tick by tick.

    Parameters
    ----------
    module : torch.nn.Module
        The neuron.
    rest : callable
        ``rest(module, x)`` gives its state before the first tick.
    call : callable
        ``call(module, x, state)`` gives its output and its new state.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        rest: Callable[[Any, Tensor], Any],
        call: Callable[[Any, Tensor, Any], tuple[Any, Any]],
    ) -> None:
        super().__init__()
        self.module, self._rest, self._call = module, rest, call

    def init(self, x: Tensor) -> Any:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        return self._rest(self.module, x)

    def step(self, x: Tensor, state: Any) -> tuple[Any, Any]:
        """One tick: output for input (B, ...), and the new state."""
        return self._call(self.module, x, state)


def twin(module: torch.nn.Module, kind: type[torch.nn.Module] | None = None) -> torch.nn.Module:
    """Give another module with the same parameters, buffers and children.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is, whatever happens to the twin's modes, hooks and children.
    kind : type, optional
        Class of the twin, a base of that of the module.

    Examples
    --------
    >>> linear = torch.nn.Linear(2, 1)
    >>> twin(linear).weight is linear.weight
    True
    """
    kind = kind or type(module)
    made: torch.nn.Module = object.__new__(kind)
    for key, value in module.__dict__.items():
        if inspect.ismethod(value) and value.__self__ is module:
            value = types.MethodType(value.__func__, made)  # else it would work on the original
        made.__dict__[key] = value.copy() if key in _OWN else value
    return made


def twin_of_all(net: torch.nn.Module) -> torch.nn.Module:
    """Give a twin whose modules, at every depth, are twins."""
    made: dict[int, torch.nn.Module] = {}

    def of(module: torch.nn.Module) -> torch.nn.Module:
        if id(module) not in made:
            made[id(module)] = twin(module)
            for name, part in module._modules.items():
                made[id(module)]._modules[name] = None if part is None else of(part)
        return made[id(module)]

    return of(net)


def as_row(
    module: torch.nn.Module,
    children: Mapping[str, Any],
    kind: type[torch.nn.Sequential] = torch.nn.Sequential,
) -> torch.nn.Sequential:
    """Give what stands for a module: others in a row, under their names, each in its own mode."""
    row = kind()
    row.training = module.training
    row._modules.update(children)
    return row


def calls(net: torch.nn.Module, known: Callable[[torch.nn.Module], bool]) -> Counter[str]:
    """How often forward methods call each known module, by path; 0 where that cannot be told.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    >>> calls(net, lambda module: isinstance(module, torch.nn.ReLU))["1"]
    1
    """
    if known(net):
        return Counter()
    if type(net).forward is not torch.nn.Module.forward:
        graph = graph_of(net, known)
        nodes = () if graph is None else graph.nodes
        return Counter(str(node.target) for node in nodes if node.op == "call_module")
    found: Counter[str] = Counter()  # a mere container
    for name, part in net.named_children():
        found.update({f"{name}.{path}": n for path, n in calls(part, known).items()})
    return found


def graph_of(net: torch.nn.Module, known: Callable[[torch.nn.Module], bool]) -> fx.Graph | None:
    """Graph of the forward method of a net whose known modules are leaves; None without one."""

    class Tracer(fx.Tracer):
        def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
            return known(m) or super().is_leaf_module(m, module_qualified_name)

    try:
        with torch.random.fork_rng(devices=[]):
            return Tracer().trace(twin_of_all(net))
    except Exception:  # what a forward method of someone else may raise when there are no values
        return None


def check_forward_per_step(module: torch.nn.Module, axes: str, way_out: str) -> None:
    """Refuse a forward method over sequences unless it does the same in every step.

    Raises
    ------
    ConversionError
        If it does more than to apply its modules and to add, subtract and multiply.
    """
    if type(module).forward is torch.nn.Module.forward:
        return  # a mere container
    kinds = {type(part) for part in module.children()}
    graph = graph_of(module, lambda part: type(part) in kinds)
    expected = f"expected a forward method over {axes} that applies modules and adds, got"
    if graph is None:
        raise ConversionError(f"{expected} one that goes by values; {way_out}")
    foreign = [
        str(node.format_node())
        for node in graph.nodes
        if node.op not in ("placeholder", "output", "call_module") and node.target not in _PER_STEP
    ]
    if foreign:
        raise ConversionError(f"{expected} {'; '.join(foreign)}; {way_out}")


def _hooks(module: torch.nn.Module) -> list[Any]:
    return [getattr(module, name) for name in _HOOKS]


def _bare(text: str) -> str:
    """Give a problem without the name of the function of ours that found it."""
    for name in ("like_snntorch: ", "like_spikingjelly: ", "like_norse: ", "like_sinabs: "):
        text = text.removeprefix(name)
    return text


def installed(package: str, who: str) -> Any:
    """Give a package; raises ConversionError if it is missing."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        root = package.split(".")[0]
        if error.name is None or error.name.split(".")[0] != root:
            raise
        raise ConversionError(
            f"{who}: expected {root} to be installed, got no such package; pip install {root}"
        ) from None
