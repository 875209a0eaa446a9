# SPDX-License-Identifier: Apache-2.0
"""What a gradient method is: a net that runs as ever, and has another gradient."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from spikesim.errors import ValidationError
from spikesim.nn.graph.handlers import HANDLERS, PRODUCTS
from spikesim.nn.graph.tracing import HOOKS, who
from spikesim.nn.layers.norm import Dropout
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.running import NetState, run
from spikesim.nn.time.stateful import Stateful, hooked, stateful

Loss = Callable[[Any, int], Tensor]
Gradients = Sequence[Tensor | None]
"""One for each of `GradientMethod.trained`; None is zero."""
Pull = Callable[[Tensor], Gradients]
"""From the gradient for what a net gave to those of its parameters."""

#: Projections that methods know.
PROJECTIONS = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
_OF_ITS_TICK = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._NormBase)
"""Do something else in every tick of a training, which no trace and no rate knows."""


class GradientMethod(Stateful, ABC):
    """A net whose outputs are as ever, and whose parameters get their gradient in another way.

    It stands where the net would: in `nn.run`, in `nn.fit`, in a loop of your own. Trained is the
    net within, ``method.net``, which is what is exported afterwards. A call without gradients is
    that of the net. Where parts of a sequence pass the state on, the gradient is that within each
    part.

    Parameters
    ----------
    net : torch.nn.Module
        Stays as it is.
    """

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        """Parameters of the net that want a gradient."""
        return [p for p in self.net.parameters() if p.requires_grad]

    def init(self, x: Tensor) -> NetState:
        """State of the net before the first tick."""
        return dict.fromkeys(stateful(self.net))

    def step(self, x: Tensor, state: NetState) -> tuple[Any, NetState]:
        """One tick; see `seq`."""
        out, after = self.seq(x[None], state)
        return out[0], after

    def seq(self, x: Tensor, state: NetState | None = None) -> tuple[Any, NetState]:
        """Output (T, B, ...) of the net for input (T, B, ...), and its state after the last tick.

        Raises
        ------
        ValidationError
            As of `nn.run`, for input that wants a gradient, under autocast, or without a tick.
        """
        if not torch.is_grad_enabled() or not self.trained:
            return run(self.net, x, state)
        name = type(self).__name__
        if x.ndim < 2 or not len(x):
            raise ValidationError(
                f"{name}: expected input (T, B, ...) with at least one tick, got {tuple(x.shape)}"
            )
        if x.requires_grad or torch.is_autocast_enabled(x.device.type):
            what = "input that wants a gradient" if x.requires_grad else "autocast"
            raise ValidationError(
                f"{name}: expected input by itself and in full precision, got {what}; train what "
                "comes before, or in half precision, by nn.run and backward()"
            )
        return self._with_gradient(x, self.init(x[0]) if state is None else state)

    @abstractmethod
    def _with_gradient(self, x: Tensor, state: NetState) -> tuple[Any, NetState]:
        """As `seq`; `backward` of the output gives the parameters the gradient of the method."""


class Online(GradientMethod):
    """A gradient that adds up tick by tick, in memory that does not grow with their number.

    A loss of all outputs, ``method(x)`` and `backward`, or `nn.fit`, knows the error of a tick only
    after the last one: the ticks are run again then. With a loss for each tick, `backward` of this
    class runs them once.
    """

    @abstractmethod
    def ticks(self, x: Tensor, state: NetState) -> Iterator[tuple[Tensor, Pull]]:
        """Give outputs (B, ...) tick by tick, with the gradients that an error has there.

        Parameters
        ----------
        x : float tensor, shape (T, B, ...)
        state : dict
            Of the net, before the first tick.
        """

    def backward(
        self, x: Tensor, loss: Loss, *, after_tick: Callable[[int], None] | None = None
    ) -> Tensor:
        """Run all ticks from rest and add the gradient of their losses to that of the parameters.

        Parameters
        ----------
        x : float tensor, shape (T, B, ...)
            Input per tick.
        loss : callable
            ``(y, t)`` to a scalar: the loss of tick ``t`` for what the net gives in it, (B, ...).
        after_tick : callable, optional
            ``(t)``, called when the gradient of a tick has been added: where an optimizer may take
            a step and forget the gradient. Without it gradients add up over ticks.

        Returns
        -------
        tensor, shape (T, B, ...)
            What the net gave, cut from the graph.

        Raises
        ------
        ValidationError
            As of `nn.step`, for a loss that is no scalar, or for input without a tick.
        """
        name = type(self).__name__
        if x.ndim < 2 or not len(x):
            raise ValidationError(
                f"{name}: expected input (T, B, ...) with at least one tick, got {tuple(x.shape)}"
            )
        out = []
        for t, (y, pull) in enumerate(self.ticks(x, self.init(x[0]))):
            given = y.detach().requires_grad_()
            value = loss(given, t)
            if not isinstance(value, Tensor) or value.numel() != 1:
                raise ValidationError(
                    f"{name}: expected a loss that gives one number for a tick, got {value!r}"
                )
            value.backward()
            if given.grad is not None:
                for p, grad in zip(self.trained, pull(given.grad), strict=True):
                    if grad is not None:
                        p.grad = grad if p.grad is None else p.grad.add_(grad)
            out.append(y)
            if after_tick is not None:
                after_tick(t)
        return torch.stack(out)

    def _with_gradient(self, x: Tensor, state: NetState) -> tuple[Any, NetState]:
        with torch.no_grad():
            out, after = run(self.net, x, state)
        # A mask that was drawn at the first tick is the same in the second pass.
        again = {
            name: after[name] if isinstance(module, Dropout) else state[name]
            for name, module in stateful(self.net).items()
        }
        return _Replayed.apply(lambda g: self._again(x, again, out, g), out, *self.trained), after

    def _again(self, x: Tensor, state: NetState, out: Tensor, errors: Tensor) -> Gradients:
        sums: list[Tensor | None] = [None] * len(self.trained)
        for t, (y, pull) in enumerate(self.ticks(x, state)):
            if y.device.type == "cpu" and not torch.equal(y, out[t]):
                raise ValidationError(
                    f"{type(self).__name__}: expected tick {t} to be the same when it is run again "
                    "for its gradient, got another output; change no weight before backward(), and "
                    "draw random numbers by nn.Dropout only"
                )
            for k, grad in enumerate(pull(errors[t])):
                if grad is not None:
                    before = sums[k]
                    sums[k] = grad if before is None else before + grad
        return sums


class _Replayed(torch.autograd.Function):
    """Outputs as they are; the gradients of parameters are asked for when theirs is known."""

    @staticmethod
    def forward(ctx: Any, gradients: Pull, out: Tensor, *trained: Tensor) -> Tensor:
        ctx.gradients = gradients
        return out.view_as(out)

    @staticmethod
    def backward(ctx: Any, errors: Tensor) -> tuple[Any, ...]:
        return None, None, *ctx.gradients(errors)


def changed(
    module: torch.nn.Module, others: Mapping[torch.nn.Module, torch.nn.Module]
) -> torch.nn.Module:
    """Give a net with the same modules and parameters, but others in the places of some."""
    if module in others:
        return others[module]
    children = {
        name: child if child is None else changed(child, others)
        for name, child in module._modules.items()
    }
    if all(child is module._modules[name] for name, child in children.items()):
        return module
    made = copy.copy(module)
    made._modules = children
    return made


def sums(node: fx.Node, module: torch.nn.Module | None) -> bool:
    """Whether a node is linear in one thing, as `nn.export` knows it, and the same in all ticks."""
    what: Any = node.target if module is None else type(module)
    if node.op == "call_method":
        what = getattr(torch.Tensor, str(node.target), None)
    several = sum(one.op != "get_attr" for one in node.all_input_nodes) > 1
    if what is torch.nn.functional.dropout or getattr(module, "pool", 1) != 1:
        return False
    return what in HANDLERS and not (several and what in PRODUCTS)


def one_value(constant: Tensor | float) -> float | None:
    """Give a constant of neurons as a number, None where it differs from neuron to neuron."""
    if isinstance(constant, Tensor):
        values = constant.detach().unique()
        return float(values[0]) if len(values) == 1 else None
    return float(constant)


def more_than_a_leak(layer: LIFLayer) -> list[str]:
    """Say what neurons have beside a membrane with one decay for all."""
    params = layer.params()
    found = {
        f"learned {', '.join(layer.learned)}": bool(layer.learned),
        "a beta for each neuron": one_value(params.beta) is None,
        "a synaptic current": params.has_current,
        "a refractory time": params.has_refractory,
        "a floor": params.v_floor is not None,
        "a gradient of the reset": not params.detach_reset,
    }
    return [name for name, there in found.items() if there]


def unfit(net: torch.nn.Module) -> Iterator[str]:
    """Say of modules of a net why none of the methods for rows of sums and neurons takes them."""
    for path, module in net.named_modules():
        if hooked(module, backward=True):
            yield f"{who(path, module)}: {HOOKS}"
        if isinstance(module, _OF_ITS_TICK):
            yield (
                f"{who(path, module)}: expected modules that do the same in every tick, got one "
                "that goes by the tick in training; use nn.Dropout, or fold the norm"
            )
        elif list(module.parameters(recurse=False)) and not isinstance(
            module, (*PROJECTIONS, Stateful)
        ):
            yield (
                f"{who(path, module)}: expected no parameters beside those of projections; fold "
                "it, or put it out with affine=False"
            )


def other_neurons(
    net: torch.nn.Module, more: Callable[[LIFLayer], list[str]], wanted: str
) -> Iterator[str]:
    """Say which neurons are something else than ``wanted``: LIFLayer, and no ``more`` than that."""
    for path, module in net.named_modules():
        if isinstance(module, LIFLayer):
            if found := more(module):
                yield f"{who(path, module)}: expected {wanted}, got {'; '.join(found)}"
        elif isinstance(module, Stateful) and not isinstance(module, Dropout):
            yield (
                f"{who(path, module)}: expected LIFLayer and no other module with a state but "
                "nn.Dropout; train it by nn.run and backward()"
            )
