# SPDX-License-Identifier: Apache-2.0
"""Nonlinear models converge to their ODE, and fire in the published patterns."""

import math

import numpy as np
import pytest

from spikesim.neurons import AdEx, Izhikevich, LIFCond
from tests.reference.neurons import (
    diehl_cook_excitatory,
    izhikevich_published,
    relax,
    spike_times,
)
from tests.unit.neurons.populations import drive

COBA = {
    "tau_syn": {"exc": 5e-3, "inh": 10e-3},
    "e_rev": {"exc": 0.0, "inh": -80e-3},
    "v_th": math.inf,
}
# Naud et al. (2008), Table 1: C/pF, g_L/nS, E_L, V_T, Delta_T/mV, a/nS, tau_w/ms, b/pA, V_r, I/pA
NAUD = {
    "tonic": (200, 10, -70, -50, 2, 2, 30, 0, -58, 500),
    "adapting": (200, 12, -70, -50, 2, 2, 300, 60, -58, 500),
    "initial burst": (130, 18, -58, -50, 2, 4, 150, 120, -50, 400),
    "bursting": (200, 10, -58, -50, 2, 2, 120, 100, -46, 210),
}
PUBLISHED = {  # Izhikevich (2003), Fig. 2
    "RS": (0.02, 0.2, -65, 8),
    "IB": (0.02, 0.2, -55, 4),
    "CH": (0.02, 0.2, -50, 2),
    "FS": (0.1, 0.2, -65, 2),
    "LTS": (0.02, 0.25, -65, 2),
}


def naud(pattern, **options):
    c, g, e, v_t, d, a, tau, b, v_r, current = NAUD[pattern]
    return AdEx(
        capacitance=c * 1e-12,
        g_leak=g * 1e-9,
        v_rest=e * 1e-3,
        v_t=v_t * 1e-3,
        delta_t=d * 1e-3,
        a=a * 1e-9,
        tau_w=tau * 1e-3,
        b=b * 1e-12,
        v_reset=v_r * 1e-3,
        v_peak=0.0,
        current=current * 1e-12,
        **options,
    )


def error_of(model, dt, t_end, arrivals, i_ext=0.0):
    """Largest distance of v from the ODE; arrivals: receptor -> weight, all at time 0."""
    steps = round(t_end / dt)
    given = {(0, model.receptors.index(name)): weight for name, weight in arrivals.items()}
    current = np.full(steps, i_ext) if i_ext else None
    v = drive(model, dt, steps, arrivals=given, i_ext=current).state["v"][:, 0]
    state = {name: float(value[0]) for name, value in model.initial(dt, 1).items()}
    state = {name: state[name] for name in model.states}
    for name, weight in arrivals.items():
        key = next(key for key in state if key.endswith(f"_{name}"))
        state[key] += weight
    expected = relax(model, state, dt * np.arange(1, steps + 1), i_ext)["v"]
    return np.abs(v - expected).max()


@pytest.mark.parametrize("strength", [0.5, 20.0])
def test_conductances_converge_to_the_ode_in_second_order(strength):
    arrivals = {"exc": strength, "inh": 2 * strength}
    errors = [error_of(LIFCond(**COBA), dt, 40e-3, arrivals) for dt in (1e-3, 0.5e-3, 0.25e-3)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.1)
    # At the usual tick: 0.1 mV is far below any threshold distance that matters.
    assert error_of(LIFCond(**COBA), 0.1e-3, 40e-3, arrivals) < 30e-6


def test_euler_conductances_converge_in_first_order():
    arrivals = {"exc": 0.5, "inh": 1.0}
    cell = LIFCond(**COBA, method="euler")
    errors = [error_of(cell, dt, 40e-3, arrivals) for dt in (0.2e-3, 0.1e-3)]
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)


