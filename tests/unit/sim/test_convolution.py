# SPDX-License-Identifier: Apache-2.0
"""Engines run convolutions as they run the matrices that these stand for."""

import numpy as np
import pytest

import spikesim
from spikesim.fixed import Quantization
from spikesim.hw.compile import compile_network
from spikesim.learning import PairSTDP
from spikesim.network import Convolution, Network, Normal
from spikesim.neurons import LIF
from spikesim.sim import Simulator
from tests.reference.convolution import convolved

STEPS = 20
RNG = np.random.default_rng(7)
# Multiples of a 16th, decays of a half: in float64 nothing is rounded within these ticks.
FIRST = RNG.integers(-6, 12, (4, 2, 3, 3)) / 16
SECOND = RNG.integers(-12, 24, (6, 2, 2, 3)) / 16
RASTER = (RNG.random((STEPS, 2 * 7 * 6)) < 0.3).astype(np.uint8)
RULE = PairSTDP(w_max=8.0, a_plus=0.01, a_minus=0.005)
NEURON = LIF(beta=0.5, reset="soft")
LAYERS = (
    ("conv", FIRST, {"padding": (1, 1), "stride": (1, 2)}),
    ("pool", np.full((4, 1, 2, 1), 0.5), {"stride": (2, 1), "groups": 4}),
    ("head", SECOND, {"groups": 2, "dilation": (2, 1), "padding": (1, 0)}),
)


def _net(with_rule, **options):
    net = Network(dt=1e-3)
    before, shape = net.add_input("in", (2, 7, 6)), (2, 7, 6)
    for name, kernel, settings in LAYERS:
        shape = convolved(kernel, np.zeros(shape), **settings).shape
        layer = net.add_population(name, shape, NEURON)
        rule = Convolution(kernel, **settings)
        if name == "pool":
            rule = Convolution.average(4, (2, 1))
        net.connect(
            before, layer, rule if with_rule else _matrix(kernel, before, settings), **options
        )
        before = layer
    return net


def _matrix(kernel, before, settings):
    unit = np.eye(before.n).reshape(-1, *before.shape)
    return np.stack([convolved(kernel, image, **settings).reshape(-1) for image in unit])


def _spikes_by_hand():
    """Convolutions of the spikes of each tick; a layer hears the one before a tick later."""
    shapes, shape = [], (2, 7, 6)
    for _, kernel, settings in LAYERS:
        shapes.append(shape)
        shape = convolved(kernel, np.zeros(shape), **settings).shape
    last = [np.zeros(s) for s in [*shapes[1:], shape]]
    v = [np.zeros(s) for s in [*shapes[1:], shape]]
    found = [[] for _ in LAYERS]
    for frame in RASTER:
        heard = [frame.reshape(shapes[0]), *last[:-1]]
        last = []
        for k, (_, kernel, settings) in enumerate(LAYERS):
            v[k] = 0.5 * v[k] + convolved(kernel, heard[k], **settings)
            last.append((v[k] >= 1.0).astype(float))
            v[k] -= last[k]
            found[k].append(last[k].reshape(-1))
    return {name: np.array(rows) for (name, _, _), rows in zip(LAYERS, found, strict=True)}


def _raster(trains):
    raster = np.zeros((trains.steps, trains.n))
    raster[trains.ticks, trains.index] = 1
    return raster


@pytest.mark.parametrize("options", [{"dtype": "float64"}, {}, {"blocks": 3}, {"threads": 2}])
def test_spikes_are_those_of_convolutions_tick_by_tick(options):
    expected = _spikes_by_hand()
    run = spikesim.run(_net(True), {"in": RASTER}, STEPS, **options)
    for name, raster in expected.items():
        assert raster.sum() > 20, name
        assert 0 < raster.mean() < 0.9, name
        assert np.array_equal(raster, _raster(run.spikes[name])), name


def test_a_slice_and_drawn_delays_run_as_the_rows_do():
    nets = []
    for with_rule in (True, False):
        net = Network(dt=1e-3)
        net.add_input("in", 2 * 7 * 6)
        net.add_population("out", 100, NEURON)
        conv = Convolution(FIRST[:, :1] * 2, (7, 6), padding=1, stride=(2, 3))
        ends = "in[42:]", "out[1:65:2]"
        made = net.connect(*ends, conv, delay=Normal(3e-3, 2e-3), name="p")
        if not with_rule:
            rows = made.rows
            del net.projections["p"]
            net.connect("in", "out", rows, name="p")
        nets.append(net)
    runs = [spikesim.run(net, {"in": RASTER}, STEPS, dtype="float64") for net in nets]
    assert runs[0].spikes["out"].ticks.size > 20
    assert runs[0].same_spikes(runs[1])


def test_every_synapse_of_a_convolution_learns_by_itself():
    learned = []
    for with_rule in (True, False):
        net = Network(dt=1e-3)
        net.add_input("in", (2, 7, 6))
        net.add_population("conv", (4, 5, 4), NEURON)
        conv = Convolution(np.abs(FIRST))
        made = net.connect("in", "conv", conv, plasticity=RULE, name="p")
        if not with_rule:
            rows = made.rows
            del net.projections["p"]
            net.connect("in", "conv", rows, plasticity=RULE, name="p")
        session = Simulator(net, dtype="float64").start({"in": RASTER}, STEPS)
        session.advance(STEPS)
        learned.append(session.weights("p"))
    assert np.unique(learned[0].weights).size > 100  # 72 are in the kernel
    assert learned[0] == learned[1]


def test_the_core_runs_a_convolution_as_its_matrix():
    # One scale for all, since the neurons of a matrix do not know that they are channels.
    settings = Quantization(granularity="population")
    programs = [
        compile_network(_net(with_rule), quantization=settings).program
        for with_rule in (True, False)
    ]
    runs = [spikesim.run(p, {"in": RASTER}, STEPS, engine="golden") for p in programs]
    assert all(trains.ticks.size > 20 for trains in runs[0].spikes.values())
    assert runs[0].same_spikes(runs[1])
