# SPDX-License-Identifier: Apache-2.0
"""Threshold, reset, refractory time and slow thresholds at their edges."""

import math

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.neurons import ALIF, AdEx, LIFCond, LIFExp, Parrot
from tests.unit.neurons.populations import drive

DT = 1e-3
# Arrivals are the membrane itself: no leak worth mentioning, threshold at 1.
RELAY = {"tau_mem": 1e6, "theta_plus": None, "reset": "hard", "refractory": "hold"}


def test_fires_at_the_threshold_and_not_below():
    cell = ALIF(**RELAY | {"v_init": 1.0, "tau_mem": 1e300})
    assert [0] == drive(cell, DT, 3).times()
    below = ALIF(**RELAY | {"v_init": np.nextafter(1.0, 0.0), "tau_mem": 1e300})
    assert drive(below, DT, 3).times() == []


@pytest.mark.parametrize(("v_th", "v_reset"), [(1.0, 0.0), (1.0, -0.5), (2.0, 1.5), (-1.0, -4.0)])
def test_a_soft_reset_goes_from_the_threshold_to_the_reset_value(v_th, v_reset):
    given = {"v_th": v_th, "v_reset": v_reset, "reset": "soft", "tau_mem": 1e300}
    cell = ALIF(**RELAY | given | {"v_init": v_th})
    trace = drive(cell, DT, 2, arrivals={(1, 0): v_th - v_reset + 0.25})
    # What lies above the threshold stays above the reset value.
    assert [v_reset, v_reset + 0.25] == trace.state["v"][:, 0].tolist()
    assert [0, 1] == trace.times()


def test_an_infinite_threshold_never_fires():
    assert drive(ALIF(**RELAY | {"v_th": math.inf}), DT, 5, arrivals={(0, 0): 1e9}).times() == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("t_ref_ticks", [0, 1, 3])
def test_refractory_ticks_lie_between_two_spikes(t_ref_ticks, dtype):
    cell = ALIF(**RELAY | {"t_ref": t_ref_ticks * DT})
    trace = drive(cell, DT, 12, arrivals=np.full((12, 1, 1), 5.0), dtype=dtype)
    assert list(range(0, 12, t_ref_ticks + 1)) == trace.times()


def test_held_membrane_stays_at_reset_and_a_gated_one_moves():
    hold = ALIF(**RELAY | {"t_ref": 2 * DT, "v_reset": -3.0})
    pushed = {(0, 0): 2.0, (1, 0): 0.5, (2, 0): 0.5, (3, 0): 0.5}
    assert [-3.0, -3.0, -3.0, -2.5] == pytest.approx(
        drive(hold, DT, 4, arrivals=pushed).state["v"][:, 0].tolist(), abs=1e-6
    )
    gate = ALIF(**RELAY | {"t_ref": 2 * DT, "v_reset": -3.0, "refractory": "gate"})
    assert [-3.0, -2.5, -2.0, -1.5] == pytest.approx(
        drive(gate, DT, 4, arrivals=pushed).state["v"][:, 0].tolist(), abs=1e-6
    )


def test_refractory_time_may_differ_between_neurons():
    cell = ALIF(**RELAY | {"t_ref": np.array([0.0, 2 * DT])})
    trace = drive(cell, DT, 6, n=2, arrivals=np.full((6, 1, 2), 5.0))
    assert [0, 1, 2, 3, 4, 5] == trace.times(0)
    assert [0, 3] == trace.times(1)


