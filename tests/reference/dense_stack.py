# SPDX-License-Identifier: Apache-2.0
"""A feed-forward stack of LIF layers without delay, as torch runs it: dense, in NumPy."""

import numpy as np


def run_stack(raster, layers):
    """Spike rasters per layer; ``layers``: (matrix [n_pre, n_post], beta, bias, v_th, reset)."""
    states = [np.zeros(matrix.shape[1]) for matrix, *_ in layers]
    out = [[] for _ in layers]
    for row in raster:
        x = row.astype(np.float64)
        for k, (matrix, beta, bias, v_th, reset) in enumerate(layers):
            h = beta * states[k] + x @ matrix.astype(np.float64) + bias
            s = h >= v_th
            states[k] = np.where(s, 0.0 if reset == "hard" else h - v_th, h)
            out[k].append(s)
            x = s.astype(np.float64)
    return [np.array(rows) for rows in out]
