# SPDX-License-Identifier: Apache-2.0
"""A pass: from quantized populations to tables in the core's terms, without addresses of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.fixed.quantize import QuantizedPopulation
from spikesim.hw.compile.check import lif_of
from spikesim.hw.compile.compilation import Compilation, made
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import ResetMode
from spikesim.hw.image import PARAM_DTYPE, POPULATION_DTYPE, Table
from spikesim.network import Network
from spikesim.neurons import LIF

RESET_MODES = {
    "none": ResetMode.NONE,
    "hard": ResetMode.HARD,
    "soft": ResetMode.SOFT_VALUE,
}

Layer = npt.NDArray[np.int16]


@dataclass(frozen=True)
class SourceRow:
    """All synapses of one source that share a stored delay.

    Attributes
    ----------
    delay : int, slots
        As stored: ticks for an axon, ticks minus one for a neuron.
    words : int16 array, shape (n_groups, lanes)
        Weight codes; groups without a synapse are all zero.
    """

    delay: int
    words: Layer


@dataclass(frozen=True)
class Lowered:
    """A network in the core's terms.

    Attributes
    ----------
    inputs : mapping of str to (first_axon, n)
    groups : mapping of str to (first_neuron, n, start_tick)
    params : table of PARAM, shape (n_groups * lanes,)
        Padding included.
    populations : table of POP, one record per population
    axon_rows, neuron_rows : mapping of int to list of SourceRow
        Rows by axon and by neuron of the core; sources without synapses are absent.
    """

    inputs: dict[str, tuple[int, int]]
    groups: dict[str, tuple[int, int, int]]
    params: Table
    populations: Table
    axon_rows: dict[int, list[SourceRow]]
    neuron_rows: dict[int, list[SourceRow]]


def lower(compilation: Compilation) -> Compilation:
    """Place inputs and populations in order and gather each source's synapses."""
    net, config = compilation.net, compilation.config
    quantized = made(compilation.quantized, "quantize")
    lanes = config.lanes
    recorded = set(net.populations if compilation.record is None else compilation.record)
    inputs, first = {}, 0
    for name, source in net.inputs.items():
        inputs[name] = (first, source.n)
        first += source.n
    groups, first_group = {}, 0
    records = np.zeros(len(net.populations), POPULATION_DTYPE)
    for entry, (name, population) in zip(records, net.populations.items(), strict=True):
        neuron = lif_of(population)
        n_groups = -(-population.n // lanes)
        groups[name] = (first_group * lanes, population.n, population.start_tick)
        _fill_record(entry, neuron, quantized[name])
        entry["start_tick"] = population.start_tick
        entry["first"], entry["last"] = first_group, first_group + n_groups - 1
        entry["record"] = name in recorded
        first_group += n_groups
    params = np.zeros(first_group * lanes, PARAM_DTYPE)
    params["v_th"] = config.max_state
    for name, (start, n, _) in groups.items():
        own, q = params[start : start + n], quantized[name]
        own["v_th"], own["bias"] = q.v_th, q.bias
        own["refr_len"] = lif_of(net.populations[name]).refractory_ticks
    rows = [
        _rows(net, quantized, source, groups, first_group, config)
        for source in (*net.inputs, *net.populations)
    ]
    axon_rows: dict[int, list[SourceRow]] = {}
    neuron_rows: dict[int, list[SourceRow]] = {}
    for name, own_rows in zip((*net.inputs, *net.populations), rows, strict=True):
        start = inputs[name][0] if name in inputs else groups[name][0]
        into = axon_rows if name in inputs else neuron_rows
        into.update({start + index: row for index, row in own_rows.items()})
    lowered = Lowered(inputs, groups, params, records, axon_rows, neuron_rows)
    return replace(compilation, lowered=lowered)


def weight_layers(total: npt.NDArray[np.int64], limit: int) -> list[Layer]:
    """Split summed weight codes into layers within +-limit; parallel synapses may need two.

    Examples
    --------
    >>> [layer.tolist() for layer in weight_layers(np.array([[200, -3]]), 127)]
    [[[127, -3]], [[73, 0]]]
    """
    layers = []
    rest = total
    while rest.any():
        layer = np.clip(rest, -limit, limit)
        layers.append(layer.astype(np.int16))
        rest = rest - layer
    return layers


def _fill_record(entry: Any, neuron: LIF, q: QuantizedPopulation) -> None:
    reset, value = RESET_MODES[neuron.reset], 0
    if neuron.reset == "hard":
        value = q.v_reset
    elif neuron.reset == "soft" and np.array_equal(q.reset_amount, q.v_th):
        reset = ResetMode.SOFT_THRESHOLD
    elif neuron.reset == "soft":
        value = int(q.reset_amount[0])
    entry["valid"], entry["hold"] = 1, neuron.refractory == "hold"
    entry["reset"], entry["reset_value"] = reset, value
    entry["gain"], entry["alpha_v"], entry["alpha_i"] = q.gain_shift, q.beta, q.alpha
    entry["v_floor"], entry["v_init"] = q.v_floor, int(q.v_init[0])


def _rows(
    net: Network,
    quantized: Mapping[str, QuantizedPopulation],
    source: str,
    groups: Mapping[str, tuple[int, int, int]],
    n_groups: int,
    config: CoreConfig,
) -> dict[int, list[SourceRow]]:
    """Rows of every neuron or line of one source population, by its index there."""
    is_input = source in net.inputs
    n_pre = (net.inputs if is_input else net.populations)[source].n
    columns: list[list[npt.NDArray[Any]]] = [[], [], [], []]
    for projection in net.outgoing(source):
        incoming = net.incoming(projection.post)
        at = next(k for k, other in enumerate(incoming) if other is projection)
        codes = quantized[projection.post.name].weights[at]
        delays = projection.rows.delays - (0 if is_input else 1)
        targets = projection.rows.targets + groups[projection.post.name][0]
        gathered: tuple[npt.NDArray[Any], ...] = (projection.rows.sources, targets, delays, codes)
        for column, values in zip(columns, gathered, strict=True):
            column.append(values.astype(np.int64))
    if not columns[0]:
        return {}
    pre, post, delay, weight = (np.concatenate(column) for column in columns)
    rows: dict[int, list[SourceRow]] = defaultdict(list)
    for d in np.unique(delay):
        chosen = delay == d
        total = np.zeros((n_pre, n_groups * config.lanes), np.int64)
        np.add.at(total, (pre[chosen], post[chosen]), weight[chosen])
        for index in np.flatnonzero(total.any(axis=1)):
            words = total[index].reshape(n_groups, config.lanes)
            rows[int(index)] += [
                SourceRow(int(d), layer) for layer in weight_layers(words, config.max_weight)
            ]
    return dict(rows)
