# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError


def _random(seed=0, steps=30, n=7):
    return np.random.default_rng(seed).random((steps, n)) < 0.2


def test_a_raster_survives_the_way_there_and_back():
    raster = _random()
    assert np.array_equal(raster, SpikeTrains.from_raster(raster).raster())


def test_order_of_the_events_does_not_matter():
    assert SpikeTrains([0, 0, 2], [1, 2, 0], 3, 3) == SpikeTrains([2, 0, 0], [0, 2, 1], 3, 3)


def test_events_come_out_sorted_by_tick_then_index():
    trains = SpikeTrains([5, 1, 5], [1, 2, 0], 3, 6)
    assert ([1, 5, 5], [2, 0, 1]) == (trains.ticks.tolist(), trains.index.tolist())
    assert (trains.ticks.dtype, trains.index.dtype) == (np.int64, np.int32)


def test_counts_and_at_agree_with_the_raster():
    raster = _random(1)
    trains = SpikeTrains.from_raster(raster)
    assert raster.sum(axis=0).tolist() == trains.counts().tolist()
    for tick in range(raster.shape[0]):
        assert np.flatnonzero(raster[tick]).tolist() == trains.at(tick).tolist()


def test_first_and_last_tick_and_neuron_are_legal():
    assert len(SpikeTrains([0, 9], [0, 4], 5, 10)) == 2


def test_every_problem_is_named_at_once():
    with pytest.raises(ValidationError) as caught:
        SpikeTrains([0, 10, -1], [0, 5, 1], 5, 10)
    assert len(caught.value.problems) == 2
    assert "0 <= tick < steps = 10, got 10 in event 1 (2 events outside)" in str(caught.value)
    assert "0 <= index < n = 5, got 5" in str(caught.value)


def test_a_neuron_fires_at_most_once_per_tick():
    with pytest.raises(ValidationError, match="neuron 2 more than once in tick 1"):
        SpikeTrains([1, 0, 1], [2, 0, 2], 3, 3)


@pytest.mark.parametrize(
    ("ticks", "index"), [([0.5], [0]), ([0, 1], [0]), ([[0]], [0]), ([0], ["a"])]
)
def test_columns_of_another_shape_or_kind_are_refused(ticks, index):
    with pytest.raises(ValidationError, match="spike trains"):
        SpikeTrains(ticks, index, 3, 3)


def test_times_in_seconds_are_refused_with_the_way_to_ticks():
    with pytest.raises(ValidationError, match="integer ticks, got dtype float64; divide seconds"):
        SpikeTrains([0.001, 0.002], [0, 1], 3, 3)


@pytest.mark.parametrize("raster", [np.zeros(3), np.zeros((2, 3, 4)), np.full((2, 2), 0.5)])
def test_a_raster_of_another_shape_or_with_other_values_is_refused(raster):
    with pytest.raises(ValidationError, match="raster"):
        SpikeTrains.from_raster(raster)


def test_shift_moves_all_spikes_and_back():
    trains = SpikeTrains.from_raster(_random(2))
    moved = trains.shift(3)
    assert (3, trains.steps, trains.stop + 3) == (moved.start, moved.steps, moved.stop)
    assert np.array_equal(trains.raster(), moved.raster())
    assert (trains.ticks + 3).tolist() == moved.ticks.tolist()
    assert trains == moved.shift(-3)


def test_a_shift_to_before_the_run_is_refused():
    with pytest.raises(ValidationError, match="window"):
        SpikeTrains([2], [0], 1, 5).shift(-3)
    moved = SpikeTrains([2], [0], 1, 5, start=2)
    assert [0] == moved.shift(-2).ticks.tolist()
    with pytest.raises(ValidationError, match="begins in tick 2"):
        moved.shift(-3)


def test_a_window_is_the_slice_of_the_raster_with_its_ticks():
    raster = _random(3)
    cut = SpikeTrains.from_raster(raster).window(4, 11)
    assert np.array_equal(raster[4:11], cut.raster())
    assert (4, 7, 11) == (cut.start, cut.steps, cut.stop)
    assert (np.nonzero(raster[4:11])[0] + 4).tolist() == cut.ticks.tolist()
    assert cut == SpikeTrains.from_raster(raster[4:11], start=4)
    assert cut != SpikeTrains.from_raster(raster[4:11])
    assert cut.window(4, 11) == cut
    for outside in ((3, 11), (4, 12), (6, 5)):
        with pytest.raises(ValidationError, match="expected 4 <= start <= stop <= 11"):
            cut.window(*outside)


@pytest.mark.parametrize("tick", [3, 11])
def test_a_spike_outside_its_window_is_refused(tick):
    assert 2 == len(SpikeTrains([4, 10], [0, 0], 1, 7, start=4))
    with pytest.raises(ValidationError, match="4 <= tick < start"):
        SpikeTrains([tick], [0], 1, 7, start=4)


def test_ticks_of_a_run_of_years_do_not_overflow_the_sort():
    start = 2**63 // 1000  # tick x neurons passes 2**63 within this tick
    late = SpikeTrains([start + 1, start, start], [0, 999, 5], 1000, 2, start=start)
    assert [5, 999, 0] == late.index.tolist()


def test_no_neurons_and_no_steps_are_legal():
    assert SpikeTrains.empty(0, 0).raster().shape == (0, 0)
    assert SpikeTrains.empty(3, 0).counts().tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "other",
    [
        SpikeTrains([3, 4], [0, 2], n=3, steps=3, start=2),
        SpikeTrains([3, 4], [0, 2], n=3, steps=4, start=3),
        SpikeTrains([3, 4], [0, 2], n=4, steps=4, start=2),
        SpikeTrains([3, 5], [0, 2], n=3, steps=4, start=2),
        SpikeTrains([3, 4], [0, 1], n=3, steps=4, start=2),
    ],
)
def test_trains_are_equal_in_window_and_spikes_or_not_at_all(other):
    trains = SpikeTrains([3, 4], [0, 2], n=3, steps=4, start=2)
    assert trains == SpikeTrains([3, 4], [0, 2], n=3, steps=4, start=2)
    assert trains != other


def test_a_value_cannot_be_changed():
    trains = SpikeTrains([0], [0], 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        trains.ticks[0] = 1


@given(st.integers(1, 5), st.integers(1, 8), st.data())
def test_trains_by_neuron_are_the_columns_of_the_raster(n, steps, data):
    bits = data.draw(st.lists(st.booleans(), min_size=n * steps, max_size=n * steps))
    raster = np.array(bits).reshape(steps, n)
    trains = SpikeTrains.from_raster(raster)
    for k, ticks in enumerate(trains.by_neuron()):
        assert np.flatnonzero(raster[:, k]).tolist() == ticks.tolist()
    order = data.draw(st.permutations(range(n)))[: (n + 1) // 2]
    assert np.array_equal(raster[:, order], trains.select(order).raster())


@pytest.mark.parametrize("wrong", [[3], [-1], [0, 0], [0.5]])
def test_selecting_what_is_not_there_is_refused(wrong):
    with pytest.raises(ValidationError):
        SpikeTrains([0], [0], n=3, steps=1).select(wrong)


def test_no_neurons_have_no_trains():
    assert [] == SpikeTrains.empty(0, 5).by_neuron()
