# SPDX-License-Identifier: Apache-2.0
"""From a trained net to a `Network`, spike for spike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.nn.network import Linear, SpikingNet
from spikesim.nn.neuron import LIFLayer


def export(model: SpikingNet, dt: float = 1e-3, name: str = "") -> Network:
    """Give the net as a `Network`: input ``"in"``, populations ``"layer0"``, ``"layer1"``, ...

    In a torch stack a spike crosses all layers within a tick; in a network it takes a tick from
    population to population. Population l therefore starts at tick l (``start_tick``), and its
    spikes are those of layer l shifted by l ticks, exactly. To see all of T ticks, simulate
    ``T + n_layers - 1`` steps with an input that is silent after tick T.

    Parameters
    ----------
    model : SpikingNet
        Alternating Linear and LIFLayer layers; dropout is ignored.
    dt : float
        Length of a tick in seconds.
    name : str
        Name of the network.

    Returns
    -------
    Network
        Weights float32, delay 0 from the input, 1 tick between populations.

    Raises
    ------
    ValidationError
        If a layer has no counterpart, or a Linear bias drives a current synapse.

    Examples
    --------
    >>> net = export(SpikingNet(Linear(4, 3), LIFLayer(3), Linear(3, 2), LIFLayer(2)))
    >>> [(p.name, p.n, p.start_tick) for p in net.populations.values()]
    [('layer0', 3, 0), ('layer1', 2, 1)]
    """
    net = Network(dt, name=name)
    stages = model.stages()
    source = net.add_input("in", stages[0][0].in_features)
    for depth, (linear, lif) in enumerate(stages):
        population = net.add_population(
            f"layer{depth}", linear.out_features, canonical(linear, lif), start_tick=depth
        )
        net.connect(source, population, weights(linear), delay_ticks=min(depth, 1))
        source = population
    return net


def weights(linear: Linear) -> np.ndarray:
    """Float32 matrix [n_pre, n_post] of a projection."""
    return np.ascontiguousarray(linear.weight.detach().float().cpu().numpy().T)


def canonical(linear: Linear, lif: LIFLayer) -> neurons.LIF:
    """Give the neuron with the projection's bias, if any, moved into it.

    Raises
    ------
    ValidationError
        If the bias would drive a current synapse: then it is not constant on the membrane.
    """
    neuron = lif.canonical()
    if linear.bias is None:
        return neuron
    if np.any(np.asarray(neuron.alpha) != 0.0):
        raise ValidationError(
            "export: a Linear bias into a LIFLayer with alpha > 0 ramps up with the current; "
            "expected Linear(..., bias=False) with LIFLayer(bias=...) instead"
        )
    drive = linear.bias.detach().double().cpu().numpy()
    return replace(neuron, bias=np.asarray(neuron.bias) + np.asarray(neuron.gain) * drive)
