# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest

from spikesim.core import LIF, SpikeTrains
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.sim import Poisson
from spikesim.sim.inputs import CHUNK_TICKS, resolve_inputs


@pytest.fixture
def net():
    net = Network(dt=1e-3)
    net.add_input("a", 3)
    net.add_input("b", 2)
    net.add_population("out", 1, LIF(beta=0.5))
    return net


def test_events_of_a_tick_are_ascending_over_all_inputs(net):
    a = SpikeTrains([0, 0, 2], [0, 2, 1], 3, 4)
    b = np.array([[0, 1], [0, 0], [1, 0], [0, 0]])
    starts, lines = resolve_inputs(net, {"a": a, "b": b}, 4, 0).window(0, 4)
    assert [0, 3, 3, 5, 5] == starts.tolist()
    assert [0, 2, 4, 1, 3] == lines.tolist()


def test_windows_joined_are_the_whole(net):
    events = resolve_inputs(net, {"a": Poisson(200.0), "b": Poisson([50.0, 900.0])}, 300, 5)
    starts, lines = events.window(0, 300)
    cuts = [0, 1, 63, 64, 65, 200, 300]
    parts = [events.window(lo, hi) for lo, hi in itertools.pairwise(cuts)]
    assert lines.tolist() == np.concatenate([part[1] for part in parts]).tolist()
    counts = np.concatenate([np.diff(part[0]) for part in parts])
    assert np.diff(starts).tolist() == counts.tolist()


def test_a_longer_poisson_train_begins_with_the_shorter_one():
    poisson = Poisson(100.0)
    short = poisson.trains(20, 100, 1e-3, 3, "x")
    long = poisson.trains(20, 5 * CHUNK_TICKS, 1e-3, 3, "x")
    assert short == long.window(0, 100)


def test_seed_and_name_choose_the_train():
    trains = [Poisson(100.0).trains(20, 100, 1e-3, *key) for key in ((3, "x"), (4, "x"), (3, "y"))]
    assert trains[0] != trains[1]
    assert trains[0] != trains[2]


def test_rates_are_met_line_by_line():
    rates = np.array([0.0, 5.0, 100.0, 1000.0])
    steps = 20_000
    counts = Poisson(rates).trains(4, steps, 1e-3, 0, "x").counts()
    p = rates * 1e-3
    # Five standard deviations of a binomial; the seed is fixed.
    assert (np.abs(counts - p * steps) <= 5 * np.sqrt(steps * p * (1 - p))).all()
    assert (counts[0], counts[3]) == (0, steps)


@pytest.mark.parametrize("rates", [-1.0, np.nan, np.inf, [[1.0]]])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(ValidationError, match="Poisson"):
        Poisson(rates)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 2)), "input 'a': expected 3 lines, got 2"),
        (np.zeros((5, 3)), "at most 4 ticks, got 5"),
        (np.zeros(3), r"shape \(steps, n\)"),
        (np.full((4, 3), 0.3), "values 0 and 1"),
        (SpikeTrains.empty(2, 4), "expected 3 lines"),
        (SpikeTrains([6], [0], 3, 7), r"window\(0, 4\)"),
        (Poisson([1.0, 2.0]), r"shape \(3,\)"),
        (Poisson(2000.0), "at most 1/dt"),
        ("spikes", "raster"),
    ],
)
def test_what_does_not_fit_an_input_is_refused_by_name(net, given, message):
    with pytest.raises(ValidationError, match=message) as caught:
        resolve_inputs(net, {"a": given, "b": np.zeros((4, 2))}, 4, 0)
    assert all("input 'a'" in text for text in caught.value.problems)


def test_unknown_names_are_reported_with_everything_else(net):
    with pytest.raises(ValidationError) as caught:
        resolve_inputs(net, {"c": np.zeros((4, 2)), "d": Poisson(1.0), "a": np.zeros(3)}, 4, 0)
    assert len(caught.value.problems) == 3
    assert "expected names among ['a', 'b'], got 'c'" in str(caught.value)


def test_an_input_that_is_left_out_is_silent(net):
    starts, lines = resolve_inputs(net, {"b": np.ones((1, 2))}, 2, 0).window(0, 2)
    assert ([0, 2, 2], [3, 4]) == (starts.tolist(), lines.tolist())


def test_rates_are_checked_by_every_engine():
    with pytest.raises(ValidationError, match="at most 1/dt"):
        Poisson(2000.0).trains(3, 10, 1e-3, 0, "x")


def test_inputs_that_are_no_mapping_are_refused(net):
    with pytest.raises(ValidationError, match="mapping"):
        resolve_inputs(net, np.zeros((4, 3)), 4, 0)


def test_an_input_may_end_before_the_run(net):
    events = resolve_inputs(net, {"a": np.ones((1, 3)), "b": SpikeTrains.empty(2, 0)}, 10, 0)
    starts, _ = events.window(0, 10)
    assert [0] + [3] * 10 == starts.tolist()
