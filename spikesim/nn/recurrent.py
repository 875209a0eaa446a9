# SPDX-License-Identifier: Apache-2.0
"""Neurons that are driven by their own spikes of the tick before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.exact import spread
from spikesim.nn.running import step
from spikesim.nn.shapes import shape_of
from spikesim.nn.stateful import Stateful, stateful


class RecurrentState(NamedTuple):
    """What a `Recurrent` carries from tick to tick.

    Attributes
    ----------
    spikes : tensor, shape (B, ...)
        Output of the last tick.
    neurons, back : state
        Of the modules: that of a `Stateful` as it is, of any other module as of `nn.step`.
    """

    spikes: Tensor
    neurons: Any
    back: Any


class Recurrent(Stateful):
    """Neurons with a projection from their own output of the tick before: ``x[t] + back(y[t-1])``.

    The output before the first tick is 0, a bias of ``back`` acts from the first tick on.

    Parameters
    ----------
    neurons : torch.nn.Module
        A `LIFLayer`, any other `Stateful`, or a net: what is driven, and whose output comes back.
    back : torch.nn.Module
        From the output to the input of ``neurons``: `Linear` (all-to-all), `Diagonal`, a
        convolution, ... A `Delay` within makes the loop longer by its ticks.
    shape : int or sequence of int, optional
        Axes of the output of a tick; by default that of ``neurons``, if it has one, else of
        the input.

    Raises
    ------
    ValidationError
        If ``back`` does not give what adds to the input, ``neurons`` gives something of another
        shape, or for a state of another batch or type.

    Examples
    --------
    An impulse that keeps itself alive:

    >>> from spikesim import nn
    >>> net = Recurrent(nn.LIFLayer(1, beta=0.0), Diagonal(1))
    >>> net(torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)).flatten().tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        neurons: torch.nn.Module,
        back: torch.nn.Module,
        *,
        shape: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.neurons, self.back = neurons, back
        of_neurons = getattr(neurons, "shape", None)
        self.shape = of_neurons if shape is None else shape_of(shape, {}, "Recurrent")

    def init(self, x: Tensor) -> RecurrentState:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        shape = x.shape[1:] if self.shape is None else self.shape
        return RecurrentState(
            x.new_zeros(len(x), *shape), _at_rest(self.neurons, x), _at_rest(self.back, None)
        )

    def step(self, x: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        """One tick: output for input (B, ...), and the new state."""
        last = state.spikes
        if (len(last), last.dtype, last.device) != (len(x), x.dtype, x.device):
            raise ValidationError(
                f"Recurrent: expected a state of batch {len(x)}, {x.dtype} on {x.device}, got "
                f"batch {len(last)}, {last.dtype} on {last.device}; begin anew without a state "
                "(nn.reset)"
            )
        fed, back = _stepped(self.back, last, state.back)
        if fed.shape != x.shape:  # a sum would spread it
            raise ValidationError(
                f"Recurrent: expected back to give what adds to the input, {tuple(x.shape)}, got "
                f"{tuple(fed.shape)}; choose the sizes of back and of what comes before"
            )
        out, neurons = _stepped(self.neurons, x + fed, state.neurons)
        if not isinstance(out, Tensor) or out.shape != last.shape:
            got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ValidationError(
                f"Recurrent: expected an output of shape {tuple(last.shape)}, got {got}; give "
                "its axes without the batch, Recurrent(..., shape=...)"
            )
        return out, RecurrentState(out, neurons, back)


class Diagonal(torch.nn.Module):
    """A learned weight for every neuron, from it to the neuron in the same place.

    Parameters
    ----------
    shape : int or sequence of int
        Neurons.
    weight : float or array
        To begin with.

    Examples
    --------
    >>> Diagonal(2, [0.5, -1.0])(torch.ones(1, 2)).tolist()
    [[0.5, -1.0]]
    """

    over_time = True  # a row of the result depends on no other row

    def __init__(
        self, shape: int | Sequence[int], weight: float | Sequence[float] | np.ndarray = 1.0
    ) -> None:
        super().__init__()
        self.shape = shape_of(shape, {}, "Diagonal") or ()
        start = np.broadcast_to(np.asarray(weight, dtype=np.float32), self.shape)
        self.weight = torch.nn.Parameter(torch.tensor(start))

    def forward(self, x: Tensor) -> Tensor:
        """Input (..., *shape), each entry times its weight."""
        if x.shape[x.ndim - len(self.shape) :] != self.shape:
            raise ValidationError(
                f"Diagonal: expected input (B, {', '.join(map(str, self.shape))}), got "
                f"{tuple(x.shape)}"
            )
        return x * spread(self.weight, x.shape)

    def extra_repr(self) -> str:
        """Neurons."""
        return f"shape={self.shape}"


def _at_rest(module: torch.nn.Module, x: Tensor | None) -> Any:
    """State before the first tick; None, within it, for what only its first input can tell."""
    if isinstance(module, Stateful):
        return None if x is None else module.init(x)
    return dict.fromkeys(stateful(module))


def _stepped(module: torch.nn.Module, x: Tensor, state: Any) -> tuple[Any, Any]:
    if not isinstance(module, Stateful):
        return step(module, x, state)
    out, states = step(module, x, {"": state})
    return out, states[""]