def test_conductances_in_siemens_are_multiples_of_the_leak():
    relative = LIFCond(**COBA, current=3e-3)
    absolute = LIFCond(**COBA, g_leak=10e-9, current=3e-3 * 10e-9)
    v = drive(relative, 1e-4, 300, arrivals={(0, 0): 0.7}).state["v"]
    other = drive(absolute, 1e-4, 300, arrivals={(0, 0): 0.7 * 10e-9}).state["v"]
    assert np.abs(v - other).max() < 1e-15  # volts; a few roundings of 0.06


@pytest.mark.parametrize("weight", [1e2, 1e4, 1e6])
def test_a_huge_conductance_never_overshoots_its_reversal_potential(weight):
    cell = LIFCond(**COBA, v_init=-70e-3)
    v = drive(cell, 1e-3, 50, arrivals={(0, 0): weight}).state["v"]
    assert v.max() <= 0.0
    v = drive(cell, 1e-3, 50, arrivals={(0, 1): weight}).state["v"]
    assert v.min() >= -80e-3


@pytest.mark.parametrize("min_isi_ticks", [0, 100])
def test_the_excitatory_cell_of_diehl_and_cook_is_a_parameter_set(min_isi_ticks):
    rng = np.random.default_rng(8)
    ticks = {int(t): (float(rng.random() * 6), 0.0) for t in rng.integers(0, 3000, 1500)}
    ticks |= {int(t): (0.0, 1.0) for t in rng.integers(0, 3000, 20)}
    cell = LIFCond(
        tau_mem=100e-3,
        v_rest=-65e-3,
        v_reset=-65e-3,
        v_th=-72e-3,
        v_init=-105e-3,
        tau_syn={"exc": 1e-3, "inh": 2e-3},
        e_rev={"exc": 0.0, "inh": -100e-3},
        t_ref=5e-3,
        min_isi=min_isi_ticks * 0.5e-3,
        theta_plus=0.05e-3,
        tau_theta=1e4,
        theta_init=20e-3,
        method="euler",
    )
    given = {(t, r): w for t, pair in ticks.items() for r, w in enumerate(pair)}
    trace = drive(cell, 0.5e-3, 3000, arrivals=given)
    fired, theta = diehl_cook_excitatory(ticks, 3000, min_isi_ticks)
    assert fired == trace.times()
    assert len(fired) > 10
    assert theta == pytest.approx(1e3 * trace.state["theta"][-1, 0], rel=1e-12)


@pytest.mark.parametrize("e_rev", [None, {"exc": 0.0}])
def test_adex_converges_to_the_ode_in_second_order_below_threshold(e_rev):
    cell = AdEx(tau_syn={"exc": 5e-3}, e_rev=e_rev)
    arrivals = {"exc": 500e-12 if e_rev is None else 8e-9}
    errors = [error_of(cell, dt, 50e-3, arrivals, 200e-12) for dt in (1e-3, 0.5e-3, 0.25e-3)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.15)


def test_adex_substeps_refine_as_shorter_ticks_do():
    arrivals, current = {"syn": 0.0}, 600e-12
    whole = error_of(AdEx(), 1e-3, 15e-3, arrivals, current)
    halved = error_of(AdEx(substeps=2), 1e-3, 15e-3, arrivals, current)
    assert whole / halved == pytest.approx(4.0, rel=0.3)


@pytest.mark.parametrize("pattern", NAUD)
def test_adex_spikes_are_those_of_the_ode(pattern):
    dt, t_end = 0.02e-3, 0.3
    cell = naud(pattern)

    def after(state):
        return state | {"v": cell.v_reset, "w": state["w"] + cell.b}

    state = {"v": cell.v_rest, "w": 0.0, "i_syn": 0.0}
    exact = spike_times(cell, state, t_end, cell.current, cell.v_peak, after)
    ours = dt * (1 + np.array(drive(cell, dt, round(t_end / dt)).times()))
    # A spike is put to the end of its tick, on average dt/2 late; each one delays the next.
    assert len(ours) == pytest.approx(len(exact), abs=1)
    n = min(len(ours), len(exact))
    assert n >= 5
    late = ours[:n] - exact[:n]
    assert np.abs(late).max() < 1.5 * dt * n + 0.01 * exact[n - 1]


