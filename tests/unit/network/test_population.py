# SPDX-License-Identifier: Apache-2.0
"""What a REPL shows of a network and its parts: a line, whatever they hold; and shapes."""

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.learning import PairSTDP
from spikesim.network import FixedInDegree, Network, Population
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


def test_a_shape_is_shown_and_counts_its_neurons():
    net = Network(dt=1e-3, name="image")
    image = net.add_input("image", (3, 4, 5))
    out = net.add_population("out", [2, np.int64(6)], LIF(beta=0.9))
    assert ((3, 4, 5), 60) == (image.shape, image.n)
    assert ((2, 6), 12) == (out.shape, out.n)
    assert (7,) == net.add_input("line", 7).shape
    assert "Population('image', n=60, shape=(3, 4, 5), input)" == repr(image)
    assert "Population('out', n=12, shape=(2, 6), LIF)" == repr(out)
    lines = net.summary().splitlines()
    assert ["  input      image  n=60 (3 x 4 x 5)", "  input      line  n=7"] == lines[1:3]
    assert "  population out  n=12 (2 x 6)  LIF" == lines[3]


def test_slices_count_neurons_whatever_the_shape():
    image = Population.of("image", (3, 4, 5))
    assert [20, 21] == image[20:22].index.tolist()
    assert ((3, 4, 5), (2,)) == (image[:].shape, image[20:22].shape)
    assert 60 == len(image)


def test_populations_of_other_shapes_are_others():
    made = [Population.of("a", n) for n in (12, (12,), (3, 4), (4, 3))]
    assert made[0] == made[1]
    assert all(made[j] != made[k] for j in range(1, 4) for k in range(1, j))


@pytest.mark.parametrize(
    "n", [(3, 0), (), (2, -1), (2.0, 3), (True, 3), ("2", 3), "23", (2**16, 2**16)]
)
def test_a_shape_of_no_neurons_is_refused(n):
    net = Network(dt=1e-3)
    for add in (lambda: net.add_input("a", n), lambda: net.add_population("a", n, LIF(beta=0.9))):
        with pytest.raises(ValidationError, match=r"'a': expected .*got"):
            add()


def test_a_shape_of_another_number_is_refused():
    net = Network(dt=1e-3)
    net.inputs["a"] = Population("a", 5, shape=(2, 3))
    with pytest.raises(ValidationError, match=r"input 'a': expected a shape of 5 .*got \(2, 3\)"):
        net.validate()
