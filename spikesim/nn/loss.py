# SPDX-License-Identifier: Apache-2.0
"""Losses on outputs over time.

Each is called with outputs (T, B, n), targets, and optionally a mask bool (T, B), True where a
sample has a tick: what lies in padding has no part in the loss, nor in its gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from spikesim.errors import ValidationError
from spikesim.nn.decode import (
    first_spike,
    largest_value,
    last_value,
    masked,
    mean_value,
    spike_count,
    ticks_of,
)

_TABLE = 4096
_OVER = {"mean": mean_value, "max": largest_value, "last": last_value}


@dataclass(frozen=True)
class CountCrossEntropy:
    """Cross-entropy of the softmax over spike counts.

    Parameters
    ----------
    scale : float
        Logits per spike. Below 1 the loss keeps asking for a wider margin in spikes; above it
        is content with one spike more.
    label_smoothing : float
        As in ``torch.nn.functional.cross_entropy``.
    """

    scale: float = 0.5
    label_smoothing: float = 0.0

    def __call__(self, spikes: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean loss of spikes (T, B, n) against labels int64 (B,)."""
        loss: Tensor = _CountCrossEntropy.apply(
            spike_count(spikes, mask), labels, self.scale, self.label_smoothing
        )
        return loss


class _CountCrossEntropy(torch.autograd.Function):
    """Counts are integers, so that a table of exponentials makes the gradient exact."""

    @staticmethod
    def forward(ctx: Any, counts: Tensor, labels: Tensor, scale: float, smoothing: float) -> Tensor:
        ctx.save_for_backward(counts, labels)
        ctx.scale, ctx.smoothing = scale, smoothing
        return functional.cross_entropy(counts * scale, labels, label_smoothing=smoothing)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        counts, labels = ctx.saved_tensors
        share = _exponential(counts.amax(-1, keepdim=True) - counts, ctx.scale)
        share = share / share.sum(-1, keepdim=True)
        n = counts.shape[-1]
        wanted = torch.full_like(share, ctx.smoothing / n)
        wanted.scatter_(-1, labels[:, None], 1.0 - ctx.smoothing + ctx.smoothing / n)
        slope = (share - wanted) * (ctx.scale / max(1, len(counts)))
        return slope.to(counts.dtype) * grad, None, None, None


def _exponential(behind: Tensor, scale: float) -> Tensor:
    """``exp(-scale * behind)`` in float64; by table where ``behind`` holds few whole numbers."""
    top = float(behind.max()) if behind.numel() else 0.0
    if top >= _TABLE or not torch.equal(behind, behind.round()):
        return torch.exp(behind.double() * -scale)  # graded spikes: right, but to the last bit
    table = exponentials(scale, int(top) + 1)
    return torch.tensor(table, dtype=torch.float64, device=behind.device)[behind.long()]


@lru_cache(maxsize=16)
def exponentials(scale: float, n: int) -> tuple[float, ...]:
    """Give ``exp(-scale * k)`` for k below n, in multiples of 2**-40: their sums are exact.

    Examples
    --------
    >>> exponentials(0.0, 2)
    (1.0, 1.0)
    """
    one = 1 << 40
    # Decimal rounds correctly; the exponential of a machine's library need not.
    return tuple(float(round(Decimal(-scale * k).exp() * one)) / one for k in range(n))


@dataclass(frozen=True)
class CountMSE:
    """Squared distance of firing rates from a target for the true class and one for the others.

    Parameters
    ----------
    correct, wrong : float
        Wanted share of ticks with a spike.
    """

    correct: float = 0.8
    wrong: float = 0.1

    def __call__(self, spikes: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean loss of spikes (T, B, n) against labels int64 (B,); rates count real ticks only."""
        rates = spike_count(spikes, mask) / ticks_of(spikes, mask)
        hot = functional.one_hot(labels, rates.shape[-1])
        wanted = self.wrong + (self.correct - self.wrong) * hot.to(rates.dtype)
        return (rates - wanted).square().sum(-1).mean()


@dataclass(frozen=True)
class RateCrossEntropy:
    """Cross-entropy of the softmax over the outputs of each tick, averaged over ticks.

    Unlike `CountCrossEntropy` it asks the true class to fire in every tick. For a membrane readout
    it is the loss of the membrane at each tick.

    Parameters
    ----------
    scale : float
        Logits per spike.
    """

    scale: float = 1.0

    def __call__(self, outputs: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean loss of outputs (T, B, n) against labels int64 (B,)."""
        logits = (outputs * self.scale).flatten(0, 1)
        each = functional.cross_entropy(logits, labels.repeat(len(outputs)), reduction="none")
        each = each.reshape(outputs.shape[:2])
        return (masked(each, mask).sum(0) / ticks_of(outputs, mask)[:, 0]).mean()


@dataclass(frozen=True)
class MembraneCrossEntropy:
    """Cross-entropy of a readout that does not spike.

    Parameters
    ----------
    over : {"mean", "max", "last"}
        What of the membrane over time are the logits; predict with `decode.mean_value`,
        `decode.largest_value` or `decode.last_value`.
    """

    over: Literal["mean", "max", "last"] = "mean"

    def __post_init__(self) -> None:
        if self.over not in _OVER:
            raise ValidationError(
                f"MembraneCrossEntropy: expected over='mean', 'max' or 'last', got {self.over!r}"
            )

    def __call__(self, membrane: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean loss of membranes (T, B, n) against labels int64 (B,)."""
        logits = _OVER[self.over](membrane, mask)
        return functional.cross_entropy(logits, labels)


@dataclass(frozen=True)
class FirstSpikeCrossEntropy:
    """Cross-entropy of the softmax over how early each output fires first.

    An output that never fires counts as one that fires after the last tick. Predict with
    `decode.first_spike`.

    Parameters
    ----------
    tau : float, ticks
        A spike that comes earlier by so much is worth one logit.
    """

    tau: float = 2.0

    def __call__(self, spikes: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean loss of spikes (T, B, n) against labels int64 (B,)."""
        return functional.cross_entropy(first_spike(spikes, mask) / self.tau, labels)


@dataclass(frozen=True)
class VanRossum:
    """Squared distance of spike trains that are smeared by a decaying exponential.

    ``1 / tau sum_t (f(t) - g(t))**2`` with ``f(t) = exp(-1 / tau) f(t - 1) + s(t)``; summed over
    outputs, averaged over samples.

    Parameters
    ----------
    tau : float, ticks
        How far two spikes may lie apart and still be near.

    References
    ----------
    van Rossum, "A novel spike distance", Neural Computation 13(4), 2001, equation 2.1.
    """

    tau: float = 10.0

    def __post_init__(self) -> None:
        if not self.tau > 0:
            raise ValidationError(f"VanRossum: expected tau > 0 ticks, got {self.tau}")

    def __call__(self, spikes: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean distance of spikes (T, B, n) from the trains target (T, B, n)."""
        if target.shape != spikes.shape:
            raise ValidationError(
                f"VanRossum: expected target trains of shape {tuple(spikes.shape)}, got "
                f"{tuple(target.shape)}"
            )
        difference = masked(spikes - target.to(spikes.dtype), mask)
        ages = torch.arange(len(spikes), device=spikes.device)
        ages = ages[:, None] - ages[None]
        kernel = torch.exp(-ages.to(spikes.dtype) / self.tau).masked_fill(ages < 0, 0.0)
        smeared = torch.einsum("tu,ubn->tbn", kernel, difference)
        return masked(smeared, mask).square().sum((0, 2)).mean() / self.tau
