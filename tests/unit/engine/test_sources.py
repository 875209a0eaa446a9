# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim import Poisson, SpikeTrains
from spikesim.engine import event_source
from spikesim.errors import ValidationError


def test_windows_of_a_raster_are_its_events():
    raster = np.random.default_rng(0).random((20, 7)) < 0.3
    source = event_source(raster, "in", 7, 1e-3, 20, 0)
    parts = [source.window(a, b) for a, b in ((0, 3), (3, 4), (4, 20), (20, 40))]
    ticks, lines = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert np.array_equal(np.argwhere(raster), np.stack([ticks, lines], axis=1))


@pytest.mark.parametrize("made", [lambda raster: raster, lambda raster: Poisson(300.0)])
@pytest.mark.parametrize(("start", "stop"), [(0, 20), (3, 9), (4, 5), (20, 22)])
def test_events_are_listed_by_tick_as_they_come_in_the_window(made, start, stop):
    raster = np.random.default_rng(0).random((20, 7)) < 0.3
    source = event_source(made(raster), "in", 7, 1e-3, None, 0)
    ticks, lines = source.window(start, stop)
    event_start, listed = source.listed(start, stop)
    assert np.array_equal(lines, listed)
    assert [(ticks < tick).sum() for tick in range(start, stop + 1)] == event_start.tolist()


def test_random_events_of_windows_are_those_of_the_whole():
    drawn = Poisson(200.0)
    source = event_source(drawn, "in", 5, 1e-3, None, 3)
    parts = [source.window(a, b) for a, b in ((0, 30), (30, 31), (31, 100))]
    whole = drawn.trains(5, 100, 1e-3, 3, "in")
    ticks, lines = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert SpikeTrains(ticks, lines, 5, 100) == whole


@pytest.mark.parametrize(("steps", "legal"), [(10, True), (9, False), (None, True)])
def test_spikes_may_not_reach_beyond_the_end(steps, legal):
    trains = SpikeTrains([9], [0], n=1, steps=10)
    if legal:
        event_source(trains, "in", 1, 1e-3, steps, 0)
        return
    with pytest.raises(ValidationError, match="at most 9 ticks, got 10"):
        event_source(trains, "in", 1, 1e-3, steps, 0)


def test_all_problems_are_told_at_once():
    with pytest.raises(ValidationError) as caught:
        event_source(np.zeros((4, 3), bool), "in", 2, 1e-3, 3, 0)
    assert 2 == len(caught.value.problems)


def test_recorded_spikes_keep_the_ticks_of_their_run():
    late = SpikeTrains([40, 59], [1, 0], 2, 20, start=40)
    source = event_source(late, "in", 2, 1e-3, 60, 0)
    assert [40, 59] == source.window(0, 60)[0].tolist()
    with pytest.raises(ValidationError, match=r"at most 59 ticks, got 60; .*shift\(-40\)"):
        event_source(late, "in", 2, 1e-3, 59, 0)
    moved = event_source(late.shift(-40), "in", 2, 1e-3, 20, 0)
    assert [0, 19] == moved.window(0, 20)[0].tolist()
