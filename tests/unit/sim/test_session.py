# SPDX-License-Identifier: Apache-2.0
"""Sessions that are advanced by hand: what they hand out, drop, keep and take up."""

import numpy as np
import pytest

from spikesim import Network, Poisson, Simulator, StepCurrent, simulate
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.neurons import LIF

N, LINES, DELAY = 10, 6, 3
RASTER = np.random.default_rng(2).random((90, LINES)) < 0.2


def net():
    made = Network(dt=1e-3, seed=1, units="own")
    made.add_input("in", LINES)
    made.add_population("e", N, LIF(beta=0.9, refractory_ticks=2))
    weights = np.random.default_rng(1).random((LINES, N)) * 0.6
    made.connect("in", "e", weights, delay_ticks=DELAY)
    made.connect("e", "e", np.full((N, N), 0.05), delay_ticks=2)
    return made


def test_counts_are_those_of_the_moment_they_were_asked_for():
    session = Simulator(net()).start({"in": RASTER}, 90)
    session.advance(40)
    then = session.counts("e")
    kept = then.copy()
    session.advance(50)
    assert kept.sum() < session.counts("e").sum()
    np.testing.assert_array_equal(kept, then)
    np.testing.assert_array_equal(session.counts("e"), session.finish().counts("e"))


def test_a_pause_moves_the_clock_and_puts_all_to_its_start():
    session = Simulator(net()).start({"in": RASTER}, 90)
    session.advance(30)
    session.pause(20)
    assert session.tick == 50
    session.advance(40)
    got = session.finish().raster("e")
    np.testing.assert_array_equal(simulate(net(), {"in": RASTER[:30]}, 30).raster("e"), got[:30])
    assert not got[30:50].any()
    expected = simulate(net(), {"in": RASTER[50:]}, 40).raster("e")
    assert expected.any()
    np.testing.assert_array_equal(expected, got[50:])


def test_spikes_under_way_are_dropped_by_a_clear():
    last = SpikeTrains([9] * LINES, np.arange(LINES), LINES, 30)
    session = Simulator(net()).start({"in": last}, 30)
    session.advance(10)  # the spikes are sent, and arrive three ticks later
    session.clear()
    session.advance(20)
    assert not session.counts("e").any()
    assert simulate(net(), {"in": last}, 30).counts("e").any()


@pytest.mark.parametrize("seed", [0, 5])
def test_new_random_inputs_are_drawn_with_the_seed_of_the_session(seed):
    drawn = Poisson(300.0).trains(LINES, 60, 1e-3, seed, "in")
    counts = []
    for later in (Poisson(300.0), drawn):
        session = Simulator(net()).start({"in": RASTER[:60]}, 60, seed=seed)
        session.advance(20)
        session.set_inputs({"in": later})
        session.advance(40)
        counts.append(session.finish().raster("e"))
    assert counts[0][25:].any()
    np.testing.assert_array_equal(*counts)


@pytest.mark.parametrize(("later", "fires"), [(None, False), (0.01, False), (0.5, True)])
def test_a_current_that_is_changed_or_left_out_acts_no_longer(later, fires):
    session = Simulator(net()).start({"e.i_ext": StepCurrent([0.0], [0.3])}, 60)
    session.advance(20)
    before = session.counts("e")
    assert before.all()
    session.clear()
    session.set_inputs({} if later is None else {"e.i_ext": StepCurrent([0.0], [later])})
    session.advance(40)
    assert fires == (session.counts("e") > before).any()


def test_a_resumed_session_records_the_window_from_its_checkpoint_on(tmp_path):
    path = tmp_path / "half"
    simulator = Simulator(net())
    simulator.run({"in": RASTER[:30]}, 30, checkpoint=path)
    session = simulator.start({"in": RASTER}, 90, resume=path)
    assert session.tick == 30
    session.advance(60)
    part, whole = session.finish(), simulator.run({"in": RASTER}, 90)
    assert (30, 90) == (part.start, part.stop)
    assert whole.spikes["e"].window(30, 90) == part.spikes["e"]


def test_a_session_goes_to_its_last_tick_and_no_further():
    session = Simulator(net()).start({"in": RASTER[:40]}, 40)
    with pytest.raises(ValidationError, match="0 to 40 further ticks of the 40"):
        session.advance(41)
    session.advance(40)
    session.advance(0)
    for use in (session.advance, session.pause):
        with pytest.raises(ValidationError, match="0 to 0 further"):
            use(1)
    with pytest.raises(ValidationError, match="expected 0 or more ticks, got -1"):
        Simulator(net()).start({}).advance(-1)


def test_a_run_of_less_than_no_steps_is_refused():
    assert simulate(net(), {}, 0).steps == 0
    with pytest.raises(ValidationError, match="steps as an integer >= 0, got -1"):
        simulate(net(), {}, -1)


@pytest.mark.parametrize("value", [-3, [0, -1, 0], 2.5])
def test_ticks_that_are_left_are_whole_and_none_is_owed(value):
    made = Network(dt=1e-3, units="own")
    made.add_population("E", 3, LIF(beta=0.9, refractory_ticks=5))
    session = Simulator(made).start({})
    with pytest.raises(ValidationError, match=r"'refr' as integers of 0 to \d+ ticks, got"):
        session.neurons["E"]["refr"] = value
    assert [0, 0, 0] == session.neurons["E"]["refr"].tolist()
