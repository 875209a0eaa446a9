# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF, LIFDelta


def test_scalars_are_broadcast_and_defaults_filled_in():
    arrays = LIF(beta=0.9, v_th=[1.0, 2.0]).arrays(2)
    assert [0.9, 0.9] == arrays["beta"].tolist()
    assert [1.0, 2.0] == arrays["reset_amount"].tolist()  # soft reset: the threshold
    assert [-math.inf] * 2 == arrays["v_floor"].tolist()
    assert arrays["refractory_ticks"].dtype == np.int32


def test_arrays_of_another_length_are_refused():
    with pytest.raises(ValidationError, match=r"v_th as a scalar or of shape \(3,\)"):
        LIF(beta=0.9, v_th=[1.0, 2.0]).arrays(3)


def test_exact_discretization_relaxes_to_rest_plus_drive():
    lif = LIF.from_time_constants(1e-3, 10e-3, v_rest=-65.0, resistance=2.0, current=3.0)
    for arriving in (0.0, 5.0):
        v = lif.v_init
        for _ in range(1000):
            v = lif.beta * v + lif.gain * arriving + lif.bias
        # 100 tau: only rounding is left
        assert v == pytest.approx(-65.0 + 2.0 * (arriving + 3.0), rel=1e-12)


@pytest.mark.parametrize("method", ["exact", "euler"])
@pytest.mark.parametrize("rest", [-65e-3, 0.0, 2.0, [-70e-3, -60e-3]])
def test_a_membrane_without_input_stays_at_rest_from_the_first_tick(rest, method):
    lif = LIF.from_time_constants(1e-3, 10e-3, 5e-3, v_rest=rest, v_th=9.0, method=method)
    v = lif.arrays(2)["v_init"]
    assert np.broadcast_to(rest, 2).tolist() == v.tolist()
    # Of the decay and of its complement each has one rounding.
    assert v * lif.beta + lif.bias == pytest.approx(v, rel=4e-16)


def test_exact_decay_is_the_exponential():
    lif = LIF.from_time_constants(1e-3, 20e-3, tau_syn=5e-3)
    assert math.exp(-0.05) == pytest.approx(lif.beta, rel=1e-15)
    assert math.exp(-0.2) == pytest.approx(lif.alpha, rel=1e-15)


def test_euler_decay_is_linear_and_unstable_steps_are_refused():
    assert LIF.from_time_constants(1e-3, 4e-3, method="euler").beta == 0.75
    at_once = LIF.from_time_constants(1e-3, 1e-3, tau_syn=1e-3, method="euler")
    assert (at_once.beta, at_once.alpha, at_once.gain) == (0.0, 0.0, 1.0)
    for short in (0.5e-3, np.nextafter(1e-3, 0.0), [1e-3, 0.9e-3]):
        with pytest.raises(ValidationError, match="tau_mem >= dt"):
            LIF.from_time_constants(1e-3, short, method="euler")
        with pytest.raises(ValidationError, match="tau_syn >= dt"):
            LIF.from_time_constants(1e-3, 4e-3, tau_syn=short, method="euler")


def test_options_win_over_computed_fields():
    assert LIF.from_time_constants(1e-3, 4e-3, gain=1.0).gain == 1.0


def test_a_refractory_time_that_is_no_multiple_of_dt_is_refused():
    with pytest.raises(ValidationError, match="t_ref: expected a multiple"):
        LIF.from_time_constants(1e-3, 10e-3, t_ref=1.5e-3)


@pytest.mark.parametrize(
    "bad",
    [
        {"beta": 1.1},
        {"beta": -0.1},
        {"alpha": math.nan},
        {"gain": math.inf},
        {"v_th": math.nan},
        {"v_th": -math.inf},
        {"v_floor": math.inf},
        {"reset": "zero"},
        {"refractory": "freeze"},
        {"refractory_ticks": -1},
        {"refractory_ticks": 1.5},
        {"start_tick": 1},
        {"strict": "yes"},
        {"bias": [[1.0]]},
        {"bias": "much"},
        {"bias": [1.0, 2.0], "v_th": [1.0, 2.0, 3.0]},
    ],
)
def test_each_illegal_parameter_is_refused(bad):
    with pytest.raises(ValidationError, match="LIF"):
        LIF(**({"beta": 0.9} | bad))


def test_every_problem_is_named_at_once():
    with pytest.raises(ValidationError) as caught:
        LIF(beta=2.0, reset="zero", refractory_ticks=-3)
    assert len(caught.value.problems) == 3


def test_a_readout_may_have_an_infinite_threshold():
    assert LIF(beta=0.9, v_th=math.inf).arrays(1)["v_th"][0] == math.inf


def test_equality_is_by_content():
    assert LIF(beta=[0.1, 0.2]) == LIF(beta=np.array([0.1, 0.2]))
    assert LIF(beta=[0.1, 0.2]) != LIF(beta=[0.1, 0.3])
    assert LIF(beta=0.1) != LIF(beta=0.1, strict=True)


def test_later_changes_of_the_given_array_have_no_effect():
    beta = np.array([0.1, 0.2])
    lif = LIF(beta=beta)
    beta[0] = 5.0
    assert lif.arrays(2)["beta"].tolist() == [0.1, 0.2]


def test_constants_for_one_tick_are_refused_by_a_network_of_another():
    lif = LIF.from_time_constants(1e-3, tau_mem=20e-3)
    for units in ("SI", "own"):
        net = Network(dt=1e-4, units=units)
        message = r"'a': expected a neuron for ticks of 0.0001 s .* LIF made for dt = 0.001 s"
        with pytest.raises(ValidationError, match=message):
            net.add_population("a", 2, lif)
        net = Network(dt=1e-3 * (1 + 1e-9), units=units)
        assert net.add_population("a", 2, lif).n == 2
    with pytest.raises(ValidationError, match=r"made for dt = 0.0001 s"):
        Network(dt=1e-3).add_population("a", 2, LIFDelta().per_tick(1e-4))
    assert Network(dt=7.0, units="own").add_population("a", 2, LIF(beta=0.5)).n == 2


def test_the_membrane_is_held_while_refractory_unless_said_otherwise():
    assert LIF(beta=0.5).refractory == LIFDelta().refractory == "hold"


def test_a_model_with_a_start_tick_of_its_own_is_refused():
    class Late(LIFDelta):
        start_tick = 3

    with pytest.raises(ValidationError, match=r"no start_tick in Late.*add_population"):
        Network(dt=1e-3).add_population("a", 2, Late())


@pytest.mark.parametrize("start", [-1, 2**31, 1.5, True, None, [0, 1]])
def test_a_start_tick_that_is_none_is_refused(start):
    net = Network(dt=1e-3)
    with pytest.raises(ValidationError, match="population 'a': expected start_tick as an integer"):
        net.add_population("a", 2, LIF(beta=0.5), start_tick=start)
    assert net.add_population("a", 2, LIF(beta=0.5), start_tick=2**31 - 1).start_tick == 2**31 - 1
