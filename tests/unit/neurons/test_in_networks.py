# SPDX-License-Identifier: Apache-2.0
"""The models as populations of a network, through the engine."""

import numpy as np
import pytest

import spikesim
from spikesim import Network
from spikesim.neurons import ALIF, LIFCond, LIFExp, Parrot
from tests.unit.neurons.populations import drive
from tests.unit.neurons.zoo import FIRING, REVERSALS, TAUS

DT = 0.1e-3
STEPS = 300


def network(model, weights, n=5):
    """One input line per receptor and neuron; the lines of receptor r come r-th."""
    net = Network(dt=DT)
    net.add_population("cells", n, model)
    for name, weight in zip(model.receptors, weights, strict=True):
        net.add_input(name, n)
        net.connect(name, "cells", np.eye(n) * weight, receptor=name)
    return net


def rasters(model, n=5, seed=4):
    rng = np.random.default_rng(seed)
    return {name: rng.random((STEPS, n)) < 0.05 for name in model.receptors}


@pytest.mark.parametrize("name", FIRING)
def test_the_engine_gives_what_the_update_alone_gives(name):
    model = FIRING[name]
    # Powers of two: weights are float32 in a network. About 1 mV, or 0.1 nA.
    unit = {"AdEx": 2.0**-33, "Parrot": 1.0}.get(type(model).__name__, 2.0**-10)
    inhibits = 2 if model.conductances else -2
    weights = [unit * (inhibits if r else 1) for r in range(len(model.receptors))]
    given = rasters(model)
    recorded = [f"cells.{state}" for state in model.states]
    run = spikesim.simulate(
        network(model, weights), given, STEPS, record=("spikes", *recorded), dtype="float64"
    )
    arrivals = np.stack([given[r] * w for r, w in zip(model.receptors, weights, strict=True)], 1)
    alone = drive(model, DT, STEPS, n=5, arrivals=arrivals)
    assert np.array_equal(alone.spikes, run.raster("cells"))
    for state in model.states:
        assert np.array_equal(alone.state[state], run.trace(f"cells.{state}"))


def test_parameters_of_single_neurons_follow_them_into_blocks():
    rng = np.random.default_rng(2)
    model = LIFCond(
        tau_mem=10e-3 + 20e-3 * rng.random(50),
        tau_syn=TAUS,
        e_rev=REVERSALS,
        t_ref=DT * rng.integers(0, 30, 50),
        current=20e-3,
        theta_plus=1e-3 * rng.random(50),
    )
    net, given = network(model, (0.1, 0.2), 50), rasters(model, 50)
    whole = spikesim.simulate(net, given, STEPS, blocks=1)
    parts = spikesim.simulate(net, given, STEPS, blocks=3, threads=2)
    assert len(whole.spikes["cells"]) > 30
    assert whole.same_spikes(parts)


def test_a_spike_moves_its_target_a_delay_later():
    net = Network(dt=DT)
    net.add_input("in", 1)
    net.add_population("relay", 1, Parrot())
    net.add_population("cell", 1, LIFExp(v_rest=0.0, v_reset=-1.0, v_th=1.0))
    net.connect("in", "relay", [[1.0]])
    net.connect("relay", "cell", [[1e-3]], delay_ticks=4)
    v = spikesim.simulate(net, {"in": [[0], [1]]}, 10, record="cell.v").trace("cell.v")[:, 0]
    assert [0] * 5 == v[:5].tolist()  # fired in tick 1, acts in tick 5
    assert v[5] > 0


def test_saving_keeps_a_model_with_receptors(tmp_path):
    model = LIFExp(tau_syn=TAUS, v_rest=np.linspace(-70e-3, -60e-3, 5))
    network(model, (1e-3, -1e-3)).save(tmp_path / "net")
    assert model == Network.load(tmp_path / "net").populations["cells"].neuron


def test_an_array_of_another_length_is_refused_with_the_population():
    net = Network(dt=DT)
    with pytest.raises(spikesim.ValidationError, match=r"population 'cells'.*shape \(3,\)"):
        net.add_population("cells", 3, ALIF(v_rest=[0.0, 0.1]))
