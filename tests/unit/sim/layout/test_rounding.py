# SPDX-License-Identifier: Apache-2.0
"""Weights that lose their digits, or all, in float32 mode are told."""

import logging

import numpy as np
import pytest

import spikesim
from spikesim import Network, Simulator
from spikesim.network import (
    Convolution,
    FixedInDegree,
    FixedTotalNumber,
    LogNormal,
    Normal,
    OneToOne,
)
from spikesim.neurons import LIFDelta, LIFExp

N = 200


def network(*weights, cell=None, receptors=("syn", "syn")):
    net = Network(1e-3, units="own")
    net.add_population("E", N, cell or LIFDelta(v_rest=0.0, v_th=1.0, v_reset=0.0))
    for k, (weight, receptor) in enumerate(zip(weights, receptors, strict=False)):
        dense = np.ndim(weight) == 2 or isinstance(weight, Convolution)
        rule, given = (weight, None) if dense else (FixedInDegree(10), weight)
        net.connect("E", "E", rule, weight=given, name=f"p{k}", receptor=receptor)
    return net


def told(net, caplog, **options):
    with caplog.at_level(logging.WARNING, "spikesim"):
        Simulator(net, **options)
    lines = [line for line in spikesim.explain(net, **options).splitlines() if "lost:" in line]
    messages = [record.getMessage() for record in caplog.records]
    assert [line.removeprefix("  lost: ") for line in lines] == messages
    return messages


@pytest.mark.parametrize(
    ("small", "what"),
    [
        (1e-9, "all of its weights change by more than 1 %, all become 0"),
        (1.3e-5, "all of its weights change by more than 1 %, when"),
        (Normal(1e-9, 1e-10), "all of its weights change by more than 1 %, all become 0"),
        (np.full((N, N), 1e-9) * np.linspace(1, 2, N), "all become 0"),
    ],
)
def test_weights_that_a_large_one_drowns_are_told(caplog, small, what):
    # Values of their own, so that weights are packed into few bits.
    net = network(small, Normal(1.0, 0.1, high=1.5))
    (message,) = told(net, caplog)
    assert message.startswith("projection 'p0': ")
    assert what in message
    assert "(1.5, 'p1'); take dtype='float64'" in message
    caplog.clear()
    assert told(net, caplog, dtype="float64") == []


def test_the_share_of_a_kernel_counts_the_synapses_of_each_weight(caplog):
    # The two outer taps reach 101 of 200 neurons each, the one between them reaches all.
    (message,) = told(network(Convolution([[[1e-9, 1, 1e-9]]], N, padding=99, dilation=99)), caplog)
    assert "50 % of its weights change by more than 1 %, 50 % become 0" in message


def test_a_share_is_told_of_a_distribution_with_a_long_tail(caplog):
    (message,) = told(network(LogNormal(1.0, 1e3)), caplog)
    assert "% of its weights change" in message
    caplog.clear()
    assert told(network(LogNormal(1.0, 2.0, high=20.0)), caplog) == []


def test_a_receptor_of_their_own_keeps_small_weights(caplog):
    weights = 1e-9, Normal(1.0, 0.1)
    cell = LIFExp(tau_syn={"a": 5e-3, "b": 5e-3})
    assert told(network(*weights, cell=cell, receptors=("a", "b")), caplog) == []
    assert len(told(network(*weights, cell=cell, receptors=("a", "a")), caplog)) == 1


@pytest.mark.parametrize("weights", [(0.1, -0.5), (Normal(0.0, 1.0), 0.3), (0.0, 1.0), (1e-3,)])
def test_ordinary_weights_are_not_spoken_of(caplog, weights):
    assert told(network(*weights), caplog) == []


def test_what_is_told_is_what_happens(caplog):
    """The share is that of the weights that the engine delivers."""
    net = Network(1e-3, units="own")
    net.add_input("in", N)
    net.add_population("E", N, LIFDelta(v_rest=0.0, v_th=np.inf, v_reset=0.0))
    given = 10.0 ** np.linspace(-7, 0, N)
    net.connect("in", "E", np.diag(given))
    net.connect("in", "E", OneToOne(), weight=0.0, name="none")
    run = spikesim.simulate(net, {"in": np.ones((1, N))}, 1, record="E.v")
    caplog.clear()
    lost = np.mean(np.abs(run.trace("E.v")[0] / given - 1) > 0.01)
    (message,) = told(net, caplog)[:1]
    assert f"{100 * lost:.2g} % of its weights" in message


@pytest.mark.parametrize("weight", [1e-9, Normal(1e-9, 1e-10)])
def test_a_projection_without_synapses_loses_none(caplog, weight):
    net = network(1.0)
    net.connect("E", "E", FixedTotalNumber(0), weight=weight, name="none")
    assert told(net, caplog) == []
    net.connect("E", "E", FixedTotalNumber(N), weight=weight, name="some")
    assert len(told(net, caplog)) == 1


def test_no_synapse_at_all_is_no_loss(caplog):
    net = Network(1e-3)
    net.add_input("in", N)
    net.add_population("E", N, LIFDelta(v_th=1.0))
    net.connect("in", "E", FixedTotalNumber(0), weight=Normal(0.1, 0.01))
    assert told(net, caplog) == []
