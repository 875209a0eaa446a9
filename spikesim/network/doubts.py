# SPDX-License-Identifier: Apache-2.0
"""Signs that a number was meant in another unit; each function returns them as sentences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spikesim.core.quantity import DURATION, WAY_OUT
from spikesim.network.distribution import Distribution
from spikesim.network.drawn import DrawnSynapses
from spikesim.network.part import PartSynapses
from spikesim.network.population import Population, Projection
from spikesim.network.synapses import GivenRows, Synapses
from spikesim.neurons.model import NeuronModel

UNITS = ("SI", "own")
# Strong inhibition of all by all is ordinary; so much excitation is none that leaves rates.
_MOST_EXCITATION, _MOST_INHIBITION = 1e3, 1e5
_MOST_CURRENT = 1e3


def population_doubts(population: Population, dt: float) -> list[str]:
    """Doubts about the parameters of a population's model, and about the tick."""
    if not isinstance(population.neuron, NeuronModel):
        return []
    who = f"population {population.name!r}"
    return [f"{who}: {text}; {WAY_OUT}" for text in population.neuron.doubts(dt)]


def delay_doubts(delay: Any) -> list[str]:
    """Doubts about a delay in seconds, without the name of its projection."""
    if isinstance(delay, Distribution):
        # The mean where there is one: limits that no value comes near are no mistake.
        delay = getattr(delay, "mean", delay.limits()[1])
    values = np.asarray(delay)
    text = DURATION.doubt("delay", values) if values.dtype.kind in "iuf" else ""
    return [f"{text}; if it is meant, give delay_ticks="] if text else []


def projection_doubts(projection: Projection) -> list[str]:
    """Doubts about the weights of a projection and the time constants of its rule."""
    who = f"projection {projection.name!r}"
    rule = projection.plasticity
    found = [] if rule is None else rule.doubts()
    neuron, synapses = projection.post.neuron, projection.synapses
    if isinstance(neuron, NeuronModel) and synapses.nnz:
        name = neuron.receptors[projection.receptor]
        needed = neuron.to_threshold().get(name)
        size, top = _size_and_top(synapses)
        if rule is not None and rule.changes_weights and 0 < rule.w_max < math.inf:
            size, top = max(size, rule.w_max), rule.w_max
        fan_in = synapses.nnz / projection.post.n
        most = _MOST_EXCITATION if top > 0 else _MOST_INHIBITION
        if needed is not None and size * fan_in > most * needed:
            found = [
                *found,
                f"expected weights that fit the membrane, got {size:g}, of which {needed:.3g} "
                f"would fire a neuron and a neuron gets {fan_in:g}; was a unit such as mV or pA "
                "forgotten?",
            ]
    return [f"{who}: {text}; {WAY_OUT}" for text in found]


def _size_and_top(synapses: Synapses) -> tuple[float, float]:
    """Magnitude of the weights, and the highest; of a distribution the mean, not drawn."""
    if synapses.weight is not None:
        return abs(synapses.weight), synapses.weight
    synapses = synapses.drawn if isinstance(synapses, PartSynapses) else synapses
    if isinstance(synapses, DrawnSynapses) and isinstance(synapses.weights, Distribution):
        low, high = synapses.weights.limits()
        mean = getattr(synapses.weights, "mean", (low + high) / 2)
        return abs(mean), mean
    top = float(synapses.rows.weights.max()) if isinstance(synapses, GivenRows) else math.inf
    return synapses.weight_bound(), top


def current_doubts(neuron: NeuronModel | None, largest: float) -> list[str]:
    """Doubts about the size of a current into neurons, without the name of the population."""
    needed = None if neuron is None else neuron.to_threshold().get("i_ext")
    if needed is None or largest <= _MOST_CURRENT * needed:
        return []
    return [
        f"expected a current that fits the membrane, got {largest:g}, of which {needed:.3g} would "
        f"fire a neuron; was a unit such as pA forgotten? {WAY_OUT}"
    ]
