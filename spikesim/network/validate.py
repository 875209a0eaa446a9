# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a network; each function returns all problems as sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from spikesim.network.population import Population, Projection
from spikesim.network.relay import is_relay, relay_problems
from spikesim.neurons.model import ACTS_AT, NeuronModel
from spikesim.units import TICK_TOLERANCE


def population_problems(population: Population, dt: float) -> list[str]:
    """Problems of one population or input of a network with this tick, by itself."""
    kind = "input" if population.is_input else "population"
    who = f"{kind} {population.name!r}"
    problems = name_problems(kind, population.name)
    n = population.n
    if isinstance(n, (bool, np.bool_)) or not isinstance(n, (int, np.integer)):
        problems.append(f"{who}: expected n as an integer, or a shape of integers >= 1, got {n!r}")
    elif not 1 <= n < 2**31:
        problems.append(
            f"{who}: expected 1 <= n < 2**31 neurons, got {n}; leave an empty population out"
        )
    elif math.prod(population.shape) != n:
        problems.append(f"{who}: expected a shape of {n} neurons, got {population.shape}")
    elif population.neuron is not None:
        start = population.start_tick
        whole = isinstance(start, (int, np.integer)) and not isinstance(start, (bool, np.bool_))
        if not whole or not 0 <= start < 2**31:
            problems.append(
                f"{who}: expected start_tick as an integer >= 0, < 2**31, got {start!r}"
            )
        if hasattr(population.neuron, "start_tick"):
            problems.append(
                f"{who}: expected no start_tick in {type(population.neuron).__name__}, it would be "
                f"ignored; give it to add_population(..., start_tick=)"
            )
        if isinstance(population.neuron, NeuronModel):
            problems += [f"{who}: {text}" for text in population.neuron.problems(int(n))]
            made_for = population.neuron.only_dt
            if made_for is not None and abs(made_for - dt) > TICK_TOLERANCE * dt:
                problems.append(
                    f"{who}: expected a neuron for ticks of {dt:g} s as the network has, got a "
                    f"{type(population.neuron).__name__} made for dt = {made_for:g} s; make both "
                    "for one dt, or take LIFDelta or LIFExp, which ask the network"
                )
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
    elif not _receptors(post):
        problems.append(f"{who}: expected a population that takes input, got {post.name!r}, whose "
                        "model has no receptors")  # fmt: skip
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
    if not problems:
        problems += [f"{who}: {text}" for text in _sign_problems(projection)]
    return problems


def _sign_problems(projection: Projection) -> list[str]:
    """Negative conductances: they would push away from what they are meant to pull to."""
    neuron = projection.post.neuron
    if not isinstance(neuron, NeuronModel) or not neuron.conductances:
        return []
    receptor = neuron.receptors[projection.receptor]
    if receptor not in neuron.conductances:
        return []
    expected = f"expected weights >= 0 onto {receptor!r}, a conductance, got"
    why = "whether it inhibits is up to the reversal potential, not to the sign"
    low, high = projection.synapses.weight_limits()
    if low < 0:
        out = "give the distribution low=0.0" if high > 0 else "take the weight without its sign"
        return [f"{expected} {low:g}; {why}: {out}"]
    rule = projection.plasticity
    if rule is not None and rule.changes_weights and rule.w_min < 0:
        return [f"{expected} w_min = {rule.w_min:g} of {type(rule).__name__}; {why}: w_min=0.0"]
    return []


def _receptors(population: Population) -> list[str]:
    neuron = population.neuron
    return list(neuron.receptors) if isinstance(neuron, NeuronModel) else [""]


def network_problems(
    dt: float,
    inputs: Mapping[str, Population],
    populations: Mapping[str, Population],
    projections: Iterable[Projection],
    outputs: Iterable[str],
) -> list[str]:
    """Every problem of a whole network."""
    problems: list[str] = []
    for population in (*inputs.values(), *populations.values()):
        problems += population_problems(population, dt)
    for name in inputs.keys() & populations.keys():
        problems.append(f"network: name {name!r} is used by an input and by a population")
    known = {**inputs, **populations}
    projections = list(projections)
    for projection in projections:
        strangers = [
            f"projection {projection.name!r}: {end.name!r} is not part of this network"
            for end in (projection.pre, projection.post)
            if known.get(end.name) != end
        ]
        problems += strangers or projection_problems(projection)
    if not problems:
        for population in filter(is_relay, populations.values()):
            mine = [p for p in projections if p.post.name == population.name]
            problems += relay_problems(population, mine)
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
