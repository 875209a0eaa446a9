# SPDX-License-Identifier: Apache-2.0
"""Losses on output spikes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spikesim.nn.decode import spike_count


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
        return torch.nn.functional.cross_entropy(
            spike_count(spikes) * self.scale, labels, label_smoothing=self.label_smoothing
        )


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
