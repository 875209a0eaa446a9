# SPDX-License-Identifier: Apache-2.0
"""What a REPL shows of a network and its parts: a line, whatever they hold."""

import numpy as np

from spikesim.learning import PairSTDP
from spikesim.network import FixedInDegree, Network
from spikesim.neurons import LIF, LIFDelta


def test_parts_with_arrays_are_shown_in_a_line():
    net = Network(dt=1e-3, name="net")
    net.add_input("in", 20)
    neuron = LIFDelta(v_rest=0.0, v_th=np.linspace(1, 2, 300), v_reset=0.0, tau_mem=20e-3)
    net.add_population("E", 300, neuron)
    drawn = net.connect("in", "E", FixedInDegree(5), weight=1.0, plasticity=PairSTDP(w_max=2.0))
    given = net.connect("E", "E", np.full((300, 300), 0.01), receptor=0, name="rec")
    assert "Population('in', n=20, input)" == repr(net.inputs["in"])
    assert "Population('E', n=300, LIFDelta)" == repr(net.populations["E"])
    assert "Projection('in->E', 'in' to 'E', FixedInDegree, PairSTDP)" == repr(drawn)
    assert "Projection('rec', 'E' to 'E', 90000 synapses)" == repr(given)


def test_a_network_of_many_populations_is_shown_in_a_line():
    net = Network(dt=1e-3, name="many")
    for k in range(1000):
        net.add_population(f"p{k}", 1, LIF(beta=0.9))
    assert "'p5', and 994 more], projections=[])" in repr(net)
    assert len(repr(net)) < 120
