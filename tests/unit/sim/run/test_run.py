# SPDX-License-Identifier: Apache-2.0
"""What may be changed between two ticks of a run."""

import numpy as np
import pytest

from spikesim import Network, StepCurrent
from spikesim.errors import ValidationError
from spikesim.neurons import LIFDelta
from spikesim.sim import Simulator

LONGEST = np.iinfo(np.int16).max
"""Ticks that the counters of a network with short times can hold."""


def simulator(units="SI", t_ref=2e-3):
    net = Network(dt=1e-3, units=units)
    cell = LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=1.0, v_reset=0.0, t_ref=t_ref)
    net.add_population("e", 4, cell)
    return Simulator(net)


def driven(sim):
    return sim.start({"e.i_ext": StepCurrent([0.0], [50.0])})


@pytest.mark.parametrize("ticks", [LONGEST, LONGEST + 1])
def test_a_time_set_in_a_session_is_held_or_refused_and_never_wraps(ticks):
    session = driven(simulator("own"))
    parameters = session.neurons["e"]
    if ticks > LONGEST:
        with pytest.raises(ValidationError, match=f"'e'.*at most {LONGEST} ticks.*got {ticks};"):
            parameters["t_ref"] = ticks * 1e-3
        assert parameters["t_ref"] == 2e-3
    else:
        parameters["t_ref"] = ticks * 1e-3
        session.advance(100)
        assert session.counts("e").tolist() == [1] * 4


def test_a_network_with_long_times_has_the_room_in_sessions_too():
    session = driven(simulator("own", t_ref=(LONGEST + 1) * 1e-3))
    session.neurons["e"]["t_ref"] = [2e-3, 50.0, 50.0, 50.0]
    session.advance(100)
    assert session.counts("e").tolist() == [34, 1, 1, 1]


def test_a_parameter_of_a_size_that_no_neuron_has_is_refused_in_a_session_as_in_a_network():
    session = simulator().start({})
    with pytest.raises(ValidationError, match=r"'e': LIFDelta.*did you mean 20e-3.*units='own'"):
        session.neurons["e"]["tau_mem"] = 20
    assert session.neurons["e"]["tau_mem"] == 20e-3
    own = simulator(units="own").start({})
    own.neurons["e"]["tau_mem"] = 20
    assert own.neurons["e"]["tau_mem"] == 20


def test_a_current_may_end_begin_again_and_go_to_a_part():
    session = driven(simulator())
    counts = []
    for inputs in (
        {"e.i_ext": StepCurrent([0.0], [50.0])},
        {},
        {"e.i_ext": StepCurrent([0.0], [50.0])},
        {"e[1:3].i_ext": StepCurrent([0.0], [50.0])},
    ):
        session.set_inputs(inputs)
        session.clear()
        before = session.counts("e")
        session.advance(30)
        counts.append((session.counts("e") - before).tolist())
    assert counts == [[10] * 4, [0] * 4, [10] * 4, [0, 10, 10, 0]]


def test_a_current_where_there_was_none_at_the_start_is_refused():
    session = simulator().start({})
    with pytest.raises(ValidationError, match=r"into \[\] or parts.*got \['e.i_ext'\]"):
        session.set_inputs({"e[:2].i_ext": StepCurrent([0.0], [50.0])})
