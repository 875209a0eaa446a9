# SPDX-License-Identifier: Apache-2.0
"""Weights in another unit than SI are found out on both sides of what fires a neuron."""

from dataclasses import replace

import numpy as np
import pytest

from spikesim import StepCurrent, ValidationError, simulate
from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, Convolution, FixedInDegree, Normal, OneToOne, Uniform
from spikesim.neurons import AdEx, LIFAlpha, LIFCond, LIFDelta, LIFExp
from tests.unit.network.test_doubts import COND, network

JUMP = LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=20e-3, v_reset=10e-3)  # 20 mV fire it
CONDUCTING = LIFCond(tau_mem=20e-3, tau_syn=20e-3, e_rev=1.0, v_rest=0.0, v_th=1e-2, v_reset=0.0)


def test_conductances_may_add_up_to_more_because_they_saturate():
    """1 above rest is pulled to, so 0.01 of the leak fires a neuron, and 10 are the bound."""
    net = network("SI", CONDUCTING, n=100)
    assert net.connect("in", "E", AllToAll(), weight=0.1 * 0.999).nnz
    with pytest.raises(ValidationError, match=r"more than 1000 times the 0\.01 that fires"):
        net.connect("in", "E", AllToAll(), weight=0.1 * 1.001)


EDGES = {  # weights of 100 sources, and one that learns: the last that passes, by hand
    "excitation": (200 * 20e-3 / 100, {}),
    "inhibition": (-2e4 * 20e-3 / 100, {}),
    "little": (1e-5 * 20e-3, {}),
    "little inhibition": (-1e-5 * 20e-3, {}),
    "grown": (1e3 * 20e-3 / 100, {"plasticity": True}),
}


@pytest.mark.parametrize("how", ["one", "rows", "distribution", "kernel"])
@pytest.mark.parametrize("edge", EDGES)
def test_each_bound_of_the_weights_has_two_sides(edge, how):
    size, learns = EDGES[edge]
    inside, outside = (0.999, 1.001) if abs(size) > 1e-3 else (1.001, 0.999)

    def connect(weight, units="SI"):
        net = network(units, JUMP, n=100)
        start = weight * 1e-3 if learns else weight
        span = Uniform(*sorted((0.999999 * weight, 1.000001 * weight)))
        rest = {"plasticity": PairSTDP(w_max=weight)} if learns else {}
        if how == "rows":
            return net.connect("in", "E", np.full((100, 100), start), **rest)
        if how == "kernel":
            return net.connect("in", "E", Convolution(np.full((100, 100, 1), start), 1), **rest)
        value = start if learns or how == "one" else span
        return net.connect("in", "E", AllToAll(), weight=value, **rest)

    assert connect(size * inside).nnz == 10**4
    with pytest.raises(ValidationError, match=r"fits? the membrane, .*units='own'. takes any"):
        connect(size * outside)
    assert connect(size * outside, "own").nnz == 10**4


NEAR = {"v_rest": -50e-3 - 1e-6, "v_th": -50e-3, "v_reset": -60e-3}  # rests 1 uV below threshold


@pytest.mark.parametrize(
    ("cell", "weight", "times"),
    [  # the last weight of 100 sources that passes: 10 mV take it from reset to threshold
        (LIFDelta(**NEAR), 200 * 10e-3 / 100, 200),
        (LIFDelta(**NEAR), -2e4 * 10e-3 / 100, 20000),
        (LIFExp(tau_mem=20e-3, tau_syn=5e-3, resistance=40e6, **NEAR), 200 * 1e-9 / 100, 200),
        (AdEx(g_leak=30e-9, capacitance=300e-12, tau_syn=5e-3, v_rest=-50e-3 - 1e-6, v_t=-50e-3,
              v_reset=-60e-3), 200 * 0.6e-9 / 100, 200),
    ],
)  # fmt: skip
def test_a_neuron_that_rests_just_below_its_threshold_is_measured_from_its_reset(
    cell, weight, times
):
    assert network("SI", cell, n=100).connect("in", "E", AllToAll(), weight=0.999 * weight).nnz
    with pytest.raises(ValidationError, match=f"more than {times} times the .* after a spike"):
        network("SI", cell, n=100).connect("in", "E", AllToAll(), weight=1.001 * weight)


def test_a_current_of_a_neuron_near_threshold_is_measured_from_its_reset_too():
    """1,000 times the 0.25 nA that take 40 Mohm from -60 mV to -50 mV."""
    cell = LIFExp(tau_mem=20e-3, resistance=40e6, current=0.999 * 0.25e-6, **NEAR)
    assert network("SI", cell).populations["E"].neuron == cell
    for units, legal in (("SI", False), ("own", True)):
        made = replace(cell, current=1.001 * 0.25e-6)
        if legal:
            assert network(units, made)
        else:
            with pytest.raises(ValidationError, match=r"more than 1000 times .* after a spike"):
                network(units, made)
    net = network("SI", replace(cell, current=0.0))
    assert simulate(net, {"E.i_ext": StepCurrent([0.0], [0.999 * 0.25e-6])}, 1).steps == 1
    with pytest.raises(ValidationError, match=r"more than 1000 times .* after a spike"):
        simulate(net, {"E.i_ext": StepCurrent([0.0], [1.001 * 0.25e-6])}, 1)


