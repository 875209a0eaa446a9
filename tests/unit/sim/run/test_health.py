# SPDX-License-Identifier: Apache-2.0
"""A state that leaves the numbers is found and named, whatever the way it is run and recorded."""

import logging
import re

import numpy as np
import pytest

from spikesim import LIF, Network, Recording, StepCurrent, ValidationError, simulate
from spikesim.neurons import Izhikevich
from spikesim.sim import Simulator
from spikesim.sim.run import health
from spikesim.sim.run.health import InvalidStateError

STEPS, FROM = 300, 100


def network():
    """Neurons 3 and 4 of ``b`` get a current from tick 100 on that no step of 1 ms stands."""
    net = Network(dt=1e-3, units="own")
    net.add_population("a", 3, Izhikevich())
    net.add_population("b", 6, Izhikevich())
    blow = StepCurrent([0.0, FROM * 1e-3, 0.12], [10.0, 1e5, 10.0])
    return net, {"b[3:5].i_ext": blow, "a.i_ext": StepCurrent([0.0], [10.0])}


@pytest.fixture(autouse=True)
def every_window(monkeypatch):
    """A slow machine looks after every window, a fast one after many."""
    monkeypatch.setattr(health, "_SECONDS", 0.0)


@pytest.mark.parametrize("how", [{}, {"blocks": 3}, {"dtype": "float64"}, {"threads": 2}], ids=str)
@pytest.mark.parametrize("to", [None, "run.h5"])
def test_a_state_that_is_no_number_ends_the_run_with_its_name(tmp_path, how, to):
    net, inputs = network()
    to = None if to is None else tmp_path / to
    with pytest.raises(InvalidStateError) as caught:
        simulate(net, inputs, STEPS, to=to, **how)
    said = str(caught.value)
    assert re.search(r"'b': .* got v = -?(nan|inf) in neuron 3 and in 1 more", said)
    first, last = map(int, re.search(r"tick (\d+) at the e.* tick (\d+) at the l", said).groups())
    assert first <= FROM < last <= STEPS
    if to is not None:
        assert "InvalidStateError" in Recording.open(to).meta["stopped_by"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("population", "neuron"), [("a", 0), ("a", 2), ("b", 0), ("b", 5)])
@pytest.mark.parametrize("variable", ["v", "u"])
def test_every_neuron_and_variable_is_looked_at(population, neuron, variable, value):
    session = Simulator(network()[0], blocks=2).start({}, STEPS)
    session.advance(5)
    session.neurons[population][variable][neuron] = value
    with pytest.raises(InvalidStateError) as caught:
        session.advance(5)
    said = rf"'{population}': .* in neuron {neuron}\D.* tick 5 at the earliest and tick 10 at the "
    assert re.search(said, str(caught.value))


def test_a_state_is_looked_at_before_it_is_cleared_or_the_run_ends(monkeypatch):
    monkeypatch.setattr(health, "_SECONDS", 1e9)  # no look after a window but the first
    net, inputs = network()
    for end in ("finish", "clear", "pause"):
        session = Simulator(net).start(inputs, STEPS)
        session.advance(10)
        session.advance(FROM + 50)
        with pytest.raises(
            InvalidStateError, match=r"'b': .* neuron 3 and in 1 more, since tick 10"
        ):
            getattr(session, end)(*[20] * (end == "pause"))


def test_a_warning_comes_once_for_each_variable_and_the_run_goes_on(caplog):
    net, inputs = network()
    with caplog.at_level(logging.WARNING, "spikesim"):
        session = Simulator(net).start(inputs, STEPS, on_invalid="warn")
        for _ in range(STEPS // 10):
            session.advance(10)
        recording = session.finish()
    assert recording.complete
    told = [line for line in caplog.messages if "expected finite states" in line]
    assert sorted(re.findall(r"'b': .* got (\w)", line)[0] for line in told) == ["u", "v"]
    assert recording.spikes["a"].ticks[-1] > 200  # the others do as they did


def test_nobody_looks_where_that_is_chosen_and_other_words_are_refused(caplog):
    net, inputs = network()
    assert simulate(net, inputs, STEPS, on_invalid="ignore").complete
    assert not caplog.records
    with pytest.raises(ValidationError, match=r"on_invalid as one of .*'error'.*, got 'raise'"):
        simulate(net, inputs, STEPS, on_invalid="raise")


def test_a_trial_that_leaves_the_numbers_is_an_error_too():
    net, inputs = network()
    with pytest.raises(InvalidStateError, match="'b'"):
        Simulator(net).trials([inputs, inputs], STEPS)


def test_an_infinite_threshold_or_floor_is_no_state():
    net = Network(dt=1e-3)
    net.add_population("never", 2, LIF(beta=0.9, v_th=np.inf, bias=1.0))
    assert simulate(net, {}, STEPS).complete
