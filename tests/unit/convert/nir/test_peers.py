# SPDX-License-Identifier: Apache-2.0
"""Files that each peer wrote give its spikes, or are refused with both readings."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from spikesim import nn
from spikesim.convert import from_nir
from spikesim.errors import ConversionError

FOLDER = Path(__file__).parents[3] / "reference" / "nir"
RECORDED = np.load(FOLDER / "spikes.npz")

#: File, reset it was recorded with, and what has to be said about it.
READ = [
    ("snntorch_mlp", "subtract", {"reset": "subtract"}),
    ("snntorch_mlp", "zero", {"reset": "zero"}),
    ("snntorch_mlp", "none", {"reset": "none"}),
    ("snntorch_synaptic", "subtract", {"reset": "subtract"}),
    ("snntorch_synaptic", "zero", {"reset": "zero"}),
    ("snntorch_recurrent", "subtract", {"reset": "subtract"}),
    ("snntorch_recurrent", "zero", {"reset": "zero"}),
    ("snntorch_conv", "subtract", {"reset": "subtract"}),
    ("snntorch_conv", "zero", {"reset": "zero"}),
    ("spikingjelly_dense", "", {}),
    ("spikingjelly_conv", "", {}),
    ("norse_mlp", "", {"dt": 1e-3}),
    ("sinabs_normed", "", {"reset": "soft", "norm_input": True}),
    ("sinabs_bare", "", {"reset": "soft", "norm_input": False}),
]


@pytest.mark.parametrize(("name", "reset", "options"), READ)
def test_a_file_of_a_peer_fires_as_the_peer_did(name, reset, options):
    net = from_nir(FOLDER / f"{name}.nir", dtype=torch.float64, **options)
    x = torch.from_numpy(RECORDED[f"{name}.input"]).double()
    expected = RECORDED[f"{name}.{reset}"]
    with torch.no_grad():
        found, _ = nn.run(net, x)
    assert expected.sum() >= 20
    assert np.array_equal(expected, found.numpy())


TWICE = [
    ("snntorch_mlp", {}, ("reset='subtract'", "'zero'")),
    ("snntorch_mlp", {"dt": 1e-3, "reset": "zero"}, ("dt = 0.0001", "ticks of 0.001", "writer=")),
    ("spikingjelly_dense", {"dt": 1e-3}, ("spikingjelly", "writer='nir'")),
    ("norse_mlp", {}, ("dt=0.001", "writer='nir'")),
    ("norse_mlp", {"dt": 1e-3, "writer": "nir"}, ("method='exact'", "writer=")),
    ("sinabs_normed", {"reset": "soft"}, ("norm_input=True", "norm_input=False")),
    ("sinabs_normed", {"norm_input": True}, ("reset='soft'", "'hard'")),
    ("sinabs_bare", {"dt": 1e-3, "reset": "soft"}, ("in steps", "seconds", "writer='nir'")),
]


@pytest.mark.parametrize(("name", "options", "texts"), TWICE)
def test_a_file_with_two_readings_is_not_run(name, options, texts):
    with pytest.raises(ConversionError) as error:
        from_nir(FOLDER / f"{name}.nir", **options)
    for text in texts:
        assert text in str(error.value)


def test_all_that_is_open_about_a_node_is_asked_at_once():
    with pytest.raises(ConversionError) as error:
        from_nir(FOLDER / "sinabs_normed.nir")
    assert 4 == len(error.value.problems)  # two nodes, norm_input and reset


def test_what_the_writer_meant_is_in_the_report():
    net = from_nir(FOLDER / "snntorch_synaptic.nir", reset="zero")
    text = str(net.report)
    assert "written by snntorch" in text
    assert "to 0, then hold 1" in text
    first, last = net.report.nodes
    assert np.allclose([0.9, 0.8, 0.5, 0.3, 0.1], first.alpha, atol=1e-6)
    assert np.allclose([0.5, 0.6, 0.7, 0.8, 0.9], first.beta, atol=1e-6)
    assert (1.0, 1.0) == (first.gain, last.gain)  # r tau / dt, but for float32
    assert ">" == first.comparison
    assert ">=" == from_nir(FOLDER / "spikingjelly_dense.nir").report.nodes[0].comparison


def test_several_spikes_a_tick_are_warned_of(caplog):
    from_nir(FOLDER / "sinabs_bare.nir", reset="soft", norm_input=False)
    assert "several spikes a tick" in caplog.text


def test_constants_of_norse_for_each_neuron_are_asked_for():
    node = {
        "type": "LIF", "tau": np.full(3, 1e-5), "r": np.ones(3), "v_leak": np.zeros(3),
        "v_threshold": np.ones(3),
    }  # fmt: skip
    graph = {
        "nodes": {
            "input": {"type": "Input", "shape": [3]},
            "lif": node,
            "output": {"type": "Output", "shape": [3]},
        },
        "edges": [("input", "lif"), ("lif", "output")],
    }
    with pytest.raises(ConversionError, match="writer='norse'"):
        from_nir(graph, dt=1e-3)
    net = from_nir(graph, dt=1e-3, writer="norse")
    assert 0.9 == pytest.approx(net.report.nodes[0].beta)


def test_rockpool_writes_its_decay_into_r():
    dt, tau, tau_syn = 1e-3, 2e-2, 1e-2
    graph = {
        "nodes": {
            "input": {"type": "Input", "shape": [1]},
            "lif": {
                "type": "CubaLIF", "tau_mem": tau, "tau_syn": tau_syn, "w_in": 1.0, "v_leak": 0.0,
                "r": tau / dt * np.exp(-dt / tau), "v_threshold": 1.0,
            },
            "output": {"type": "Output", "shape": [1]},
        },
        "edges": [("input", "lif"), ("lif", "output")],
    }  # fmt: skip
    with pytest.raises(ConversionError, match="rockpool"):
        from_nir(graph, dt=dt)
    net = from_nir(graph, dt=dt, reset="soft", dtype=torch.float64)
    a, b = np.exp(-dt / tau), np.exp(-dt / tau_syn)
    x = (np.arange(60) % 4 == 0) * 0.3
    i = v = 0.0
    expected = []
    for drive in x:  # as LIFTorch of Rockpool computes, with one spike at most
        i = (i + drive) * b
        v = a * v + i
        expected.append(float(v >= 1.0))
        v -= expected[-1]
    with torch.no_grad():
        found = net(torch.from_numpy(x).reshape(-1, 1, 1)).flatten().tolist()
    assert 5 < sum(expected) < 55
    assert expected == found


def test_the_files_are_those_of_the_manifest():
    manifest = json.loads((FOLDER / "MANIFEST.json").read_text(encoding="utf-8"))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.iterdir()
        if path.suffix in (".nir", ".npz")
    }
    assert manifest["sha256"] == found
