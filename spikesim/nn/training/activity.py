# SPDX-License-Identifier: Apache-2.0
"""Losses that also ask hidden neurons to be neither silent nor busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.stateful import RUNNING
from spikesim.nn.training.evaluate import called


class WithActivity:
    """A loss plus the squares by which firing rates leave a range.

    ``strength`` times the mean over layers and their neurons of ``max(0, low - r)**2 + max(0, r -
    high)**2``, r the spikes of a neuron in a tick, over the batch. Padded ticks do not count.

    Parameters
    ----------
    loss : callable
        (outputs, targets) or (outputs, targets, mask) to a scalar.
    model : torch.nn.Module
        Whose `LIFLayer` are watched in every run, the last one with the others; the gradient is
        that of the run before the call.
    low, high : float
        Rates, 0..1 in a tick, that cost nothing.
    strength : float
        Weight of the addition.

    Raises
    ------
    ValidationError
        If the range is none, or the net has no `LIFLayer`.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = nn.SpikingNet(nn.LIFLayer(1, beta=0.0))
    >>> loss = WithActivity(lambda out, y: out.sum() * 0.0, net, high=0.5)
    >>> round(float(loss(net(torch.ones(4, 1, 1)), None)), 6)  # fires in every tick
    0.25
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        model: torch.nn.Module,
        *,
        low: float = 0.0,
        high: float = 1.0,
        strength: float = 1.0,
    ) -> None:
        layers = [m for m in model.modules() if isinstance(m, LIFLayer)]
        if not 0.0 <= low <= high <= 1.0 or not layers:
            raise ValidationError(
                f"WithActivity: expected 0 <= low <= high <= 1 and a net with LIFLayer, got "
                f"low={low}, high={high}, {len(layers)} of them in {type(model).__name__}"
            )
        self.loss, self.low, self.high, self.strength = loss, low, high, strength
        self._spikes: dict[int, list[Tensor]] = {}
        self._run: Any = None
        self._handles = [layer.register_forward_hook(self._note) for layer in layers]

    def __call__(self, outputs: Tensor, targets: Any, mask: Tensor | None = None) -> Tensor:
        """Loss of the outputs (T, B, n) of the last run."""
        value = called(self.loss, mask, outputs, targets)
        real = len(outputs) * outputs.shape[1] if mask is None else mask.sum().clamp(min=1)
        costs = []
        for parts in self._spikes.values():
            spikes = torch.cat(parts).flatten(2)
            if mask is not None:
                spikes = spikes.masked_fill(~mask[..., None], 0.0)
            rate = spikes.sum((0, 1)) / real
            below, above = (self.low - rate).clamp(min=0.0), (rate - self.high).clamp(min=0.0)
            costs.append((below.square() + above.square()).mean())
        self._spikes.clear()
        return value + self.strength * torch.stack(costs).mean() if costs else value

    def __repr__(self) -> str:
        """Say what is asked for, the same in every process."""
        return (
            f"WithActivity({self.loss!r}, low={self.low}, high={self.high}, "
            f"strength={self.strength})"
        )

    def close(self) -> None:
        """Watch no longer."""
        for handle in self._handles:
            handle.remove()

    def _note(self, layer: torch.nn.Module, given: Any, spikes: Tensor) -> None:
        running = RUNNING.now
        if running is None or running is not self._run:
            self._run = running
            if running is not None or id(layer) in self._spikes:
                self._spikes.clear()  # of a run that nobody asked about
        whole = running is None or running.whole
        self._spikes.setdefault(id(layer), []).append(spikes if whole else spikes[None])
