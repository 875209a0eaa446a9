# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.recording import Recording


def _recording(**changes):
    parts = {
        "spikes": {"a": SpikeTrains([0, 2], [1, 0], 2, 3), "b": SpikeTrains.empty(1, 3)},
        "traces": {"a.v": np.arange(6.0).reshape(3, 2)},
        "steps": 3,
        "dt": 1e-3,
        "engine": "float",
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


def _sampled():
    return _recording(
        traces={"a.v": np.array([[1.0], [2.0]]), "a.rate": np.array([[5.0]])},
        trace_ticks={"a.v": [0, 2], "a.rate": [0]},
        trace_index={"a.v": [1]},
        complete=False,
    )


def test_sampled_traces_come_back_with_their_ticks_and_neurons(tmp_path):
    _sampled().save(tmp_path / "r.npz")
    back = Recording.load(tmp_path / "r.npz")
    assert [0.0, 2e-3] == back.trace_times("a.v").tolist()
    assert [1] == back.columns("a.v").tolist()
    assert [0] == back.columns("a.rate").tolist()
    assert not back.complete


@pytest.mark.parametrize(
    "changes",
    [
        {"trace_ticks": {"a.v": [0, 1, 3]}},
        {"trace_ticks": {"a.v": [1, 0, 2]}},
        {"trace_ticks": {"a.v": [0, 1, 1]}},
        {"trace_ticks": {"a.v": [0, 2]}},
        {"trace_ticks": {"b.v": [0]}},
        {"trace_index": {"a.v": [0]}},
    ],
)
def test_ticks_and_columns_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValidationError):
        _recording(**changes)


def test_times_are_seconds():
    assert [0.0, 2e-3] == _recording().times("a").tolist()
    assert [0.0, 1e-3, 2e-3] == _recording().trace_times("a.v").tolist()


def test_pandas_gets_spikes_and_traces_with_times():
    pytest.importorskip("pandas")
    spikes = _recording().to_pandas()
    assert [("a", 1, 0.0), ("a", 0, 2e-3)] == list(spikes.itertuples(index=False, name=None))
    assert ["a", "b"] == list(spikes["population"].cat.categories)
    trace = _sampled().to_pandas("a.v")
    assert ([0.0, 2e-3], [1]) == (trace.index.tolist(), trace.columns.tolist())
    assert [1.0, 2.0] == trace[1].tolist()


def test_neo_gets_a_train_per_neuron_and_a_signal_per_trace():
    pytest.importorskip("neo")
    (segment,) = _sampled().to_neo().segments
    assert 3 == len(segment.spiketrains)
    train = segment.spiketrains[1]
    assert ("a", 1) == (train.annotations["population"], train.annotations["neuron"])
    assert [0.0] == train.rescale("s").magnitude.tolist()
    assert 3e-3 == float(train.t_stop.rescale("s"))
    signal = segment.analogsignals[0]
    assert [0.0, 2e-3] == signal.times.rescale("s").magnitude.tolist()
    assert [[1.0], [2.0]] == signal.magnitude.tolist()


def _late():
    """The second part of a run: ticks 5 to 7, one signal with all of them, one with two."""
    return _recording(
        spikes={"a": SpikeTrains([7], [0], 1, 3, start=5)},
        traces={"a.v": np.ones((3, 1)), "a.i": np.ones((2, 1))},
        trace_ticks={"a.i": [6, 7]},
        start=5,
    )


def test_traces_of_a_later_window_have_its_times():
    assert [5e-3, 6e-3, 7e-3] == _late().trace_times("a.v").tolist()
    assert [6e-3, 7e-3] == _late().trace_times("a.i").tolist()


def test_neo_gets_the_window_that_was_recorded():
    pytest.importorskip("neo")
    (segment,) = _late().to_neo().segments
    (train,) = segment.spiketrains
    ends = [float(end.rescale("s")) for end in (train.t_start, train[0], train.t_stop)]
    assert [5e-3, 7e-3, 8e-3] == pytest.approx(ends, rel=1e-12)
    starts = [float(signal.t_start.rescale("s")) for signal in segment.analogsignals]
    assert [5e-3, 6e-3] == pytest.approx(starts, rel=1e-12)


def test_an_empty_recording_is_exported_too():
    pytest.importorskip("pandas")
    pytest.importorskip("neo")
    empty = Recording({}, {"a.v": np.zeros((0, 2))}, 0, 1e-3, "float")
    assert (0, 3) == empty.to_pandas().shape
    assert 1 == len(empty.to_neo().segments[0].analogsignals)


def test_a_recording_is_shown_in_a_line():
    traces = {f"p{k}.v": np.zeros((3, 2)) for k in range(100)}
    text = repr(_recording(traces=traces, complete=False))
    assert text.startswith(
        "Recording(float, ticks 0 to 3 of 0.001 s, cut off, spikes of ['a', 'b']"
    )
    assert "and 94 more" in text
    assert len(text) < 160


@pytest.mark.parametrize("spikes", [None, {}])
def test_spikes_that_are_not_there_come_with_the_way_to_record_them(spikes):
    recording = _recording() if spikes is None else _recording(spikes=spikes)
    for ask in (recording.counts, recording.times, recording.raster):
        with pytest.raises(ValidationError) as caught:
            ask("c")
        text = str(caught.value)
        assert "record='spikes' or record='c.spikes'" in text
        assert "Spikes of an input are not recorded" in text
        assert ("only of ['a', 'b']" if spikes is None else "nor of any population") in text


def test_a_window_must_be_that_of_its_spikes_and_rows():
    late = {"a": SpikeTrains([7], [0], 1, 3, start=5)}
    one = _recording(spikes=late, traces={}, start=5)
    assert (5, 8, [7e-3]) == (one.start, one.stop, one.times("a").tolist())
    for start in (4, 6):
        with pytest.raises(ValidationError, match=f"3 steps from tick {start} on"):
            _recording(spikes=late, traces={}, start=start)
    for ticks in ([4], [8]):
        with pytest.raises(ValidationError, match=r"in 5 \.\. 7"):
            _recording(
                spikes=late, traces={"a.v": np.ones((1, 1))}, trace_ticks={"a.v": ticks}, start=5
            )
