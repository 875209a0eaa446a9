# SPDX-License-Identifier: Apache-2.0
"""From output spikes to classes."""

from __future__ import annotations

import torch
from torch import Tensor

from spikesim.core.decode import classify


def spike_count(spikes: Tensor) -> Tensor:
    """Spikes per neuron: (T, B, n) to (B, n); differentiable.

    Examples
    --------
    >>> spike_count(torch.ones(3, 1, 2)).tolist()
    [[3.0, 3.0]]
    """
    return spikes.sum(0)


def arg_max(counts: Tensor) -> Tensor:
    """Class of the largest count by `core.decode.classify`: the lowest index wins a tie.

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
    # torch.argmax leaves open which of equal counts it gives.
    return torch.from_numpy(classify(counts.numpy(force=True))).to(counts.device)
