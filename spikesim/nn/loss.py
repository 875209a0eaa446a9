# SPDX-License-Identifier: Apache-2.0
"""Losses on output spikes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from spikesim.nn.decode import spike_count

_TABLE = 4096


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

    def __call__(self, spikes: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of spikes (T, B, n) against labels int64 (B,)."""
        loss: Tensor = _CountCrossEntropy.apply(
            spike_count(spikes), labels, self.scale, self.label_smoothing
        )
        return loss


class _CountCrossEntropy(torch.autograd.Function):
    """Counts are integers, so that a table of exponentials makes the gradient exact."""

    @staticmethod
    def forward(ctx: Any, counts: Tensor, labels: Tensor, scale: float, smoothing: float) -> Tensor:
        ctx.save_for_backward(counts, labels)
        ctx.scale, ctx.smoothing = scale, smoothing
        return torch.nn.functional.cross_entropy(counts * scale, labels, label_smoothing=smoothing)

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

    def __call__(self, spikes: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of spikes (T, B, n) against labels int64 (B,)."""
        rates = spike_count(spikes) / spikes.shape[0]
        hot = torch.nn.functional.one_hot(labels, rates.shape[-1])
        wanted = self.wrong + (self.correct - self.wrong) * hot.to(rates.dtype)
        return (rates - wanted).square().sum(-1).mean()
