# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import Recording, SpikeTrains
from spikesim.errors import ValidationError


def _recording(**changes):
    parts = {
        "spikes": {"a": SpikeTrains([0, 2], [1, 0], 2, 3), "b": SpikeTrains.empty(1, 3)},
        "traces": {"a.v": np.arange(6.0).reshape(3, 2)},
        "steps": 3,
        "dt": 1e-3,
        "engine": "numba",
        "meta": {"seed": 7},
    }
    return Recording(**(parts | changes))


def test_what_is_saved_comes_back(tmp_path):
    one = _recording()
    one.save(tmp_path / "r.npz")
    two = Recording.load(tmp_path / "r.npz")
    assert one.same_spikes(two)
    assert np.array_equal(one.trace("a.v"), two.trace("a.v"))
    assert (one.steps, one.dt, one.engine, one.meta) == (two.steps, two.dt, two.engine, two.meta)


def test_raster_and_counts_are_those_of_the_trains():
    assert [[False, True], [False, False], [True, False]] == _recording().raster("a").tolist()
    assert [1, 1] == _recording().counts("a").tolist()


def test_one_spike_more_is_another_recording():
    other = {"a": SpikeTrains([0, 2], [1, 0], 2, 3), "b": SpikeTrains([0], [0], 1, 3)}
    assert not _recording().same_spikes(_recording(spikes=other))
    assert _recording().same_spikes(_recording(engine="golden"))


def test_what_was_not_recorded_is_named():
    with pytest.raises(ValidationError, match="no spikes of 'c'"):
        _recording().raster("c")
    with pytest.raises(ValidationError, match=r"'a\.i' was not recorded"):
        _recording().trace("a.i")


def test_lengths_that_differ_are_refused_all_at_once():
    with pytest.raises(ValidationError) as caught:
        _recording(steps=4)
    assert len(caught.value.problems) == 3
