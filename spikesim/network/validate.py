# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a network; each function returns all problems as sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from spikesim.network.population import Population, Projection
from spikesim.neurons.model import ACTS_AT, NeuronModel


def population_problems(population: Population) -> list[str]:
    """Problems of one population or input, by itself."""
    kind = "input" if population.is_input else "population"
    who = f"{kind} {population.name!r}"
    problems = name_problems(kind, population.name)
    n = population.n
    if isinstance(n, (bool, np.bool_)) or not isinstance(n, (int, np.integer)):
        problems.append(f"{who}: expected n as an integer, got {n!r}")
    elif not 1 <= n < 2**31:
        problems.append(
            f"{who}: expected 1 <= n < 2**31 neurons, got {n}; leave an empty population out"
        )
    elif population.neuron is not None:
        if isinstance(population.neuron, NeuronModel):
            problems += [f"{who}: {text}" for text in population.neuron.problems(int(n))]
            if population.neuron.acts_at not in ACTS_AT:
                problems.append(
                    f"{who}: expected {type(population.neuron).__name__}.acts_at in {ACTS_AT}, got "
                    f"{population.neuron.acts_at!r}"
                )
        else:
            problems.append(f"{who}: expected a neuron model, got {population.neuron!r}")
    return problems


def name_problems(kind: str, name: object) -> list[str]:
    """Problems of a name."""
    if isinstance(name, str) and name and name.isprintable():
        return []
    return [f"{kind}: expected a printable name, got {name!r}"]


def projection_problems(projection: Projection) -> list[str]:
    """Problems of one projection, given that its ends are sound."""
    who = f"projection {projection.name!r}"
    problems = name_problems("projection", projection.name)
    pre, post, synapses = projection.pre, projection.post, projection.synapses
    if post.is_input:
        problems.append(
            f"{who}: expected a population as target, got input {post.name!r}; inputs only send"
        )
    elif not 0 <= projection.receptor < len(_receptors(post)):
        problems.append(
            f"{who}: expected receptor as an index into {_receptors(post)}, got "
            f"{projection.receptor!r}"
        )
    shape = (synapses.n_pre, synapses.n_post)
    if shape != (pre.n, post.n):
        problems.append(
            f"{who}: expected synapses of shape ({pre.n}, {post.n}) for {pre.name!r} -> "
            f"{post.name!r}, got {shape}"
            + ("; transpose the matrix" if shape[::-1] == (pre.n, post.n) else "")
        )
    if synapses.weight is not None and not math.isfinite(synapses.weight):
        problems.append(f"{who}: expected a finite weight, got {synapses.weight}")
    if not pre.is_input and synapses.nnz and synapses.min_delay < 1:
        problems.append(
            f"{who}: expected delays >= 1 tick between populations, got {synapses.min_delay}; only "
            "inputs may act in the same tick, and with delay=0.0 currents and conductances"
        )
    return problems


def _receptors(population: Population) -> list[str]:
    neuron = population.neuron
    return list(neuron.receptors) if isinstance(neuron, NeuronModel) else [""]


def network_problems(
    inputs: Mapping[str, Population],
    populations: Mapping[str, Population],
    projections: Iterable[Projection],
    outputs: Iterable[str],
) -> list[str]:
    """Every problem of a whole network."""
    problems: list[str] = []
    for population in (*inputs.values(), *populations.values()):
        problems += population_problems(population)
    for name in inputs.keys() & populations.keys():
        problems.append(f"network: name {name!r} is used by an input and by a population")
    known = {**inputs, **populations}
    for projection in projections:
        strangers = [
            f"projection {projection.name!r}: {end.name!r} is not part of this network"
            for end in (projection.pre, projection.post)
            if known.get(end.name) != end
        ]
        problems += strangers or projection_problems(projection)
    problems += output_problems(populations, outputs)
    return problems


def output_problems(populations: Mapping[str, Population], outputs: Iterable[str]) -> list[str]:
    """Problems of the list of output names."""
    names = list(outputs)
    problems = [
        f"network: expected outputs among {list(populations)}, got {name!r}"
        for name in names
        if name not in populations
    ]
    if len(set(names)) < len(names):
        problems.append(f"network: expected each output once, got {names}")
    return problems
