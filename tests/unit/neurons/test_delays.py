# SPDX-License-Identifier: Apache-2.0
"""A delay in seconds is the time from a spike to what it does, whatever the model."""

import math
from typing import ClassVar

import numpy as np
import pytest

from spikesim import Network, ValidationError, simulate
from spikesim.network import AllToAll, Normal, OneToOne, PairList, Uniform
from spikesim.neurons import LIF, AdEx, LIFAlpha, LIFCond, LIFDelta, LIFExp, Parrot
from tests.unit.neurons.test_against_nest import DT as NEST_DT
from tests.unit.neurons.test_against_nest import GOLDEN, ours
from tests.unit.neurons.zoo import QUIET

DT = 0.1e-3
FIRED = 7  # the tick at whose end the source fires
SAMPLES = 60

# How long after the input has acted the first sample shows it: a jump is seen at once, a current
# has moved the membrane a tick later. Told here model by model, not read from the models.
SEEN_AFTER = {
    "LIFExp": DT, "LIFAlpha": DT, "LIFCond": DT, "LIFCond euler": DT, "AdEx": DT,
    "AdEx conductances": DT, "Izhikevich": 0.0, "Izhikevich midpoint": 0.0, "LIFDelta": 0.0,
    "ALIF": 0.0,
}  # fmt: skip


def membrane(cell, weight, source="input", **delay):
    """Samples of the membrane, at times DT, 2 DT, ..., and those without the synapse."""
    traces = []
    for size in (weight, 0.0):
        net = Network(DT)
        net.add_input("in", 1)
        net.add_population("relay", 1, Parrot())
        net.add_population("cell", 1, cell)
        net.connect("in", "relay", OneToOne(), weight=1.0)
        pre = "in" if source == "input" else "relay"
        net.connect(pre, "cell", OneToOne(), weight=size, **delay)
        given = np.zeros((SAMPLES, 1), dtype=bool)
        given[FIRED] = True
        run = simulate(net, {"in": given}, SAMPLES, record="cell.v", dtype="float64")
        traces.append(run.trace("cell.v")[:, 0])
    return traces


def first_motion(cell, weight, **delay):
    """Seconds from the spike to the first sample that differs."""
    moved, still = membrane(cell, weight, **delay)
    return (np.flatnonzero(moved != still)[0] - FIRED) * DT


@pytest.mark.parametrize("source", ["input", "relay"])
@pytest.mark.parametrize("ticks", [1, 2, 15])
@pytest.mark.parametrize("name", QUIET)
def test_every_model_moves_first_when_the_delay_has_passed(name, ticks, source):
    cell, weights = QUIET[name]
    seconds = first_motion(cell, weights[0], source=source, delay=ticks * DT)
    assert seconds == pytest.approx(ticks * DT + SEEN_AFTER[name], rel=1e-9)


@pytest.mark.parametrize("name", QUIET)
def test_no_delay_acts_at_the_spike_itself_from_inputs(name):
    cell, weights = QUIET[name]
    assert first_motion(cell, weights[0], delay=0.0) == pytest.approx(SEEN_AFTER[name], abs=1e-12)


@pytest.mark.parametrize("name", QUIET)
def test_no_delay_between_populations_is_for_what_acts_from_the_next_tick(name):
    cell, weights = QUIET[name]
    if SEEN_AFTER[name]:
        assert first_motion(cell, weights[0], source="relay", delay=0.0) == pytest.approx(DT)
    else:
        with pytest.raises(ValidationError, match="delays >= 1 tick between populations, got 0"):
            membrane(cell, weights[0], source="relay", delay=0.0)


@pytest.mark.parametrize("name", QUIET)
def test_ticks_are_raw_and_so_is_the_default(name):
    cell, weights = QUIET[name]
    for source, default in (("input", 0), ("relay", 1)):
        plain = membrane(cell, weights[0], source)[0]
        assert np.array_equal(plain, membrane(cell, weights[0], source, delay_ticks=default)[0])
        assert first_motion(cell, weights[0], source=source) == pytest.approx(default * DT)


