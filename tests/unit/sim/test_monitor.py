# SPDX-License-Identifier: Apache-2.0
import pytest

from spikesim.core import LIF
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.sim.monitor import neuron_index, parse_record


@pytest.fixture
def net():
    net = Network(dt=1e-3)
    net.add_population("layer.0", 2, LIF(beta=0.5))
    net.add_population("b", 3, LIF(beta=0.5))
    return net


def test_names_with_a_dot_are_understood(net):
    monitors = parse_record(net, ("layer.0.v", "b.i"))
    assert (False, ("layer.0",), ("b",)) == (monitors.spikes, monitors.v, monitors.i)


def test_repeats_are_dropped(net):
    assert ("b",) == parse_record(net, ("b.v", "b.v")).v


def test_all_unknown_names_are_reported(net):
    with pytest.raises(ValidationError) as caught:
        parse_record(net, ("v", "b.spikes", "c.v", "spikes"))
    assert len(caught.value.problems) == 3


def test_neurons_are_numbered_over_all_populations():
    assert [4, 5, 0, 1] == neuron_index(("b", "a"), {"a": (0, 2), "b": (4, 6)}).tolist()
