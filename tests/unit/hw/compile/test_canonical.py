# SPDX-License-Identifier: Apache-2.0
"""Linear models with seconds compile to the core as the LIF that they are."""

import math

import numpy as np
import pytest

import spikesim
from spikesim import Network, simulate
from spikesim.errors import CompileError
from spikesim.hw.compile import compile_network
from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, FixedProbability, OneToOne
from spikesim.neurons import LIF, AdEx, Izhikevich, LIFAlpha, LIFCond, LIFDelta, LIFExp, Parrot

DT = 1e-3
REST = {"v_rest": -65e-3, "v_th": -50e-3, "v_reset": -62e-3}
MODELS = {
    "LIFDelta": (LIFDelta(tau_mem=20e-3, t_ref=2e-3, **REST), 4e-3),
    "LIFDelta soft": (LIFDelta(tau_mem=20e-3, reset="soft", current=4e-3, **REST), 4e-3),
    "LIFDelta gate": (LIFDelta(tau_mem=20e-3, t_ref=3e-3, refractory="gate", **REST), 4e-3),
    "LIFExp": (LIFExp(tau_mem=20e-3, tau_syn=5e-3, t_ref=2e-3, current=4e-3, **REST), 20e-3),
    "LIFDelta started": (LIFDelta(v_init=-51e-3, **REST), 4e-3),
    "frozen": (LIFDelta(theta_plus=1e-3, theta_init=2e-3, theta_frozen=True, **REST), 5e-3),
}


def network(cell, weight):
    net = Network(DT, seed=1)
    net.add_input("in", 30)
    net.add_population("a", 40, cell, start_tick=3)
    net.add_population("b", 8, cell)
    rng = np.random.default_rng(0)
    net.connect("in", "a", rng.normal(weight / 3, weight / 2, (30, 40)), delay=2e-3)
    net.connect("a", "a", FixedProbability(0.2), weight=-weight / 8, delay=2e-3)
    net.connect("a", "b", FixedProbability(0.5), weight=weight / 4, delay_ticks=1)
    return net


def by_hand(cell, weight):
    """The same network with the canonical neuron, delays in ticks."""
    net, made = network(cell, weight), Network(DT, seed=1)
    made.add_input("in", 30)
    for name, population in net.populations.items():
        lif = cell.per_tick(DT)
        made.add_population(name, population.n, lif, start_tick=population.start_tick)
    for name, projection in net.projections.items():
        made.connect(projection.pre.name, projection.post.name, projection.rows, name=name)
    return made


def raster():
    return np.random.default_rng(2).random((300, 30)) < 0.1


@pytest.mark.parametrize("name", MODELS)
def test_a_model_with_seconds_gives_the_program_of_its_canonical_form(name):
    cell, weight = MODELS[name]
    ours, same = compile_network(network(cell, weight)), compile_network(by_hand(cell, weight))
    assert same.program == ours.program
    assert str(same.report) == str(ours.report)


@pytest.mark.parametrize("name", MODELS)
def test_the_canonical_form_fires_when_the_model_does(name):
    cell, weight = MODELS[name]
    given = {"in": raster()}
    run = simulate(network(cell, weight), given, 300, record=["spikes", "a.v"], dtype="float64")
    same = simulate(by_hand(cell, weight), given, 300, record=["spikes", "a.v"], dtype="float64")
    assert len(run.spikes["b"]) > 20
    assert run.same_spikes(same)
    # Rounding of potentials of 65 mV; a reset adds no more.
    assert np.abs(run.trace("a.v") - REST["v_rest"] - same.trace("a.v")).max() < 1e-14


@pytest.mark.parametrize("name", MODELS)
def test_the_core_fires_as_the_float_model_does_but_for_its_rounding(name):
    """Weights of 8 bits, decays of 12: rates agree within 2 %, not every spike does."""
    cell, weight = MODELS[name]
    net, given = network(cell, weight), {"in": raster()}
    run, core = simulate(net, given, 300), spikesim.run(net, given, 300, engine="golden")
    assert len(core.spikes["a"]) == pytest.approx(len(run.spikes["a"]), rel=0.02)
    assert np.abs(run.counts("a") - core.counts("a")).mean() < 0.05 * run.counts("a").mean()


