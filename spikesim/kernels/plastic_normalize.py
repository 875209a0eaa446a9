# SPDX-License-Identifier: Apache-2.0
"""Homeostasis of weights: the sum onto each target is held."""

from __future__ import annotations

from spikesim.kernels.jit import kernel


@kernel
def normalize(targets, weights, sums, factors, total, w_min, w_max):
    """Scale all weights so that those onto each target sum to ``total``, then clip them.

    Parameters
    ----------
    targets, weights : integer and float array, shape (nnz,)
        Synapses; weights are changed. Sums are taken in the order of the synapses, in float64.
    sums : float64 array, shape (n_post,)
        Zero on entry; the former sums on exit. A target with sum 0 keeps its weights.
    factors : array of the type of the weights, shape (n_post,)
        Written.
    total : float, unit of the weight
        Sum to reach.
    w_min, w_max : scalars of the type of the weights
        Bounds.
    """
    for j in range(weights.size):
        sums[targets[j]] += weights[j]
    for k in range(sums.size):
        factors[k] = total / sums[k] if sums[k] != 0.0 else 1.0
    for j in range(weights.size):
        weights[j] = min(max(weights[j] * factors[targets[j]], w_min), w_max)


@kernel
def normalize_dense(weights, sums, factors, total, w_min, w_max):
    """As ``normalize`` for a matrix, with the same bits.

    Parameters
    ----------
    weights : float array, shape (n_pre, n_post)
        Changed.
    sums, factors, total, w_min, w_max : see ``normalize``
    """
    n_pre = weights.shape[0]
    whole = n_pre - n_pre % 4
    for i in range(0, whole, 4):
        # Four rows at a time, in the same order: a quarter of the loads and stores of sums.
        a, b, c, d = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        for k in range(sums.size):
            sums[k] = (((sums[k] + a[k]) + b[k]) + c[k]) + d[k]
    for i in range(whole, n_pre):
        row = weights[i]
        for k in range(sums.size):
            sums[k] += row[k]
    for k in range(sums.size):
        factors[k] = total / sums[k] if sums[k] != 0.0 else 1.0
    for i in range(n_pre):
        row = weights[i]
        for k in range(factors.size):
            row[k] = min(max(row[k] * factors[k], w_min), w_max)
