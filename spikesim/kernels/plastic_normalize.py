# SPDX-License-Identifier: Apache-2.0
"""Homeostasis of weights: the sum onto each target is held."""

from __future__ import annotations

from spikesim.kernels.jit import kernel


@kernel
def normalize(targets, weights, sums, total, w_min, w_max):
    """Scale all weights so that those onto each target sum to ``total``, then clip them.

    Parameters
    ----------
    targets, weights : integer and float array, shape (nnz,)
        Synapses; weights are changed. Sums are taken in the order of the synapses, in float64.
    sums : float64 array, shape (n_post,)
        Zero on entry; the former sums on exit. A target with sum 0 keeps its weights.
    total, w_min, w_max : float, unit of the weight
        Sum to reach, and bounds.
    """
    for j in range(weights.size):
        sums[targets[j]] += weights[j]
    for j in range(weights.size):
        former = sums[targets[j]]
        if former != 0.0:
            weights[j] = min(max(weights[j] * (total / former), w_min), w_max)
