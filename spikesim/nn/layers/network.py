# SPDX-License-Identifier: Apache-2.0
"""Projections made for spikes, and layers in a row."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.functional import LIFState
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.ops.conv import conv_pool, output_shape
from spikesim.nn.ops.conv_lif import conv_pool_lif_seq, why_apart
from spikesim.nn.ops.event_linear import event_linear
from spikesim.nn.time.running import from_rest, run
from spikesim.nn.time.stateful import RUNNING, Stateful


class Linear(torch.nn.Linear):
    """Dense projection applied to every tick; input (T, B, n_pre) or (B, n_pre).

    Spikes choose rows of weights to add: what takes time is events, not inputs (`event_linear`).
    Sums are exact (`spikesim.nn.arithmetic.exact`), so that a net trains to the same bits on every
    machine.

    Without a bias by default: a constant drive belongs to the neuron (``LIFLayer(bias=...)``).
    A bias given here is moved there on export.

    Parameters
    ----------
    n_pre, n_post : int
        Sizes.
    bias : bool
        Add a learned constant per target.
    scale : float
        Factor on PyTorch's uniform initial weights; spiking layers want 1 to 3.
    exact : bool
        Make exact sums, of weights with 24 bits of the largest. Otherwise sums in the type of the
        input, in the order of the inputs: the whole of float64, and a faster gradient for the
        input.
    """

    over_time = True  # a row of the result depends on no other row, to the bit
    pure = True

    def __init__(
        self, n_pre: int, n_post: int, bias: bool = False, scale: float = 1.0, *, exact: bool = True
    ) -> None:
        self._bound = scale / math.sqrt(max(1, n_pre)), 1.0 / math.sqrt(max(1, n_pre))
        super().__init__(n_pre, n_post, bias=bias)
        self.exact = exact

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw weights as PyTorch does, but round after each operation on every machine."""
        for values, bound in zip((self.weight, self.bias), self._bound, strict=True):
            if values is not None:
                values.copy_(torch.rand_like(values).mul_(2.0).sub_(1.0).mul_(bound))

    def forward(self, x: Tensor) -> Tensor:
        """Sum of the weights of the spikes."""
        return event_linear(x, self.weight, self.bias, exact=self.exact)

    def extra_repr(self) -> str:
        """Sizes, and what is not as by default."""
        return super().extra_repr() + ("" if self.exact else ", exact=False")


class Conv2d(torch.nn.Conv2d):
    """Convolution of stride 1 of every tick, with max-pooling if asked for; made for spikes.

    Input (T, B, channels, height, width) or (B, channels, height, width). Where it holds nothing
    but 0 and 1, tables take the place of products, and only what was the largest of its window has
    a gradient to compute (`conv_pool`). Neurons that follow in a row are run together with it: no
    tensor holds their currents (`conv_pool_lif_seq`). A net with a pool cannot be exported.

    Parameters
    ----------
    c_in, c_out : int
        Channels.
    kernel_size : int or two of int
    padding : int
        Zeros around an image.
    pool : {1, 2}
        Give the largest of each 2 by 2 pixels; 1 is no pooling.
    bias : bool
        Add a learned constant per channel.

    Raises
    ------
    ValidationError
        For a pool of another size, or a padding that is no whole number.

    Examples
    --------
    >>> Conv2d(1, 4, 3, pool=2)(torch.ones(5, 2, 1, 8, 8)).shape
    torch.Size([5, 2, 4, 3, 3])
    """

    over_time = True
    pure = True

    def __init__(
        self, c_in: int, c_out: int, kernel_size: int | tuple[int, int], *, padding: int = 0,
        pool: int = 1, bias: bool = True,
    ) -> None:  # fmt: skip
        if pool not in (1, 2):
            raise ValidationError(f"Conv2d: expected a pool of 1 or 2, got {pool}")
        if isinstance(padding, bool) or not isinstance(padding, int) or padding < 0:
            raise ValidationError(
                f"Conv2d: expected one padding for both axes, 0 or more, got {padding!r}; "
                "torch.nn.Conv2d has others"
            )
        super().__init__(c_in, c_out, kernel_size, padding=padding, bias=bias)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Sum of the weights of the spikes, and the largest of each window."""
        padding, running = int(self.padding[0]), RUNNING.now
        axes = (4, 5) if running is None else (5,) if running.whole else (4,)
        if x.ndim not in axes or x.shape[-3] != self.in_channels:
            lead = "(B, " if axes == (4,) else "(T, B, "
            raise ValidationError(
                f"Conv2d: expected input of shape {lead}{self.in_channels}, height, width), got "
                f"{tuple(x.shape)}; a batch of one sample has an axis too, x.unsqueeze(-4)"
            )
        if x.ndim == 4:
            return conv_pool(x[None], self.weight, self.bias, padding=padding, pool=self.pool)[0]
        return conv_pool(x, self.weight, self.bias, padding=padding, pool=self.pool)

    def joins(self, following: torch.nn.Module) -> bool:
        """Whether `seq_with` takes these neurons behind it."""
        plain = type(self).forward is Conv2d.forward and isinstance(following, LIFLayer)
        own = (type(following).forward, type(following).seq) if plain else ()
        return plain and own == (Stateful.forward, LIFLayer.seq)

    def seq_with(
        self, neurons: LIFLayer, x: Tensor, state: LIFState | None
    ) -> tuple[Tensor, LIFState]:
        """``neurons.seq(self(x), state)``, in one operator where there is one for the input."""
        convolution, padding = (self.weight, self.bias), int(self.padding[0])
        if isinstance(x, Tensor) and x.ndim == 5:
            shape = output_shape(x, *convolution, padding, self.pool)
            params = neurons.checked(x.new_empty(()).expand(shape), state)
            if why_apart(x, self.weight, params, math.prod(shape)) is None:
                return conv_pool_lif_seq(
                    x, *convolution, params, state, padding=padding, pool=self.pool
                )
        return neurons.seq(self(x), state)

    def extra_repr(self) -> str:
        """Sizes, and the pool."""
        return f"{super().extra_repr()}, pool={self.pool}"


class SpikingNet(torch.nn.Sequential):
    """Layers in a row, of any kind; a call is an `nn.run` from rest over (T, B, ...).

    ``torch.nn.Sequential`` does as well in `nn.run`; called by itself, it would give ordinary
    layers the axis of time as that of the batch.

    Parameters
    ----------
    *layers : torch.nn.Module
        `LIFLayer` and other `Stateful` modules, and ordinary ones, written for (B, ...).

    Examples
    --------
    >>> from spikesim.nn import LIFLayer
    >>> net = SpikingNet(Linear(2, 3), LIFLayer(3), Linear(3, 1), LIFLayer(1))
    >>> net(torch.ones(5, 4, 2)).shape
    torch.Size([5, 4, 1])
    """

    @property
    def over_time(self) -> bool:
        """Whether the forward method takes all ticks at once; one of your own takes single ones."""
        return type(self).forward is SpikingNet.forward

    def forward(self, x: Any) -> Any:
        """Output (T, B, ...) for input (T, B, ...), from rest; within a run, what that asks for."""
        running = RUNNING.now
        if running is None:
            return from_rest(self, x)
        if not running.whole:
            return super().forward(x)
        return running.row(tuple(self), x)

    def layer_spikes(self, x: Tensor) -> list[Tensor]:
        """Spikes (T, B, ...) of every neuron layer of the row, from rest, in order."""
        spikes = []
        for layer in self:
            x, _ = run(layer, x)
            if isinstance(layer, Stateful):
                spikes.append(x)
        return spikes
