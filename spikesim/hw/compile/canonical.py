# SPDX-License-Identifier: Apache-2.0
"""A pass: every neuron in the one form that the core knows."""

from __future__ import annotations

from dataclasses import replace

from spikesim.errors import ValidationError
from spikesim.hw.compile.compilation import Compilation
from spikesim.network import Network
from spikesim.neurons import LIF


def canonical(compilation: Compilation) -> Compilation:
    """Give the network with its neurons as LIF, constants per tick.

    Behind this pass every population is a ``neurons.LIF``. Membranes of models with seconds are
    counted from their rest. Delays are ticks, and hold as they are: the canonical form takes what
    arrives in a tick as the model does.
    """
    net = compilation.net
    if all(isinstance(p.neuron, LIF) for p in net.populations.values()):
        return compilation
    out = Network(net.dt, net.name, net.seed, net.units)
    out.inputs.update(net.inputs)
    for name, population in net.populations.items():
        assert population.neuron is not None  # validated
        out.populations[name] = replace(population, neuron=population.neuron.per_tick(net.dt))
    ends = {**out.inputs, **out.populations}
    for name, projection in net.projections.items():
        pre, post = ends[projection.pre.name], ends[projection.post.name]
        out.projections[name] = replace(projection, pre=pre, post=post)
    out.outputs = net.outputs
    out.meta.update(net.meta)
    return replace(compilation, net=out)


def not_canonical(net: Network) -> list[str]:
    """Say which populations have no such form, and why."""
    problems = []
    for name, population in net.populations.items():
        try:
            if population.neuron is not None:
                population.neuron.per_tick(net.dt)
        except ValidationError as error:
            problems += [f"population {name!r}: {text}" for text in error.problems]
    return problems
