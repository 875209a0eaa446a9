# SPDX-License-Identifier: Apache-2.0
"""Stacks of layers, with their state in the open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn import exact
from spikesim.nn.functional import LIFState
from spikesim.nn.neuron import LIFLayer

NetState = tuple[LIFState | None, ...]


class Linear(torch.nn.Linear):
    """Dense projection applied to every tick; input (T, B, n_pre) or (B, n_pre).

    Sums are exact (`spikesim.nn.exact`), so that a net trains to the same bits on every machine.

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
    """

    def __init__(self, n_pre: int, n_post: int, bias: bool = False, scale: float = 1.0) -> None:
        self._bound = scale / math.sqrt(max(1, n_pre)), 1.0 / math.sqrt(max(1, n_pre))
        super().__init__(n_pre, n_post, bias=bias)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw weights as PyTorch does, but round after each operation on every machine."""
        for values, bound in zip((self.weight, self.bias), self._bound, strict=True):
            if values is not None:
                values.copy_(torch.rand_like(values).mul_(2.0).sub_(1.0).mul_(bound))

    def forward(self, x: Tensor) -> Tensor:
        """Sum of the weights of the spikes."""
        out = exact.linear(x, self.weight)
        return out if self.bias is None else out + exact.spread(self.bias, out.shape)


class SpikingNet(torch.nn.Sequential):
    """Layers in a row; stateful ones are `LIFLayer`, all others are applied tick by tick alike.

    ``net(x)`` runs from rest. ``net.seq(x, state)`` and ``net.step(x_t, state)`` take the state
    and hand the new one back. ``net.advance(x)`` continues from the state the net itself holds,
    which `reset` forgets.

    Parameters
    ----------
    *layers : torch.nn.Module
        Stateless modules that accept leading time and batch axes, and `LIFLayer`.

    Examples
    --------
    >>> net = SpikingNet(Linear(2, 3), LIFLayer(3), Linear(3, 1), LIFLayer(1))
    >>> net(torch.ones(5, 4, 2)).shape
    torch.Size([5, 4, 1])
    """

    def __init__(self, *layers: torch.nn.Module) -> None:
        super().__init__(*layers)
        self._held: NetState | None = None

    def seq(self, x: Tensor, state: NetState | None = None) -> tuple[Tensor, NetState]:
        """All ticks: spikes (T, B, n_out) and the state after the last one."""
        before = self._given(state)
        after: list[LIFState | None] = []
        for layer, old in zip(self, before, strict=True):
            if isinstance(layer, LIFLayer):
                x, new = layer.seq(x, old)
                after.append(new)
            else:
                x = layer(x)
                after.append(None)
        return x, tuple(after)

    def step(self, x: Tensor, state: NetState | None = None) -> tuple[Tensor, NetState]:
        """One tick: input (B, n_in), spikes (B, n_out), and the new state."""
        out, after = self.seq(x.unsqueeze(0), state)
        return out.squeeze(0), after

    def forward(self, x: Tensor) -> Tensor:
        """Spikes (T, B, n_out) for input (T, B, n_in), from rest."""
        return self.seq(x)[0]

    def layer_spikes(self, x: Tensor) -> list[Tensor]:
        """Spikes (T, B, n) of every LIFLayer layer, from rest, in order."""
        spikes = []
        for layer in self:
            x = layer(x)
            if isinstance(layer, LIFLayer):
                spikes.append(x)
        return spikes

    def advance(self, x: Tensor) -> Tensor:
        """Continue from the held state; the state kept is cut from the graph."""
        out, after = self.seq(x, self._held)
        self._held = tuple(None if s is None else s.detach() for s in after)
        return out

    def reset(self) -> None:
        """Forget the held state."""
        self._held = None

    def stages(self) -> Sequence[tuple[Linear, LIFLayer]]:
        """Give the net as (projection, population) pairs, for export and quantization.

        Raises
        ------
        ValidationError
            If the layers do not alternate between Linear and LIFLayer.
        """
        layers = [layer for layer in self if not isinstance(layer, torch.nn.Dropout)]
        kinds = [
            isinstance(m, LIFLayer if k % 2 else torch.nn.Linear) for k, m in enumerate(layers)
        ]
        if not layers or len(layers) % 2 or not all(kinds):
            names = ", ".join(type(layer).__name__ for layer in layers) or "nothing"
            raise ValidationError(
                f"SpikingNet: expected Linear, LIFLayer, Linear, LIFLayer, ... (Dropout is "
                f"ignored), got {names}"
            )
        return cast(
            Sequence[tuple[Linear, LIFLayer]], list(zip(layers[::2], layers[1::2], strict=True))
        )

    def _given(self, state: NetState | None) -> NetState:
        if state is None:
            return (None,) * len(self)
        if len(state) != len(self):
            raise ValidationError(
                f"SpikingNet: expected a state with {len(self)} entries (one per layer), "
                f"got {len(state)}"
            )
        return state
