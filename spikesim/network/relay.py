# SPDX-License-Identifier: Apache-2.0
"""What would be lost in populations that repeat single spikes, because spikes carry no number."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spikesim.network.population import Population, Projection
from spikesim.neurons.model import NeuronModel

WAY_OUT = (
    "connect the sources to the targets themselves, give each train a neuron of its own, or take "
    "merge=True of the model, which makes several arrivals in a tick one spike"
)


def is_relay(population: Population) -> bool:
    """Whether each arrival at a population is to become one spike."""
    return isinstance(population.neuron, NeuronModel) and population.neuron.repeats


def relay_problems(population: Population, incoming: Iterable[Projection]) -> list[str]:
    """Why arrivals at a relay could be lost: weights other than 1, or two in one tick.

    Parameters
    ----------
    population : Population
        One of which ``is_relay`` holds.
    incoming : iterable of Projection
        All that end on it.
    """
    who = f"population {population.name!r}"
    repeats = f"each arrival at a {type(population.neuron).__name__} is repeated as one spike"
    problems = []
    fan_in = np.zeros(population.n, dtype=np.int64)
    for projection in incoming:
        synapses, name = projection.synapses, projection.name
        low, high = synapses.weight_limits()
        if synapses.nnz and not low == high == 1.0:
            got = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            problems.append(
                f"{who}: expected weight 1 of projection {name!r}, got {got}; {repeats}, whatever "
                "its weight"
            )
        if projection.plasticity is not None:
            problems.append(
                f"{who}: expected fixed weights of projection {name!r}, got the rule "
                f"{type(projection.plasticity).__name__}; {repeats}, whatever its weight"
            )
        targets = synapses.filler().fill(0, synapses.n_pre).targets
        fan_in += np.bincount(targets, minlength=population.n)
    if fan_in.max(initial=0) > 1:
        problems.append(
            f"{who}: expected at most one synapse onto a neuron, got {int(fan_in.max())} onto "
            f"neuron {int(fan_in.argmax())}; {repeats}, and of two in one tick one would be lost: "
            f"{WAY_OUT}"
        )
    return problems
