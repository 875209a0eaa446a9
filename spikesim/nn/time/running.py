# SPDX-License-Identifier: Apache-2.0
"""Run any torch module made of neurons and ordinary modules over time, its state in the open.

A net is written for one tick: its forward method sees (B, ...), as in any net without time. What
can take a whole sequence is given it whole: rows of a ``Sequential`` one after the other, neurons,
and modules that say so with the attribute ``over_time = True``. Everything else, a forward method
of your own among it, is called tick by tick. Both give the same bits. Ordinary layers that are
shown the same in every tick, as by ``encode.direct``, run once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.time.constant import is_constant, is_pure, repeated
from spikesim.nn.time.mask import check_mask
from spikesim.nn.time.stateful import RUNNING, Stateful, detached, hooked, stack, stateful

NetState = dict[str, Any]
_ALIGNED = 64


def run(
    net: torch.nn.Module, x: Tensor, state: Mapping[str, Any] | None = None, *,
    mask: Tensor | None = None,
) -> tuple[Any, NetState]:  # fmt: skip
    """All ticks of a net, as a pure function: nothing is held, nothing is forgotten.

    Parameters
    ----------
    net : torch.nn.Module
        Made of `Stateful` modules, such as `LIFLayer`, and ordinary ones, in any nesting.
    x : float tensor, shape (T, B, ...)
        Input per tick.
    state : mapping, optional
        As a run or `step` of this net handed it back; at rest by default.
    mask : bool tensor, shape (T, B), optional
        False where a sample is padded. It is for what gathers statistics over a batch, as
        `BatchNorm` does in training; neurons go on through padding.

    Returns
    -------
    y : tensor, shape (T, B, ...), or a tuple, list or dict of such
        What the net gives, tick by tick.
    state : dict
        After the last tick, by the path of the module in the net: ``state["1"].v``.

    Raises
    ------
    ValidationError
        For a state of another net, batch or type, a mask of another shape or type, a neuron that
        is called twice in a tick or is no part of the net, or no ticks for a net that is called
        tick by tick.

    Notes
    -----
    The loop of `step`, and runs over parts of the sequence that pass the state on, give the same
    bits as one run. Ordinary modules that draw random numbers (dropout in training) or gather
    statistics (batch normalization in training) see every tick by itself.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = torch.nn.Sequential(torch.nn.Identity(), nn.LIFLayer(1, beta=0.5))
    >>> x = torch.tensor([0.75, 0.75, 0.75]).reshape(3, 1, 1)
    >>> first, state = run(net, x[:1])
    >>> second, state = run(net, x[1:], state)
    >>> first.flatten().tolist(), second.flatten().tolist()
    ([0.0], [1.0, 0.0])
    """
    if mask is not None:
        check_mask(mask, x, "run")
    with _Walk(net, state, whole=True, mask=mask) as walk:
        return walk.through(net, x), walk.states


def step(
    net: torch.nn.Module, x: Tensor, state: Mapping[str, Any] | None = None
) -> tuple[Any, NetState]:
    """One tick of a net: output for input (B, ...), and the new state; otherwise as `run`.

    Examples
    --------
    >>> from spikesim import nn
    >>> spikes, state = step(nn.LIFLayer(1, beta=0.5), torch.tensor([[0.75]]))
    >>> spikes.item(), state[""].v.item()
    (0.0, 0.75)
    """
    with _Walk(net, state, whole=False) as walk:
        return net(_aligned(x)), walk.states


def advance(net: torch.nn.Module, x: Tensor, *, streaming: bool = False) -> Any:
    """Run a net that holds its own state, in ``module.held`` of each `Stateful` module.

    The state that is kept reaches into the graph of this call until `nn.detach`, `nn.reset` or
    the next call.

    Parameters
    ----------
    net : torch.nn.Module
        As for `run`.
    x : float tensor, shape (T, B, ...)
        Input per tick; ``x[None]`` for a single one.
    streaming : bool
        Go on from the state held, which is cut from its graph before. Otherwise the net has to
        be at rest.

    Returns
    -------
    tensor, shape (T, B, ...), or a tuple, list or dict of such

    Raises
    ------
    ValidationError
        As for `run`, or if the net holds the state of an earlier call and streaming was not
        asked for.

    Examples
    --------
    >>> from spikesim import nn
    >>> net, x = nn.LIFLayer(1, beta=0.5), torch.full((1, 1, 1), 0.75)
    >>> [int(advance(net, x, streaming=True)) for _ in range(3)]
    [0, 1, 0]
    """
    modules = stateful(net)
    holding = [name for name, module in modules.items() if module.held is not None]
    if holding and not streaming:
        raise ValidationError(
            f"advance: {_who(net, holding[0])} holds the state of an earlier call; call "
            "nn.reset(net) to begin anew, or advance with streaming=True to go on from it"
        )
    before = {name: detached(module.held) for name, module in modules.items()}
    out, after = run(net, x, before)
    for name, module in modules.items():
        module.held = after[name]
    return out


def from_rest(net: torch.nn.Module, x: Tensor) -> Any:
    """Output of a net whose forward method was called outside of a run: that of a run from rest."""
    with _Walk(net, None, whole=True):
        return net.forward(x)


def is_row(module: torch.nn.Module) -> bool:
    """Whether a module does nothing but apply its children in a row."""
    return type(module).forward is torch.nn.Sequential.forward and not hooked(module, backward=True)


def takes_sequences(module: torch.nn.Module) -> bool:
    """Whether a module is given all ticks in one call."""
    return isinstance(module, Stateful) or bool(getattr(module, "over_time", False))


def joined(first: Any, second: Any = None) -> bool:
    """Whether two modules that follow each other in a row are run as one.

    The first says so with ``joins(second)`` and has ``seq_with(second, x, state)``, for what
    ``second.seq(first(x), state)`` gives. Hooks have to see each by itself.
    """
    joins = getattr(first, "joins", None)
    if joins is None or second is None or torch.is_autocast_enabled("cpu"):
        return False
    return joins(second) and not any(hooked(one, backward=True) for one in (first, second))


class _Walk:
    """One pass through a net: which state each place has, and whether time is folded in."""

    def __init__(
        self, net: torch.nn.Module, state: Mapping[str, Any] | None, *, whole: bool,
        mask: Tensor | None = None,
    ) -> None:  # fmt: skip
        self.net, self.whole, self.mask = net, whole, mask
        modules = stateful(net)
        self.names = {id(module): name for name, module in modules.items()}
        if state is None:
            self.states: NetState = dict.fromkeys(modules)
        else:
            self._check(state, modules)
            self.states = dict(state)
        self._seen: set[str] = set()

    def __enter__(self) -> _Walk:
        self._around, RUNNING.now = RUNNING.now, self
        return self

    def __exit__(self, *_: object) -> None:
        RUNNING.now = self._around

    def through(self, module: torch.nn.Module, x: Any) -> Any:
        """Output (T, B, ...) of a module for all ticks."""
        if is_constant(x) and is_pure(module):
            return repeated(self.through(module, x[:1]), len(x))
        if takes_sequences(module):
            return module(x)
        if is_row(module):
            # children() leaves out what comes again
            return self.row(tuple(module._modules.values()), x)
        flattens = type(module) is torch.nn.Flatten and not hooked(module, backward=True)
        if flattens and isinstance(x, Tensor):
            ends = module.start_dim, module.end_dim
            if min(ends) > -x.ndim and len(x):  # as views; a copy of each tick is one of all
                return x.flatten(*(end + 1 if end >= 0 else end for end in ends))
        return self._ticks(module, x)

    def row(self, modules: Sequence[Any], x: Any) -> Any:
        """Output (T, B, ...) of modules one after the other, two at a time where they join."""
        k = 0
        while k < len(modules):
            pair = modules[k : k + 2]
            if joined(*pair) and not is_constant(x):
                x = self.visit(pair[1], x, pair[0])
            else:
                x, pair = self.through(modules[k], x), pair[:1]
            k += len(pair)
        return x

    def visit(self, module: Stateful, x: Tensor, behind: Any = None) -> Any:
        """Run a module from the state kept for it, and keep the new one.

        ``behind`` is the module before it that it is run together with, see `joined`.
        """
        name = self._name(module)
        if isinstance(x, Tensor) and torch.is_autocast_enabled(x.device.type):
            x = x.float()  # as autocast does where errors add up over time
        old = self.states[name]
        if self.whole:
            with_it = module.seq if behind is None else partial(behind.seq_with, module)
            out, self.states[name] = with_it(x, old)
        else:
            out, self.states[name] = module.step(x, module.init(x) if old is None else old)
        return out

    def _ticks(self, module: torch.nn.Module, x: Any) -> Any:
        if not isinstance(x, Tensor) or x.ndim < 2 or not len(x):
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValidationError(
                f"run: {type(module).__name__} is called tick by tick; expected input (T, B, ...) "
                f"with at least one tick, got {got}"
            )
        convolves = isinstance(module, torch.nn.modules.conv._ConvNd)
        if convolves and x.ndim != len(module.kernel_size) + 3:
            raise ValidationError(  # torch would take samples for channels
                f"run: {type(module).__name__} expected input (T, B, channels, ...) of "
                f"{len(module.kernel_size) + 3} axes, got {tuple(x.shape)}; a batch of one sample "
                "has an axis too, x[:, None]"
            )
        before, out, mask = frozenset(self._seen), [], self.mask
        self.whole = False
        try:
            # unbind, not x[t]: indexing time under autograd zero-fills (T, B, ...) in every tick.
            for t, tick in enumerate(x.unbind(0)):
                self._seen = set(before)
                self.mask = None if mask is None else mask[t]
                out.append(module(_aligned(tick)))
        finally:
            self.whole, self.mask = True, mask
        return stack(out)

    def _name(self, module: Stateful) -> str:
        name = self.names.get(id(module))
        if name is None:
            raise ValidationError(
                f"run: a {type(module).__name__} that is no part of {type(self.net).__name__} was "
                "called in its forward; make it an attribute of a module (or ModuleList) of the "
                "net, or, within a Stateful module, call nn.step with its state"
            )
        if name in self._seen:
            raise ValidationError(
                f"run: {_who(self.net, name)} is called twice in a tick and would mix two "
                "populations in one state; give each place a layer of its own"
            )
        self._seen.add(name)
        return name

    def _check(self, state: Mapping[str, Any], modules: Mapping[str, Stateful]) -> None:
        if not isinstance(state, Mapping) or set(state) != set(modules):
            got = sorted(state) if isinstance(state, Mapping) else type(state).__name__
            raise ValidationError(
                f"run: expected the state of {type(self.net).__name__}, with entries "
                f"{sorted(modules)}, got {got}; pass what run or step of this net handed back"
            )


def _who(net: torch.nn.Module, name: str) -> str:
    kind = type(net.get_submodule(name)).__name__
    return f"{kind} {name!r}" if name else kind


def _aligned(x: Tensor) -> Tensor:
    """Give one tick in memory of its own, unless it lies like a tensor just made.

    Matrix products depend, in the last bit, on where their operands begin. What ``torch.compile``
    makes decides on memory itself.
    """
    if torch.compiler.is_compiling():
        return x
    dense = x.is_contiguous() or (
        x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    )
    return x if dense and x.data_ptr() % _ALIGNED == 0 else x.clone()
