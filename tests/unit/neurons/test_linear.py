# SPDX-License-Identifier: Apache-2.0
"""Models that are linear between spikes follow their closed forms to rounding."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.neurons import ALIF, LIFAlpha, LIFDelta, LIFExp
from spikesim.neurons.propagators import exponential_input, linear_exponential_input
from tests.reference.neurons import alpha_psp, exponential_psp, ticks_to_threshold
from tests.unit.neurons.populations import drive

DT = 0.1e-3
# 1000 steps of a few roundings each, errors decaying with the membrane.
ROUNDING = 1e-13

SILENT = {"v_rest": 0.0, "v_reset": -1.0, "v_th": math.inf}


def after(steps):
    """End of each tick, counted from the start of tick 0."""
    return DT * np.arange(1, steps + 1)


@pytest.mark.parametrize("dt", [DT, 1e-3])
@pytest.mark.parametrize(("model", "psp"), [(LIFExp, exponential_psp), (LIFAlpha, alpha_psp)])
def test_one_arrival_gives_the_closed_form_at_every_sample(model, psp, dt):
    cell = model(tau_mem=20e-3, tau_syn=5e-3, resistance=2.0, **SILENT)
    trace = drive(cell, dt, 1000, arrivals={(0, 0): 3.0})
    expected = 6.0 * psp(dt * np.arange(1, 1001), 20e-3, 5e-3)
    assert np.abs(trace.state["v"][:, 0] - expected).max() < ROUNDING * expected.max()


def test_equal_time_constants_are_nothing_special():
    cell = LIFExp(tau_mem=10e-3, tau_syn=10e-3, **SILENT)
    x = after(500) / 10e-3
    v = drive(cell, DT, 500, arrivals={(0, 0): 1.0}).state["v"][:, 0]
    assert np.abs(v - x * np.exp(-x)).max() < ROUNDING
    cell = LIFAlpha(tau_mem=10e-3, tau_syn=10e-3, **SILENT)
    v = drive(cell, DT, 500, arrivals={(0, 0): 1.0}).state["v"][:, 0]
    assert np.abs(v - math.e * x**2 / 2 * np.exp(-x)).max() < ROUNDING


def test_the_peak_of_an_alpha_current_is_the_weight_at_tau():
    cell = LIFAlpha(tau_syn=2e-3, **SILENT)
    i = drive(cell, DT, 100, arrivals={(0, 0): 1.5}).state["i_syn"][:, 0]
    assert np.argmax(i) == 20  # as of the start of tick 20, 2 ms after the arrival
    assert i[20] == pytest.approx(1.5, rel=1e-14)


def test_receptors_superpose_with_their_own_time_constants():
    cell = LIFExp(tau_mem=20e-3, tau_syn={"exc": 5e-3, "inh": 10e-3}, **SILENT)
    trace = drive(cell, DT, 800, arrivals={(0, 0): 1.0, (100, 1): -2.0})
    expected = exponential_psp(after(800), 20e-3, 5e-3)
    expected[100:] -= 2 * exponential_psp(after(700), 20e-3, 10e-3)
    assert np.abs(trace.state["v"][:, 0] - expected).max() < ROUNDING


def test_a_constant_current_relaxes_exponentially_and_a_device_replaces_it():
    cell = LIFExp(tau_mem=20e-3, resistance=4.0, current=0.5, **SILENT)
    expected = 2 * -np.expm1(-after(500) / 20e-3)
    assert np.abs(drive(cell, DT, 500).state["v"][:, 0] - expected).max() < ROUNDING
    driven = drive(cell, DT, 500, i_ext=np.full(500, 1.0))
    assert np.abs(driven.state["v"][:, 0] - 2 * expected).max() < ROUNDING


@pytest.mark.parametrize("t_ref", [0.0, 2e-3])
@pytest.mark.parametrize("current", [10.5e-3, 15e-3, 40e-3])
def test_intervals_are_those_of_the_f_i_curve(current, t_ref):
    cell = LIFExp(v_rest=-60e-3, v_reset=-65e-3, v_th=-50e-3, t_ref=t_ref, current=current)
    times = drive(cell, DT, 4000).times()
    expected = ticks_to_threshold(DT, 20e-3, -65e-3, -60e-3 + current, -50e-3)
    assert {expected + round(t_ref / DT)} == set(np.diff(times))


@settings(max_examples=40, deadline=None)
@given(
    tau_mem=st.floats(1e-3, 0.1),
    ratio=st.one_of(st.floats(0.02, 50), st.floats(-1e-6, 1e-6).map(lambda x: 1 + x)),
    dt=st.sampled_from([1e-5, 1e-4, 1e-3]),
)
def test_propagators_are_integrals_for_any_time_constants(tau_mem, ratio, dt):
    # Gauss-Legendre on 4 panels is exact to rounding for these smooth integrands.
    tau_syn = tau_mem * ratio
    nodes, weights = np.polynomial.legendre.leggauss(16)
    x = np.concatenate([(nodes + 1 + 2 * k) / 8 for k in range(4)]) * dt
    w = np.tile(weights, 4) * dt / 8
    kernel = np.exp(-(dt - x) / tau_mem - x / tau_syn) / tau_mem
    assert exponential_input(dt, tau_mem, tau_syn) == pytest.approx((w * kernel).sum(), rel=1e-11)
    ramp = (w * kernel * x / tau_syn).sum()
    assert linear_exponential_input(dt, tau_mem, tau_syn) == pytest.approx(ramp, rel=1e-11)


@pytest.mark.parametrize("slower", ["membrane", "synapse"])
@pytest.mark.parametrize("apart", [30.0, 699.5, 701.5, 708.5, 711.0, 746.0, 1e4, 1e9])
def test_propagators_stay_exact_where_exponentials_overflow_or_vanish(apart, slower):
    # In ticks, with the slower time constant 2 and dt / tau of the other ``apart`` larger.
    slow, fast = 2.0, 1.0 / (0.5 + apart)
    tau_mem, tau_syn = (slow, fast) if slower == "membrane" else (fast, slow)
    x = 1 / tau_syn - 1 / tau_mem
    # With |x| this large no difference cancels.
    mem, syn = math.exp(-1 / tau_mem), math.exp(-1 / tau_syn)
    assert exponential_input(1.0, tau_mem, tau_syn) == pytest.approx(
        (mem - syn) / x / tau_mem, rel=1e-12, abs=0.0
    )
    ramp = (mem - (1 + x) * syn) / x**2 / tau_mem / tau_syn
    assert linear_exponential_input(1.0, tau_mem, tau_syn) == pytest.approx(
        ramp, rel=1e-12, abs=0.0
    )


def test_each_neuron_may_have_its_own_constants():
    taus, rests = np.array([10e-3, 20e-3, 40e-3]), np.array([0.0, -1.0, 2.0])
    options = {"v_th": math.inf, "v_reset": -9.0, "tau_syn": {"a": taus / 3, "b": 7e-3}}
    many = LIFExp(tau_mem=taus, v_rest=rests, **options)
    arrivals = np.random.default_rng(1).random((200, 2, 3))
    together = drive(many, DT, 200, n=3, arrivals=arrivals).state["v"]
    for k in range(3):
        options["tau_syn"] = {"a": taus[k] / 3, "b": 7e-3}
        alone = LIFExp(tau_mem=float(taus[k]), v_rest=float(rests[k]), **options)
        single = drive(alone, DT, 200, arrivals=arrivals[:, :, k : k + 1]).state["v"]
        assert np.array_equal(together[:, k : k + 1], single)


def test_a_delta_arrival_is_a_jump_at_the_end_of_its_tick():
    cell = LIFDelta(tau_mem=20e-3, **SILENT)
    v = drive(cell, DT, 500, arrivals={(3, 0): 2.0}).state["v"][:, 0]
    expected = np.where(np.arange(500) < 3, 0.0, 2 * np.exp(-DT * (np.arange(500) - 3) / 20e-3))
    assert np.abs(v - expected).max() < ROUNDING


def test_delta_input_of_the_adaptive_neuron_acts_at_once():
    trace = drive(ALIF(theta_plus=0.5), DT, 3, arrivals={(1, 0): 1.0})
    assert trace.times() == [1]
    assert trace.state["v"][1, 0] == 0.0  # soft: 1.0 - v_th
    assert trace.state["theta"][:, 0].tolist()[1] == 0.5


def test_the_adaptive_threshold_is_the_sum_of_its_decaying_rises():
    cell = ALIF(theta_plus=0.3, tau_theta=50e-3, tau_mem=20e-3, current=3.0)
    trace = drive(cell, DT, 5000)
    expected = np.zeros(5000)
    for tick in trace.times():
        expected[tick:] += 0.3 * np.exp(-DT * np.arange(5000 - tick) / 50e-3)
    assert len(trace.times()) > 20
    # One rounding of theta per tick, not accumulating beyond tau_theta / dt of them.
    assert np.abs(trace.state["theta"][:, 0] - expected).max() < 500 * 2.3e-16 * expected.max()
    gaps = np.diff(trace.times())
    assert gaps[-1] > gaps[0]


def test_bellec_form_of_the_threshold():
    # b <- rho b + (1 - rho) s;  threshold b_0 + beta b
    rho, beta, b = math.exp(-1e-3 / 0.2), 1.8, 0.0
    alpha, v, fired = math.exp(-1e-3 / 20e-3), 0.0, []
    inputs = np.random.default_rng(5).random(1000) * 0.3
    for t in range(1000):
        v, b = alpha * v + inputs[t], rho * b
        if v >= 1.0 + beta * b:
            fired.append(t)
            v, b = v - 1.0, b + (1 - rho)
    cell = ALIF(tau_mem=20e-3, tau_theta=0.2, theta_plus=beta * (1 - rho))
    assert fired == drive(cell, 1e-3, 1000, arrivals=inputs[:, None, None]).times()
    assert len(fired) > 50
