# SPDX-License-Identifier: Apache-2.0
"""A network in a few lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikesim.network.convolution import Convolution

if TYPE_CHECKING:
    from spikesim.network.network import Network
    from spikesim.network.population import Population


def summary(net: Network) -> str:
    """Sizes of all parts, one line each; see ``Network.summary``."""
    outputs = ", ".join(net.outputs) or "-"
    lines = [
        f"network {net.name!r}: dt = {net.dt:g} s, {net.n_neurons} neurons, "
        f"{net.n_synapses} synapses, outputs {outputs}"
    ]
    lines += [f"  input      {p.name}  n={_size(p)}" for p in net.inputs.values()]
    lines += [
        f"  population {p.name}  n={_size(p)}  {type(p.neuron).__name__}"
        for p in net.populations.values()
    ]
    for projection in net.projections.values():
        ends = (projection.synapses.min_delay, projection.synapses.max_delay)
        span = f"{ends[0]}..{ends[1]}" if projection.nnz else "-"
        neuron, rule = projection.post.neuron, projection.plasticity
        drawn = getattr(projection.synapses, "rule", None)
        lines.append(
            f"  projection {projection.name}  {projection.nnz} synapses, delay {span} ticks"
            + (f", onto {neuron.receptors[projection.receptor]}" if neuron else "")
            + (f", {drawn!r}" if isinstance(drawn, Convolution) else "")
            + ("" if rule is None else f", {type(rule).__name__}")
        )
    return "\n".join(lines)


def _size(population: Population) -> str:
    shape = " x ".join(map(str, population.shape))
    return f"{population.n}" + (f" ({shape})" if population.has_axes else "")