def test_adex_patterns_are_the_published_ones():
    gaps = {name: np.diff(drive(naud(name, substeps=2), 0.1e-3, 6000).times()) for name in NAUD}
    assert np.ptp(gaps["tonic"][10:]) <= 1
    adapting = gaps["adapting"]
    assert (np.diff(adapting[:4]) > 0).all()
    assert adapting[-1] > 2 * adapting[0]
    initial = gaps["initial burst"]
    assert initial[0] < 0.3 * initial[-1]
    assert np.ptp(initial[-3:]) < 0.1 * initial[-1]
    # Bursts: short intervals within, long ones between, again and again.
    long = gaps["bursting"] > 3 * gaps["bursting"].min()
    assert long[:-1].sum() >= 3
    assert (~long).sum() >= long.sum()


def test_adex_holds_the_membrane_while_refractory_and_adaptation_goes_on():
    cell = naud("tonic", t_ref=2e-3)
    trace = drive(cell, 0.1e-3, 1000)
    first = trace.times()[0]
    held = trace.state["v"][first : first + 21, 0]
    assert [cell.v_reset] * 21 == held.tolist()
    assert trace.state["v"][first + 21, 0] > cell.v_reset
    w = trace.state["w"][first : first + 21, 0]
    assert (np.diff(w) != 0).all()


def test_a_sharp_upstroke_does_not_overflow():
    cell = AdEx(delta_t=0.1e-3, v_peak=60e-3, v_init=50e-3)  # exp(1004)
    trace = drive(cell, 0.1e-3, 3, dtype="float32")
    assert trace.times()[0] == 0
    assert np.isfinite(trace.state["v"]).all()
    assert np.isfinite(trace.state["w"]).all()


@pytest.mark.parametrize("kind", PUBLISHED)
def test_izhikevich_cells_fire_in_the_ticks_of_the_published_code(kind):
    # At 1 ms the overshoot of the published scheme multiplies rounding errors by more than
    # ten per spike: a start 1 ulp away moves spikes 14 to 18 of the reference itself.
    expected = izhikevich_published(*PUBLISHED[kind], 10.0, 1000)
    cell = Izhikevich.published(*PUBLISHED[kind], current=10.0)
    for dtype, same in (("float64", 10), ("float32", 5)):
        fired = drive(cell, 1e-3, 1000, dtype=dtype).times()
        assert expected[:same] == fired[:same]
        assert len(fired) == pytest.approx(len(expected), rel=0.08)
    assert len(expected) >= 20


def test_izhikevich_midpoint_converges_to_the_ode_in_second_order():
    cell = Izhikevich.published(0.02, 0.2, -65, 8, method="midpoint", v_init=-70e-3)
    errors = []
    for dt in (0.5e-3, 0.25e-3, 0.125e-3):
        steps = round(20e-3 / dt)
        v = drive(cell, dt, steps, i_ext=np.full(steps, -3.0)).state["v"][:, 0]
        state = {"v": -70e-3, "u": -14.0}
        expected = relax(cell, state, dt * np.arange(1, steps + 1), -3.0)["v"]
        errors.append(np.abs(v - expected).max())
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.1)


def test_izhikevich_midpoint_spikes_are_those_of_the_ode():
    dt, t_end = 0.02e-3, 0.2
    cell = Izhikevich.published(0.02, 0.2, -65, 8, method="midpoint", current=10.0)

    def after(state):
        return {"v": cell.c, "u": state["u"] + cell.d}

    exact = spike_times(cell, {"v": -65e-3, "u": -13.0}, t_end, 10.0, cell.v_peak, after)
    ours = dt * (1 + np.array(drive(cell, dt, round(t_end / dt)).times()))
    assert len(exact) == len(ours) >= 5
    assert np.abs(ours - exact).max() < 2 * dt * len(exact)


def test_substeps_are_checked():
    for bad in (0, 65, 1.5, True):
        with pytest.raises(ValueError, match="substeps as an int of 1 to 64"):
            AdEx(substeps=bad)
