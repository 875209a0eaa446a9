# SPDX-License-Identifier: Apache-2.0
"""From output spikes to classes."""

from __future__ import annotations

import torch
from torch import Tensor


def spike_count(spikes: Tensor) -> Tensor:
    """Spikes per neuron: (T, B, n) to (B, n); differentiable.

    Examples
    --------
    >>> spike_count(torch.ones(3, 1, 2)).tolist()
    [[3.0, 3.0]]
    """
    return spikes.sum(0)


def arg_max(counts: Tensor) -> Tensor:
    """Class of the largest count; the lowest index wins a tie, as on the core.

    Parameters
    ----------
    counts : tensor, shape (B, n)
        Spike counts.

    Returns
    -------
    int64 tensor, shape (B,)

    Examples
    --------
    >>> arg_max(torch.tensor([[0, 2, 2, 1]])).tolist()
    [1]
    """
    n = counts.shape[-1]
    index = torch.arange(n, device=counts.device).expand_as(counts)
    best = counts == counts.max(dim=-1, keepdim=True).values
    return torch.where(best, index, n).min(dim=-1).values
