# SPDX-License-Identifier: Apache-2.0
"""A `Network` as nodes and edges of NIR, and whether its spikes are those of what was written."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import torch

from spikesim import neurons, nn, sim
from spikesim.convert.nir.importing import from_nir
from spikesim.convert.nir.neuron_nodes import neuron_node
from spikesim.convert.nir.walking import Edge
from spikesim.errors import ConversionError, ValidationError
from spikesim.network import Network, Population, Projection

_TICKS = 32


class NetworkWalk:
    """Collects nodes and edges of a network, all populations on one axis.

    In a network a spike takes a tick or more to the next population; in a graph it takes none, but
    for its Delay nodes. What the start ticks of the populations make of a delay is what is left of
    it: those of an exported net go away.

    Attributes
    ----------
    nodes, edges, neurons, problems, input_shape
        As of `Walk`.
    """

    def __init__(self, nir: Any, network: Network) -> None:
        self.nir, self.network, self.dt = nir, network, network.dt
        self.nodes: dict[str, Any] = {}
        self.edges: list[Edge] = []
        self.neurons: list[tuple[str, nn.LIFLayer]] = []
        self.problems: list[str] = []
        self.input_shape: tuple[int, ...] = ()

    def read(self) -> None:
        """Read all of the network; problems are kept."""
        if len(self.network.inputs) != 1:
            self.problems.append(
                f"to_nir: expected a network of one input, got {sorted(self.network.inputs)}; "
                "join them to one"
            )
        for population in self.network.inputs.values():
            self.input_shape = (population.n,)
            shape = {"input": np.array(self.input_shape)}
            self.nodes[population.name] = self.nir.Input(input_type=shape)
        for name, population in self.network.populations.items():
            try:
                self.nodes[name] = self._population(population)
            except ValidationError as error:
                texts = error.problems
                self.problems += [f"to_nir: population {name!r}: {text}" for text in texts]
        for name, projection in self.network.projections.items():
            try:
                self._projection(name, projection)
            except ValidationError as error:
                texts = error.problems
                self.problems += [f"to_nir: projection {name!r}: {text}" for text in texts]
        for name in self.network.outputs:
            shape = {"output": np.array([self.network.populations[name].n])}
            self.nodes[f"output {name}"] = self.nir.Output(output_type=shape)
            self.edges.append(Edge(name, f"output {name}"))

    def _population(self, population: Population) -> Any:
        neuron: Any = population.neuron
        if not hasattr(neuron, "per_tick"):
            raise ValidationError(
                f"expected neurons that are linear between spikes, got {type(neuron).__name__}; "
                "NIR has no node for it"
            )
        lif: neurons.LIF = neuron.per_tick(self.dt)
        layer = nn.LIFLayer.of(lif, population.n)
        self.neurons.append((f"population {population.name!r}", layer))
        return neuron_node(self.nir, layer, (population.n,), self.dt)

    def _projection(self, name: str, projection: Projection) -> None:
        if projection.plasticity is not None or projection.receptor != 0:
            raise ValidationError(
                "expected weights that stay, onto the first receptor, got "
                + ("plasticity" if projection.plasticity is not None else "another receptor")
                + "; NIR has none of it"
            )
        pre, post, rows = projection.pre, projection.post, projection.rows
        source = np.repeat(np.arange(pre.n), np.diff(rows.indptr))
        for delay in np.unique(rows.delays).tolist():
            ticks = delay - (post.start_tick - pre.start_tick)
            if ticks < 0:
                raise ValidationError(
                    f"expected delays that reach over the start ticks, got {delay} ticks from "
                    f"start {pre.start_tick} to start {post.start_tick}; start them at 0"
                )
            some = rows.delays == delay
            weight = np.zeros((post.n, pre.n), rows.weights.dtype)
            np.add.at(weight, (rows.targets[some], source[some]), rows.weights[some])
            row = [pre.name, f"{name}, {delay} ticks", post.name]
            self.nodes[row[1]] = self.nir.Linear(weight=weight)
            if ticks:
                row.insert(1, f"{name}, {delay} ticks late")
                self.nodes[row[1]] = self.nir.Delay(delay=np.full(pre.n, ticks * self.dt))
            self.edges += [Edge(a, b) for a, b in itertools.pairwise(row)]


def same_network_spikes(
    network: Network, written: io.BytesIO, input_shape: tuple[int, ...]
) -> None:
    """Run the network and the net that is read again on drawn spikes, in float64.

    Raises
    ------
    ConversionError
        If they give something else.
    """
    again = from_nir(written, dtype=torch.float64)
    raster = np.random.default_rng(0).random((_TICKS, *input_shape)) < 0.4
    with torch.no_grad():
        found, _ = nn.run(again, torch.from_numpy(raster).double().unsqueeze(1))
    each = found if isinstance(found, dict) else {f"output {network.outputs[0]}": found}
    starts = {name: network.populations[name].start_tick for name in network.outputs}
    steps = _TICKS + max(starts.values(), default=0)
    recorded = sim.simulate(network, dict.fromkeys(network.inputs, raster), steps, dtype="float64")
    for name, start in starts.items():
        expected = recorded.spikes[name].raster()[start : start + _TICKS]
        differing = int((expected != each[f"output {name}"][:, 0].numpy()).sum())
        if differing:
            raise ConversionError(
                f"to_nir: population {name!r}: expected the spikes of the network from what was "
                f"written, got others at {differing} of {expected.size} places; nothing was "
                "written: report the network, or give check=False"
            )