def test_where_all_constants_are_codes_the_core_is_the_float_model_exactly():
    """Weights and threshold are codes, and the membrane forgets in a tick: nothing is rounded."""
    cell = LIFDelta(tau_mem=1e-6, v_rest=0.0, v_reset=0.0, v_th=256.0, t_ref=2e-3)
    net = Network(DT, units="own")
    net.add_input("in", 20)
    net.add_population("a", 20, cell)
    weights = np.random.default_rng(3).integers(-60, 128, (20, 20)).astype(float)
    weights[0] = 127.0  # the largest code
    net.connect("in", "a", weights)
    given = {"in": np.random.default_rng(4).random((200, 20)) < 0.4}
    run = simulate(net, given, 200, dtype="float64")
    assert 500 < len(run.spikes["a"]) < 2500
    assert run.same_spikes(spikesim.run(net, given, 200, engine="golden"))


def test_a_relay_compiles_to_a_membrane_without_memory():
    net = Network(DT)
    net.add_input("in", 5)
    net.add_population("relay", 5, Parrot())
    net.connect("in", "relay", OneToOne(), weight=1.0)
    given = {"in": np.random.default_rng(1).random((50, 5)) < 0.4}
    run = spikesim.run(net, given, 50, engine="golden")
    assert np.array_equal(given["in"], run.raster("relay"))


TWO = {"exc": 5e-3, "inh": 5e-3}
REFUSED = {
    "adapts": (LIFDelta(theta_plus=1e-3), "a threshold that adapts"),
    "receptors": (LIFExp(tau_syn=TWO), r"2 receptors \('exc', 'inh'\)"),
    "min_isi": (LIFDelta(t_ref=1e-3, min_isi=3e-3), "min_isi beyond the refractory time"),
    "alpha": (LIFAlpha(), "currents that do more than decay"),
    "conductances": (LIFCond(tau_syn=5e-3, e_rev=0.0), "conductances, whose effect depends"),
    "adex": (AdEx(), "an exponential upstroke, an adaptation current"),
    "izhikevich": (Izhikevich(), "a quadratic membrane, a recovery variable"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_other_models_are_refused_with_the_reason_and_the_way_out(why):
    cell, message = REFUSED[why]
    net = Network(DT)
    net.add_population("good", 2, LIFDelta())
    net.add_population("bad", 2, cell)
    with pytest.raises(CompileError, match=rf"'bad': {type(cell).__name__}: .*{message}.*LIFDelta"):
        compile_network(net)
    with pytest.raises(spikesim.ValidationError, match=message):
        cell.per_tick(DT)


def test_a_short_min_isi_and_a_gated_one_have_a_canonical_form():
    assert LIFDelta(t_ref=1e-3, min_isi=2e-3).per_tick(DT).refractory_ticks == 1
    assert LIFDelta(t_ref=1e-3, min_isi=4e-3, refractory="gate").per_tick(DT).refractory_ticks == 3


def test_every_reason_of_every_population_is_named_at_once():
    net = Network(DT)
    net.add_input("in", 2)
    net.add_population("a", 2, LIFAlpha(theta_plus=1e-3))
    net.add_population("b", 2, AdEx())
    net.connect("in", "a", AllToAll(), weight=1e-3, plasticity=PairSTDP(w_max=1e-3))
    with pytest.raises(CompileError) as caught:
        compile_network(net)
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    for part in (
        "currents that do more than decay",
        "threshold that adapts",
        "upstroke",
        "the rule PairSTDP",
    ):
        assert part in text


def test_per_neuron_parameters_stay_per_neuron():
    cell = LIFDelta(v_th=np.linspace(-50e-3, -45e-3, 5), t_ref=np.arange(5) * 1e-3)
    lif = cell.per_tick(DT)
    assert np.arange(5).tolist() == lif.refractory_ticks.tolist()
    assert np.linspace(10e-3, 15e-3, 5) == pytest.approx(lif.v_th, rel=1e-12)


def test_lif_is_its_own_canonical_form_and_readouts_stay_silent():
    lif = LIF(beta=0.5)
    assert lif.per_tick(DT) is lif
    assert LIFExp(v_th=math.inf).per_tick(DT).v_th == math.inf
