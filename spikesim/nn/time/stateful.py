# SPDX-License-Identifier: Apache-2.0
"""Modules that carry something from tick to tick, and the state they hold between calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from threading import local
from typing import Any, Protocol

import torch
from torch import Tensor


class Running(Protocol):
    """What modules see of the run that they are called in; see ``nn.running``."""

    whole: bool
    """Whether input is (T, B, ...), not a single tick (B, ...)."""
    mask: Tensor | None
    """Which of it is real, bool (T, B), or (B,) of a single tick; None where all is."""

    def visit(self, module: Stateful, x: Tensor) -> Any:
        """Run a module from the state kept for it, and keep the new one."""
        ...

    def through(self, module: torch.nn.Module, x: Any) -> Any:
        """Output (T, B, ...) of a module for all ticks."""
        ...

    def row(self, modules: Sequence[torch.nn.Module], x: Any) -> Any:
        """Output (T, B, ...) of modules one after the other, for all ticks."""
        ...


class _Present(local):
    """Of every thread; a ``ContextVar``, which would do as well, ``torch.compile`` cannot trace."""

    now: Running | None = None


#: The run that the present forward pass belongs to, as ``RUNNING.now``; None outside of one.
RUNNING = _Present()


class Stateful(torch.nn.Module, ABC):
    """A module with a state: what every neuron layer is, and any module of yours can be.

    A subclass gives `init` and `step`; `seq` is the loop of `step` unless there is a faster way
    with the same result, to the bit. The state is any nest of tuples, lists and dicts of tensors,
    passed in and handed back. `nn.run` finds these modules in a net and passes their states, so
    that ``self.lif(x)`` in a forward method is all that has to be written.

    A module that contains others with a state keeps theirs in its own, and calls ``nn.step`` with
    it: so a net with a loop is made.

    Attributes
    ----------
    held : state or None
        After the last `nn.advance`; None is at rest.

    Examples
    --------
    >>> class Echo(Stateful):
    ...     def init(self, x):
    ...         return torch.zeros_like(x)
    ...     def step(self, x, state):
    ...         return state, x
    >>> Echo().seq(torch.tensor([[1.0], [2.0], [3.0]]))[0].flatten().tolist()
    [0.0, 1.0, 2.0]
    """

    held: Any = None

    @abstractmethod
    def init(self, x: Tensor) -> Any:
        """State before the first tick, for one tick's input of shape (B, ...)."""

    @abstractmethod
    def step(self, x: Tensor, state: Any) -> tuple[Any, Any]:
        """One tick: output for input (B, ...), and the new state."""

    def seq(self, x: Tensor, state: Any = None) -> tuple[Any, Any]:
        """All ticks: output (T, B, ...) for input (T, B, ...), and the state after the last.

        At rest before the first tick, where no state is given.
        """
        now = self.init(x.new_zeros(x.shape[1:])) if state is None else state
        out = []
        for tick in x.unbind(0):
            y, now = self.step(tick, now)
            out.append(y)
        return (stack(out) if out else torch.zeros_like(x)), now

    def __getstate__(self) -> dict[str, Any]:
        """Give a copy, or a file, all there is; the state that is held is cut from its graph."""
        return {key: detached(v) if key == "held" else v for key, v in self.__dict__.items()}

    def forward(self, x: Tensor) -> Any:
        """Output (T, B, ...) from rest; within `nn.run` and `nn.step`, what these ask for."""
        running = RUNNING.now
        return self.seq(x)[0] if running is None else running.visit(self, x)


def stateful(net: torch.nn.Module) -> dict[str, Stateful]:
    """Stateful modules of a net by path, at every depth; those within one are its own matter.

    Examples
    --------
    >>> from spikesim.nn import LIFLayer
    >>> list(stateful(torch.nn.Sequential(torch.nn.Identity(), LIFLayer(2))))
    ['1']
    """
    found: dict[int, tuple[str, Stateful]] = {}
    for name, module in _outermost("", net):
        found.setdefault(id(module), (name, module))
    return dict(found.values())


def _outermost(name: str, module: torch.nn.Module) -> Iterator[tuple[str, Stateful]]:
    if isinstance(module, Stateful):
        yield name, module
        return
    for key, child in module.named_children():
        yield from _outermost(f"{name}.{key}" if name else key, child)


def reset(net: torch.nn.Module) -> None:
    """Put every module of this net, at any depth, back to rest; no other net is touched."""
    for module in net.modules():
        if isinstance(module, Stateful):
            module.held = None


def detach(net: torch.nn.Module) -> None:
    """Cut the states that this net holds, at any depth, from the graph that made them."""
    for module in net.modules():
        if isinstance(module, Stateful):
            module.held = detached(module.held)


def hooked(module: torch.nn.Module, *, backward: bool = False) -> bool:
    """Whether a module has hooks: those that may change what it gives, or also all that see it.

    A forward put into the module in place of that of its class, as some libraries do, is one.

    Parameters
    ----------
    module : torch.nn.Module
    backward : bool
        Count those of the way back too: they have to see every call.
    """
    forward = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return bool(forward or (backward and (module._backward_hooks or module._backward_pre_hooks)))


def detached(state: Any) -> Any:
    """Give a state, as `nn.run` hands it back, cut from its graph, for truncated backpropagation.

    Examples
    --------
    >>> state = {"lif": (torch.ones(1, requires_grad=True) * 2, None)}
    >>> detached(state)["lif"][0].requires_grad
    False
    """
    return each_tensor(state, Tensor.detach)


def each_tensor(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Give a nest of tuples, lists and dicts with every tensor changed; other leaves stay."""
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, dict):
        return {key: each_tensor(value, change) for key, value in state.items()}
    if isinstance(state, tuple | list):
        parts = [each_tensor(value, change) for value in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return state


def stack(ticks: list[Any]) -> Any:
    """Give outputs of single ticks as one, with the axis of time in front, in the same nest."""
    first = ticks[0]
    if isinstance(first, Tensor):
        return torch.stack(ticks)
    if isinstance(first, dict):
        return {key: stack([tick[key] for tick in ticks]) for key in first}
    if isinstance(first, tuple | list):
        parts = [stack(list(part)) for part in zip(*ticks, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    raise TypeError(f"expected tensors, or tuples, lists or dicts of them, got {type(first)}")