@pytest.mark.parametrize(("min_isi_ticks", "interval"), [(0, 3), (2, 3), (3, 3), (4, 4), (7, 7)])
def test_min_isi_is_the_shortest_interval_and_leaves_the_membrane_free(min_isi_ticks, interval):
    cell = ALIF(**RELAY | {"t_ref": 2 * DT, "min_isi": min_isi_ticks * DT, "v_th": 10.0})
    trace = drive(cell, DT, 30, arrivals=np.full((30, 1, 1), 20.0))
    assert list(range(0, 30, interval)) == trace.times()
    if min_isi_ticks == 7:  # held in ticks 1 and 2, free from 3 on
        assert [0.0, 0.0, 0.0, 20.0, 40.0] == pytest.approx(trace.state["v"][:5, 0], abs=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_very_slow_threshold_decays_although_one_step_is_below_rounding(dtype):
    # Diehl & Cook: 0.5 ms against 10,000 s is 5e-8 of theta per tick, less than float32 holds.
    cell = LIFCond(tau_syn=1e-3, e_rev=0.0, theta_plus=0.0, tau_theta=1e4, theta_init=20e-3)
    trace = drive(cell, 0.5e-3, 20000, dtype=dtype)
    decayed = 20e-3 * -math.expm1(-20000 * 0.5e-3 / 1e4)
    last = trace.state["theta"][-1, 0] + trace.state["theta_rest"][-1, 0]
    # The rate itself is a rounded constant: 6e-8 of the decay in float32, and one ulp of theta.
    bound = {"float32": 2e-9, "float64": 1e-17}[dtype]
    assert abs(20e-3 - last - decayed) < bound < decayed / 1000


def test_a_frozen_threshold_neither_rises_nor_decays():
    options = RELAY | {"theta_plus": 0.5, "tau_theta": 1e-3, "theta_init": 3.0, "t_ref": 0.0}
    cell = ALIF(**options, theta_frozen=True)
    trace = drive(cell, DT, 4, arrivals={(1, 0): 4.5, (2, 0): 3.5})
    assert [1] == trace.times()
    assert [3.0] * 4 == trace.state["theta"][:, 0].tolist()


def test_a_parrot_repeats_every_spike_once():
    trace = drive(Parrot(), DT, 5, n=2, arrivals=np.array([0, 1, 0.5, 3, 0])[:, None, None])
    assert [1, 2, 3] == trace.times(0) == trace.times(1)


def test_nothing_happens_before_the_start_tick():
    trace = drive(LIFExp(v_init=0.0), DT, 5, arrivals={(1, 0): 9.0}, start_tick=3)
    assert [3] == trace.times()
    assert [0.0] * 3 == trace.state["v"][:3, 0].tolist()
    assert not trace.state["i_syn"].any()


@pytest.mark.parametrize(
    ("model", "bad", "says"),
    [
        (LIFExp, {"tau_mem": 0.0}, "tau_mem as a finite number > 0"),
        (LIFExp, {"tau_syn": {"exc": -1.0}}, r"tau_syn\['exc'\] as a finite number > 0"),
        (LIFExp, {"tau_syn": {}}, "at least one receptor"),
        (LIFExp, {"tau_syn": {"ext": 1e-3}}, "other than 'ext'"),
        (LIFExp, {"tau_syn": {"a b": 1e-3}}, "identifiers"),
        (LIFExp, {"v_th": math.nan}, "v_th"),
        (LIFExp, {"v_th": -math.inf}, "v_th"),
        (LIFExp, {"v_reset": -50e-3}, "v_reset below the threshold"),
        (LIFExp, {"v_rest": [[1.0]]}, "scalar or of shape"),
        (LIFExp, {"v_rest": "low"}, "v_rest"),
        (LIFExp, {"reset": "zero"}, "reset in"),
        (LIFExp, {"t_ref": -1e-3}, "t_ref"),
        (LIFExp, {"theta_frozen": 1}, "theta_frozen as a bool"),
        (LIFExp, {"start_tick": 3}, r"LIFExp: start_tick is .* add_population\(.*start_tick="),
        (LIFExp, {"tau_mem": [1.0, 2.0], "v_rest": [0.0] * 3}, "arrays of one length"),
        *(
            (model, {"tau_syn": {"a": 1e-3, "b": 2e-3}, "e_rev": e_rev}, "same receptors")
            for model in (LIFCond, AdEx)
            for e_rev in ({"a": 0.0, "c": 0.0}, {"a": 0.0}, {"a": 0.0, "b": 0.0, "c": 0.0})
        ),
        (LIFCond, {"tau_syn": 1e-3, "e_rev": 0.0, "g_leak": 0.0}, "g_leak"),
    ],
)
def test_each_illegal_parameter_is_refused(model, bad, says):
    with pytest.raises(ValidationError, match=says):
        model(**bad)


def test_reversal_potentials_go_by_name_whatever_their_order():
    taus = {"a": 1e-3, "b": 2e-3}
    for model in (LIFCond, AdEx):
        one, other = (
            model(tau_syn=taus, e_rev=e_rev).constants(DT, 1)
            for e_rev in ({"a": 0.0, "b": -80e-3}, {"b": -80e-3, "a": 0.0})
        )
        assert one == other
        assert (0.0, -80e-3) == (one["e_a"], one["e_b"])


def test_every_problem_is_named_at_once():
    with pytest.raises(ValidationError) as caught:
        LIFExp(tau_mem=-1.0, v_rest=math.nan, reset="zero")
    assert len(caught.value.problems) == 3


def test_times_that_are_no_multiple_of_dt_are_refused_at_build():
    with pytest.raises(ValidationError, match="t_ref: expected a multiple"):
        LIFExp(t_ref=1.5e-3).constants(1e-3, 1)
    with pytest.raises(ValidationError, match="min_isi: expected a multiple"):
        LIFExp(min_isi=1.5e-3).constants(1e-3, 1)
    with pytest.raises(ValidationError, match=r"tau_syn\['syn'\] >= dt"):
        LIFCond(tau_syn=0.5e-3, e_rev=0.0, method="euler").constants(1e-3, 1)
    LIFCond(tau_syn=1e-3, e_rev=0.0, method="euler").constants(1e-3, 1)


def test_arrays_of_another_length_are_a_problem():
    cell = LIFExp(tau_syn={"exc": [1e-3, 2e-3]}, v_rest=[-60e-3, -61e-3])
    assert cell.problems(2) == []
    assert len(cell.problems(3)) == 2


def test_equality_is_by_class_and_content():
    assert LIFExp(tau_syn={"a": [1e-3, 2e-3]}) == LIFExp(tau_syn={"a": np.array([1e-3, 2e-3])})
    assert LIFExp(tau_syn={"a": 1e-3, "b": 2e-3}) != LIFExp(tau_syn={"b": 2e-3, "a": 1e-3})
    assert LIFExp() != LIFExp(v_rest=-61e-3)
    assert ALIF() != LIFExp()
