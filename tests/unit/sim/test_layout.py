# SPDX-License-Identifier: Apache-2.0
import numpy as np

from spikesim.core import LIF
from spikesim.network import AllToAll, FixedProbability, Network
from spikesim.sim.layout import build_layout


def _net():
    net = Network(dt=1e-3)
    net.add_input("x", 3)
    net.add_population("a", 4, LIF(beta=0.9))
    net.add_input("y", 2)
    net.add_population("b", 5, LIF(beta=0.8))
    net.connect("a", "b", FixedProbability(0.5), weight=1.0, delay_ticks=2)
    net.connect("y", "b", AllToAll(), weight=2.0)
    net.connect("a", "a", FixedProbability(0.5), weight=3.0)
    net.connect("a", "b", FixedProbability(0.5), weight=4.0, delay_ticks=5)
    return net


def test_the_merged_rows_hold_every_synapse_once_in_order_of_projections():
    net = _net()
    layout = build_layout(net)
    start = {"x": 0, "y": 3, "a": 5, "b": 9}
    expected = {source: [] for source in range(14)}
    for projection in net.projections.values():
        rows = projection.rows
        for j, source in enumerate(rows.sources.tolist()):
            delay = int(rows.delays[j])
            offset = delay if projection.pre.is_input else delay - 1
            target = start[projection.post.name] - 5 + int(rows.targets[j])
            entry = (target, float(rows.weights[j]), offset)
            expected[start[projection.pre.name] + source].append(entry)
    columns = (layout.targets.tolist(), layout.weights.tolist(), layout.offsets.tolist())
    entries = list(zip(*columns, strict=True))
    for source, row in expected.items():
        assert row == entries[layout.indptr[source] : layout.indptr[source + 1]]
    assert net.n_synapses == layout.indptr[-1]


def test_the_ring_is_as_long_as_the_longest_distance():
    assert build_layout(_net()).slots == 5  # a neuron's delay of 5 is 4 after it is listed
    net = Network(dt=1e-3)
    net.add_input("x", 1)
    net.add_population("a", 1, LIF(beta=0.9))
    net.connect("x", "a", AllToAll(), weight=1.0)
    net.connect("a", "a", AllToAll(), weight=1.0)
    assert build_layout(net).direct
    net.connect("x", "a", AllToAll(), weight=1.0, delay_ticks=1)
    assert not build_layout(net).direct


def test_populations_are_contiguous_ranges():
    layout = build_layout(_net(), "float32")
    assert ({"a": (0, 4), "b": (4, 9)}, [0, 4, 9]) == (layout.populations, layout.bounds.tolist())
    assert ({"x": (0, 3), "y": (3, 5)}, 5) == (layout.inputs, layout.n_inputs)
    assert layout.params.dtype == np.float32
