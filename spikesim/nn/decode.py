# SPDX-License-Identifier: Apache-2.0
"""From outputs over time to scores, of which the largest is the class.

Each takes outputs (T, B, n) and optionally a mask bool (T, B), True where a sample has a tick;
padding is behind the last one. A mask of another type or shape is a ValidationError.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spikesim.core.decode import classify
from spikesim.nn.time.mask import check_mask


def spike_count(spikes: Tensor, mask: Tensor | None = None) -> Tensor:
    """Spikes per neuron: (T, B, n) to (B, n); differentiable.

    Examples
    --------
    >>> spike_count(torch.ones(3, 1, 2)).tolist()
    [[3.0, 3.0]]
    """
    return masked(spikes, mask).sum(0)


def first_spike(spikes: Tensor, mask: Tensor | None = None) -> Tensor:
    """Ticks left after the first spike, (T, B, n) to (B, n): 0 for none; differentiable.

    The time of the first spike is ``sum_t prod_(k <= t) (1 - s_k)``, the number of ticks without a
    spike so far.

    Examples
    --------
    >>> first_spike(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])[:, None]).tolist()
    [[2.0, 0.0]]
    """
    return len(spikes) - (1.0 - masked(spikes, mask)).cumprod(0).sum(0)


def mean_value(membrane: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over time, (T, B, n) to (B, n), for a readout that does not spike."""
    return masked(membrane, mask).sum(0) / ticks_of(membrane, mask)


def largest_value(membrane: Tensor, mask: Tensor | None = None) -> Tensor:
    """Largest value over time, (T, B, n) to (B, n), for a readout that does not spike."""
    return masked(membrane, mask, -torch.inf).amax(0)


def last_value(membrane: Tensor, mask: Tensor | None = None) -> Tensor:
    """Value after the last tick, (T, B, n) to (B, n), for a readout that does not spike."""
    last = (ticks_of(membrane, mask) - 1).long().expand(1, -1, membrane.shape[-1])
    return membrane.gather(0, last)[0]


def masked(values: Tensor, mask: Tensor | None, instead: float = 0.0) -> Tensor:
    """Values (T, B) or (T, B, n) with something else where a sample is padded."""
    if mask is None:
        return values
    check_mask(mask, values, "outputs")
    return values.masked_fill(~(mask if values.ndim == 2 else mask[..., None]), instead)


def ticks_of(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """Real ticks of each sample, float (B, 1), at least 1."""
    if mask is None:
        return outputs.new_full((outputs.shape[1], 1), len(outputs))
    check_mask(mask, outputs, "outputs")
    return mask.sum(0).clamp(min=1).to(outputs.dtype)[:, None]


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