LOST_UNITS = {  # what was meant with resistance, conductance or threshold in another unit
    "pA into 1 ohm": (
        LIFExp(tau_mem=10e-3, tau_syn=0.5e-3, v_rest=-65e-3, v_th=-50e-3, v_reset=-65e-3), 87.8e-12,
    ),
    "pA into 40 ohm": (LIFAlpha(resistance=40.0), 87.8e-12),
    "nS beside 1 S": (LIFCond(**COND), 6e-9),
    "multiples of the leak beside nS": (LIFCond(**COND, g_leak=10e-9), 0.6),
    "mV onto 20 mV": (JUMP, 0.1),
    "mV of inhibition": (JUMP, -500.0),
    "V onto a threshold in mV": (LIFDelta(v_rest=0.0, v_th=20.0, v_reset=10.0), 0.1e-3),
}  # fmt: skip


@pytest.mark.parametrize("what", LOST_UNITS)
def test_a_unit_lost_on_either_side_is_found(what):
    cell, weight = LOST_UNITS[what]
    slip = r"was a unit such as mV or pA forgotten, or resistance or g_leak left at 1\?"
    net = network("SI", cell)
    with pytest.raises(ValidationError, match=slip + ".*units='own'. takes any"):
        net.connect("E", "E", FixedInDegree(100), weight=weight)
    assert network("own", cell).connect("E", "E", FixedInDegree(100), weight=weight).nnz == 10**5


def test_a_single_strong_input_and_a_relay_matrix_are_in_order():
    net = network("SI", JUMP)
    assert net.connect("in", "E", OneToOne(), weight=1.0).nnz  # fires whatever else there is
    few = np.zeros((1000, 1000))
    few[:5] = 0.5
    assert net.connect("in", "E", few).nnz == 5000


@pytest.mark.parametrize("start", [0.0, 1e-12, 1e-3])
def test_weights_that_learn_may_start_anywhere_within_their_bounds(start):
    net = network("SI", JUMP)
    rule = PairSTDP(w_max=1e-3)
    assert net.connect("in", "E", FixedInDegree(10), weight=start, plasticity=rule).nnz
    with pytest.raises(ValidationError, match="less than 1e-05 of"):
        network("SI", JUMP).connect(
            "in", "E", OneToOne(), weight=start * 1e-9, plasticity=PairSTDP(w_max=1e-12)
        )


@pytest.mark.parametrize("beside", [1e-5 * 20e-3 * 1.001, 1e-5 * 20e-3 * 0.999])
def test_a_small_weight_beside_one_that_fits_is_in_order(beside):
    """As where each of many projections draws its weight; a lost unit makes all of them small."""
    net = network("SI", JUMP)
    net.add_population("other", 1000, JUMP)
    net.connect("in", "other", OneToOne(), weight=1e-3)  # no excuse for E
    try:
        net.connect("in", "E", OneToOne(), weight=beside)
        fits = True
    except ValidationError:
        fits = False
    assert fits == (beside > 1e-5 * 20e-3)
    if fits:
        assert net.connect("E", "E", OneToOne(), weight=1e-12).nnz
    else:
        with pytest.raises(ValidationError, match="less than 1e-05 of"):
            net.connect("E", "E", OneToOne(), weight=1e-12)


@pytest.mark.parametrize(("v_th", "passes"), [(0.999e6, False), (1e6, True), (1e9, True)])
def test_a_threshold_that_is_never_reached_is_in_no_unit(v_th, passes):
    net = network("SI", LIFDelta(v_rest=0.0, v_th=v_th, v_reset=0.0))
    if passes:
        assert net.connect("in", "E", OneToOne(), weight=1e-3).nnz
    else:
        with pytest.raises(ValidationError, match="less than 1e-05 of"):
            net.connect("in", "E", OneToOne(), weight=1e-3)


def test_no_weight_at_all_is_no_lost_unit():
    net = network("SI", JUMP)
    assert net.connect("in", "E", OneToOne(), weight=0.0).nnz == 1000
    assert net.connect("in", "E", AllToAll(), weight=Normal(0.0, 1e-4)).nnz == 10**6


@pytest.mark.parametrize("weak", [-1.0, 3.0, 1.0])
def test_a_kernel_is_judged_by_what_it_adds_up_to(weak):
    """50 synapses of 5 thresholds excite by 250, though the limits may have a mean of 2."""
    weights = np.full((1, 1, 100), 5 * 20e-3)
    weights[..., ::2] = weak * 20e-3
    excitation = 5.0 * 50 + max(weak, 0.0) * 50
    net = network("SI", JUMP, n=100)
    target, size = net.populations["E"][:1], 100
    with pytest.raises(ValidationError, match=f"got {excitation * 20e-3:g} from all sources"):
        net.connect("in", target, Convolution(weights, size))
    assert net.connect("in", target, Convolution(weights * 199 / excitation, size)).nnz
