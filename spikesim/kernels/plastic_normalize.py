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


@kernel
def normalize_dense(weights, sums, total, w_min, w_max):
    """As ``normalize`` for a matrix, with the same bits.

    Parameters
    ----------
    weights : float array, shape (n_pre, n_post)
        Changed.
    sums : float64 array, shape (n_post,)
        Zero on entry; scratch.
    """
    n_pre, n_post = weights.shape
    for i in range(n_pre):
        row = weights[i]
        for k in range(n_post):
            sums[k] += row[k]
    for k in range(n_post):
        sums[k] = total / sums[k] if sums[k] != 0.0 else 1.0
    for i in range(n_pre):
        row = weights[i]
        for k in range(n_post):
            row[k] = min(max(row[k] * sums[k], w_min), w_max)
