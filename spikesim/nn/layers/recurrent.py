# SPDX-License-Identifier: Apache-2.0
"""Neurons that are driven by their own spikes of the tick before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.arithmetic.exact import spread
from spikesim.nn.functional import lif_check
from spikesim.nn.layers.network import Linear
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.neurons.shapes import shape_of
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.lif import why_no_kernel as no_lif_kernel
from spikesim.nn.ops.rlif import run_rlif
from spikesim.nn.time.running import step
from spikesim.nn.time.stateful import Stateful, hooked, stateful


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

    def seq(self, x: Tensor, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """All ticks: the loop of `step`, or a kernel where there is one (`why_no_kernel`)."""
        asked, missing = chosen_backend(), self.why_no_kernel(x)
        if asked == "numba" and missing:
            raise ValidationError(
                f"Recurrent: backend('numba') was asked for, but there is no kernel, since "
                f"{missing}; leave the choice to backend('auto')"
            )
        if missing:
            return super().seq(x, state)
        now = self.init(x.new_zeros(x.shape[1:])) if state is None else state
        if (now.spikes.shape, now.spikes.dtype) != (x.shape[1:], x.dtype):
            return super().seq(x, now)  # which tells what is wrong
        neurons: Any = self.neurons
        params = neurons.params(x)
        lif_check(now.neurons, x[0], params)
        # The first tick may have any output before it; its product is an operator of its own.
        back: Any = self.back
        fed = None if state is None else back(now.spikes)
        s, last, after = run_rlif(x, fed, back.weight, back.bias, params, now.neurons)
        return s, RecurrentState(last, after, now.back)

    def why_no_kernel(self, x: Tensor | None = None) -> str | None:
        """Why every tick is a `step`, in words; None where all ticks are one call of a kernel.

        Parameters
        ----------
        x : tensor, optional
            Input, where it is known.
        """
        neurons, back = self.neurons, self.back
        if type(self).step is not Recurrent.step or type(neurons) is not LIFLayer:
            return "its neurons are not a LIFLayer alone"
        if type(back) is not Linear or not back.exact:
            return "what comes back does so through other than a Linear with exact sums"
        if any(hooked(one, backward=True) for one in (neurons, back)):
            return "hooks have to see every tick"
        size = back.in_features, back.out_features
        fits = x is None or (x.ndim == 3 and len(x) > 0 and size == 2 * (x.shape[2],))
        if size[0] != size[1] or not fits or neurons.shape not in (None, size[:1]):
            return "the input is not (T, B, n) for n neurons"
        if x is not None and x.dtype != back.weight.dtype:
            return f"the input is {x.dtype}, the weight {back.weight.dtype}"
        return no_lif_kernel(neurons.params(), x)

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
