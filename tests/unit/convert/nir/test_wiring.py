# SPDX-License-Identifier: Apache-2.0
"""Loops and delays of NIR graphs, against loops written out by hand."""

import numpy as np
import pytest
import torch

from spikesim import nn
from spikesim.convert import from_nir
from spikesim.errors import ConversionError
from tests.unit.convert.nir.graphs import affine, chain, lif, linear, spikes_of


def test_a_loop_of_a_neuron_and_two_affine_nodes_takes_a_tick():
    graph = {
        "nodes": {
            "in": {"type": "Input", "shape": [2]},
            "lif": lif(tau=[2e-3, 2e-3], r=[2.0, 2.0]),
            "a": affine([[0.0, 1.0], [0.5, 0.0], [0.25, 0.25]], [0.125, 0.0, 0.0]),
            "b": affine([[0.5, 0.0, 1.0], [0.0, 1.0, 0.0]], [0.0, 0.0625]),
            "out": {"type": "Output", "shape": [2]},
        },
        "edges": [("in", "lif"), ("lif", "a"), ("a", "b"), ("b", "lif"), ("lif", "out")],
    }
    net = from_nir(graph, dt=1e-3)
    assert (("lif", "a"),) == net.report.back_edges
    x = np.random.default_rng(1).uniform(0.0, 0.8, (40, 2))
    a, b = graph["nodes"]["a"], graph["nodes"]["b"]
    v, s, expected = np.zeros(2), np.zeros(2), []
    for drive in x:
        back = b["weight"] @ (a["weight"] @ s + a["bias"]) + b["bias"]
        v = 0.5 * v + drive + back
        s = (v > 1.0).astype(float)
        v = np.where(v > 1.0, 0.0, v)
        expected.append(s)
    assert 10 < np.sum(expected) < 70
    assert np.array_equal(expected, spikes_of(net, x))
    network = nn.export(
        net, dt=1e-3, input_shape=net.input_shape
    )  # a loop of one neuron is a recurrent layer
    assert ["layer0"] == list(network.populations)


def test_in_a_loop_of_two_neurons_the_second_is_heard_a_tick_later():
    graph = {
        "nodes": {
            "in": {"type": "Input", "shape": [1]},
            "e": lif(tau=2e-3, r=2.0),
            "i": lif(tau=2e-3, r=2.0, v_threshold=0.5),
            "to": linear([[0.75]]),
            "fro": linear([[-0.5]]),
            "out": {"type": "Output", "shape": [1]},
        },
        "edges": [("in", "e"), ("e", "to"), ("to", "i"), ("i", "fro"), ("fro", "e"), ("e", "out")],
    }
    net = from_nir(graph, dt=1e-3)
    assert (("i", "fro"),) == net.report.back_edges
    x = np.random.default_rng(2).uniform(0.3, 1.2, 50)
    e = i = s_i = 0.0
    expected = []
    for drive in x:
        e = 0.5 * e + drive - 0.5 * s_i
        s_e = float(e > 1.0)
        i = 0.5 * i + 0.75 * s_e
        s_i = float(i > 0.5)
        e, i = (0.0 if s_e else e), (0.0 if s_i else i)
        expected.append(s_e)
    assert 5 < sum(expected) < 45
    assert expected == spikes_of(net, x[:, None])[:, 0].tolist()
    state = None
    for k, part in enumerate(torch.from_numpy(x).reshape(5, 10, 1, 1)):
        with torch.no_grad():
            out, state = nn.run(net.double(), part, state)
        assert expected[10 * k : 10 * k + 10] == out.flatten().tolist()


def test_a_delay_is_as_long_as_it_says_in_a_row_and_in_a_loop():
    delay = {"type": "Delay", "delay": np.array([0.0, 3e-3])}
    net = from_nir(chain(delay, shape=(2,)), dt=1e-3)
    x = np.eye(6)[:, :2] + 1.0
    late = spikes_of(net, x)
    assert np.array_equal(x[:, 0], late[:, 0])
    assert [0.0, 0.0, 0.0, *x[:3, 1]] == late[:, 1].tolist()
    graph = {
        "nodes": {
            "in": {"type": "Input", "shape": [1]},
            "t": {"type": "Threshold", "threshold": [0.5]},
            "d": {"type": "Delay", "delay": [4e-3]},
            "out": {"type": "Output", "shape": [1]},
        },
        "edges": [("in", "t"), ("t", "d"), ("d", "t"), ("t", "out")],
    }
    impulse = np.eye(12)[:, :1]
    assert [1, 0, 0, 0] * 3 == spikes_of(from_nir(graph, dt=1e-3), impulse)[:, 0].tolist()


def test_a_node_that_leads_on_and_back_is_refused():
    graph = chain(lif(), linear([[1.0]]), lif(), linear([[1.0]]))
    graph["edges"] = [("in", "n0"), ("n0", "n1"), ("n1", "n2"), ("n1", "n0"), ("n2", "n3"),
                      ("n3", "n0"), ("n3", "out")]  # fmt: skip
    with pytest.raises(ConversionError, match=r"'n1'.*either on or back"):
        from_nir(graph, dt=1e-3)
