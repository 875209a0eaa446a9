# SPDX-License-Identifier: Apache-2.0
"""Consecutive populations of one kind lie one after the other, for one kernel to update them all.

With a thousand populations of ten neurons, calling two kernels for each took as long as everything
else together.
"""

from __future__ import annotations

from spikesim.network import Network, Population
from spikesim.neurons.model import NeuronModel
from spikesim.sim.layout.blocks import LARGE, LINE


def pools_of(net: Network) -> list[list[str]]:
    """Names of the populations by pool, in order.

    No gap lies between the neurons of a pool: a large population, which begins at a cache line,
    joins only where the one before ends at one.
    """
    pools: list[list[str]] = []
    form, first, size = None, 0, 0
    for name, population in net.populations.items():
        fits = population.n < LARGE or (first >= LARGE and size % LINE == 0)
        if pools and fits and _form(population) == form:
            pools[-1].append(name)
            size += population.n
        else:
            pools.append([name])
            form, first, size = _form(population), population.n, population.n
    return pools


def accumulator_order(net: Network) -> list[tuple[str, int]]:
    """Every (population, receptor) in the order of the accumulators: by receptor in each pool."""
    return [
        (name, receptor)
        for pool in pools_of(net)
        for receptor in range(len(model_of(net.populations[pool[0]]).receptors))
        for name in pool
    ]


def model_of(population: Population) -> NeuronModel:
    """Give the neuron model of a population of a sound network."""
    assert population.neuron is not None
    return population.neuron


def _form(population: Population) -> tuple[object, ...]:
    model = model_of(population)
    return type(model), tuple(model.states), tuple(model.counters), tuple(model.receptors)