def test_the_current_that_begins_after_the_delay_is_the_closed_form():
    tau_mem, tau_syn, w, d = 20e-3, 5e-3, 1e-3, 1.5e-3
    exact = LIFExp(tau_mem=tau_mem, tau_syn=tau_syn, v_rest=0.0, v_reset=0.0, v_th=math.inf)
    s = np.maximum(np.arange(1, SAMPLES + 1) * DT - (FIRED + 1) * DT - d, 0.0)
    factor = tau_syn / (tau_mem - tau_syn)
    form = w * factor * (np.exp(-s / tau_mem) - np.exp(-s / tau_syn))
    stored = float(np.float32(w)) / w  # weights are float32
    assert membrane(exact, w, "relay", delay=d)[0] == pytest.approx(form * stored, rel=1e-9)


def test_a_jump_and_a_current_begin_together_in_one_network():
    net = Network(DT)
    net.add_input("in", 1)
    net.add_population("relay", 1, Parrot())
    shared = {"v_rest": 0.0, "v_reset": 0.0, "v_th": math.inf, "tau_mem": 20e-3}
    net.add_population("jump", 1, LIFDelta(**shared))
    net.add_population("current", 1, LIFExp(**shared, tau_syn=20e-6))  # as good as a jump
    net.connect("in", "relay", OneToOne(), weight=1.0)
    net.connect("relay", "jump", OneToOne(), weight=1e-3, delay=1.5e-3)
    net.connect("relay", "current", OneToOne(), weight=1.0, delay=1.5e-3)
    run = simulate(net, {"in": [[1]]}, 40, record=["jump.v", "current.v"])
    jump, current = (run.trace(f"{name}.v")[:, 0] for name in ("jump", "current"))
    # Of both, 1.5 ms after the end of tick 0; the sample of the current is a tick older then.
    assert np.flatnonzero(jump)[0] == 15
    assert np.flatnonzero(current)[0] == 16
    # 20 us of 1 V is a jump of 1 mV; the areas under both from then on are the same.
    assert current[16] == pytest.approx(jump[16], rel=2e-2)


@pytest.mark.parametrize("name", ["iaf_psc_exp", "iaf_psc_alpha", "iaf_psc_delta", "iaf_cond_exp"])
@pytest.mark.parametrize("ticks", [1, 4])
def test_a_network_with_nests_delay_gives_nests_trace(name, ticks):
    case = GOLDEN["models"][name]
    cell, unit = ours(name, case["set"])
    delay, steps = ticks * NEST_DT, 600
    net = Network(NEST_DT)
    net.add_population("cell", 1, cell)
    given = {}
    for k, (when, weight) in enumerate(case["arrivals"]):
        receptor = int(len(cell.receptors) == 2 and weight < 0)
        size = (abs(weight) if "E_ex" in case["set"] else weight) * unit
        net.add_input(f"in {k}", 1)
        net.connect(f"in {k}", "cell", OneToOne(), weight=size, delay=delay, receptor=receptor)
        fired = round((when * 1e-3 - delay) / NEST_DT) - 1  # at the end of that tick
        given[f"in {k}"] = np.arange(steps)[:, None] == fired
    run = simulate(net, given, steps, record=["spikes", "cell.v"], dtype="float64")
    every = round(GOLDEN["every"] / GOLDEN["dt"])
    v = run.trace("cell.v")[every - 1 :: every, 0][: len(case["v"])] * 1e3
    ends = [round((tick + 1) * GOLDEN["dt"], 4) for tick in run.spikes["cell"].ticks]
    assert case["spikes"] == ends
    # Weights are float32 in a network: 6e-8 of some 20 mV. NEST solves conductances to its
    # tolerance, we to second order.
    assert np.abs(np.array(case["v"]) - v).max() < (2e-4 if name == "iaf_cond_exp" else 1e-5)


def net_of(*cells):
    net = Network(1e-3, units="own")  # a weight for all models fits none
    net.add_input("in", 3)
    for k, cell in enumerate(cells):
        net.add_population(f"c{k}", 3, cell)
    return net


