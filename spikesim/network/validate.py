# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a network; each function returns all problems as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from spikesim.core import LIF
from spikesim.network.population import Population, Projection


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
        if isinstance(population.neuron, LIF):
            problems += [f"{who}: {text}" for text in population.neuron.problems(int(n))]
        else:
            problems.append(f"{who}: expected a LIF neuron, got {population.neuron!r}")
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
    pre, post, rows = projection.pre, projection.post, projection.rows
    if post.is_input:
        problems.append(
            f"{who}: expected a population as target, got input {post.name!r}; inputs only send"
        )
    if (rows.n_pre, rows.n_post) != (pre.n, post.n):
        problems.append(
            f"{who}: expected rows of shape ({pre.n}, {post.n}) for {pre.name!r} -> "
            f"{post.name!r}, got ({rows.n_pre}, {rows.n_post})"
            + ("; transpose the matrix" if (rows.n_post, rows.n_pre) == (pre.n, post.n) else "")
        )
    if not np.isfinite(rows.weights).all():
        bad = int((~np.isfinite(rows.weights)).sum())
        problems.append(f"{who}: expected finite weights, got {bad} NaN or infinite ones")
    if not pre.is_input and rows.nnz and rows.delays.min() < 1:
        count = int((rows.delays < 1).sum())
        problems.append(
            f"{who}: expected delays >= 1 tick between populations, got {count} of 0; only inputs "
            "may act in the same tick"
        )
    return problems


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
