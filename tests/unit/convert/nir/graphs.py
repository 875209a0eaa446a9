# SPDX-License-Identifier: Apache-2.0
"""Small NIR graphs written by hand, for tests."""

import itertools

import numpy as np
import torch


def chain(*nodes, shape=(1,), out=None, metadata=None):
    """Graph of nodes in a row; each a dictionary with its type."""
    names = ["in", *(f"n{k}" for k in range(len(nodes))), "out"]
    ends = {"type": "Input", "shape": list(shape)}, {"type": "Output", "shape": list(out or shape)}
    graph = {
        "nodes": dict(zip(names, (ends[0], *nodes, ends[1]), strict=True)),
        "edges": list(itertools.pairwise(names)),
    }
    return graph if metadata is None else graph | {"metadata": metadata}


def lif(tau=2e-3, r=1.0, v_threshold=1.0, v_leak=0.0, **more):
    return {"type": "LIF", "tau": tau, "r": r, "v_threshold": v_threshold, "v_leak": v_leak, **more}


def linear(weight):
    return {"type": "Linear", "weight": np.asarray(weight, dtype=float)}


def affine(weight, bias):
    return {"type": "Affine", "weight": np.asarray(weight, float), "bias": np.asarray(bias, float)}


def run_lif(x, beta, gain, v_th=1.0, *, strict=True, bias=0.0):
    """Spikes of a neuron with a hard reset to 0, by the equations as they stand."""
    v, spikes = 0.0, []
    for drive in x:
        v = beta * v + gain * drive + bias
        fired = v > v_th if strict else v >= v_th
        spikes.append(float(fired))
        v = 0.0 if fired else v
    return spikes


def spikes_of(net, x):
    """Output for a drive (T,), (T, n) or (T, ...) of one sample."""
    with torch.no_grad():
        out = net.double()(torch.as_tensor(np.asarray(x, float)).unsqueeze(1))
    return out[:, 0].numpy()