START = (
    LIFExp(), LIFAlpha(), LIFCond(tau_syn={"exc": 5e-3}, e_rev={"exc": 0.0}),
    AdEx(e_rev={"exc": 0.0}, tau_syn={"exc": 3e-3}),
)  # fmt: skip
FORMS = {
    "one": (OneToOne(), 4e-3, [4, 4, 4]),
    "array": (np.eye(3) * 1e-9, np.full((3, 3), 2e-3), [2, 2, 2]),
    "list": (PairList([0, 1, 2], [2, 1, 0]), [1e-3, 2e-3, 3e-3], [1, 2, 3]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", START, ids=lambda cell: type(cell).__name__)
def test_numbers_and_arrays_of_seconds_take_the_same_ticks_more(cell, form):
    rule, delay, ticks = FORMS[form]
    weight = {} if form == "array" else {"weight": 1e-9}
    net = net_of(cell, LIF(beta=0.5))
    for pre in ("in", "c1"):
        late = net.connect(pre, "c0", rule, delay=delay, **weight).rows.delays
        assert [tick + 1 for tick in ticks] == late.tolist()
        assert ticks == net.connect(pre, "c1", rule, delay=delay, **weight).rows.delays.tolist()
    raw = net.connect("in", "c0", OneToOne(), weight=1e-9, delay_ticks=4).rows
    assert [4, 4, 4] == raw.delays.tolist()


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize(("pre", "lo"), [("in", 0.0), ("c1", 0.6e-3)])
def test_drawn_delays_are_the_same_seconds_in_every_model(pre, lo, rows):
    net = net_of(LIFExp(), LIF(beta=0.5))
    rule, weight = (np.ones((3, 3)) * 1e-3, {}) if rows else (AllToAll(), {"weight": 1e-3})
    drawn = {}
    for post in ("c0", "c1"):
        made = net.connect(pre, post, rule, delay=Uniform(lo, 5e-3), name="drawn", **weight)
        net.projections.clear()
        drawn[post] = made.rows.delays
        assert made.synapses.min_delay <= drawn[post].min()
        assert made.synapses.max_delay >= drawn[post].max()
    assert np.array_equal(drawn["c0"] - 1, drawn["c1"])


@pytest.mark.parametrize(("pre", "least"), [("in", 0), ("c1", 1)])
def test_seconds_that_round_to_nothing_take_the_shortest_delay_there_is(pre, least):
    net = net_of(LIFExp(), LIF(beta=0.5))
    for post, shortest in (("c0", 1), ("c1", least)):
        made = net.connect(pre, post, AllToAll(), weight=1e-3, delay=Uniform(0.0, 1.2e-3))
        assert shortest == made.synapses.min_delay == made.rows.delays.min()


def test_bounds_of_drawn_delays_are_those_of_the_ticks():
    net = net_of(LIFExp(), LIF(beta=0.5))
    made = net.connect("c1", "c0", AllToAll(), weight=1e-3, delay=Normal(1e-3, 1e-3, high=4e-3))
    assert (1, 5) == (made.synapses.min_delay, made.synapses.max_delay)
    same = net.connect("c1", "c0", AllToAll(), weight=1e-3, delay=Uniform(3e-3, 3e-3))
    assert 4 == same.synapses.delay == same.rows.delays[0]


def test_a_saved_network_keeps_its_ticks(tmp_path):
    net = net_of(LIFExp(), LIF(beta=0.5))
    net.connect("c1", "c0", AllToAll(), weight=1e-3, delay=Uniform(0.0, 5e-3))
    net.connect("in", "c0", OneToOne(), weight=1e-3, delay=2e-3)
    net.save(tmp_path / "net")
    again = Network.load(tmp_path / "net")
    assert net == again
    for name, projection in net.projections.items():
        assert np.array_equal(projection.rows.delays, again.projections[name].rows.delays)


def test_a_model_must_say_when_its_inputs_act():
    class Late(LIFDelta):
        acts_at: ClassVar = "middle"

    with pytest.raises(ValidationError, match=r"'c0': expected Late.acts_at in .*'start'.*middle"):
        net_of(Late())
