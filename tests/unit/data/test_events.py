# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim import data
from spikesim.errors import ValidationError

KIND = [("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", bool)]
SIZE = (4, 3, 2)


def recording(n=200, seed=0, last=99_999, start=0):
    rng = np.random.default_rng(seed)
    events = np.zeros(n, KIND)
    events["t"] = rng.integers(0, last + 1, n)
    events["t"][:2] = 0, last
    events["t"] += start
    for name, limit in zip("xyp", SIZE, strict=True):
        events[name] = rng.integers(0, limit, n)
    return events


def by_hand(events, n, width, binary):
    frames = np.zeros((n, 2, 3, 4))
    first = min(int(t) for t in events["t"])
    for t, x, y, p in events.tolist():
        frames[min((t - first) // width, n - 1), int(p), y, x] += 1
    return np.minimum(frames, 1) if binary else frames


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("unit", "window"), [("us", 7e-3), ("ms", 7.0), ("s", 7000.0), ("ns", 7e-6)]
)
def test_events_fall_into_the_frame_of_their_time(unit, window, binary):
    events = recording()
    frames = data.event_frames(events, SIZE, unit=unit, window=window, binary=binary)
    assert ((15, 2, 3, 4), np.float32) == (frames.shape, frames.dtype)
    assert np.array_equal(by_hand(events, 15, 7000, binary), frames)
    late = recording(start=1_700_000_000_000_000_000)
    assert np.array_equal(
        frames, data.event_frames(late, SIZE, unit=unit, window=window, binary=binary)
    )


def test_an_event_on_the_edge_of_a_window_belongs_to_the_next():
    events = np.zeros(3, KIND)
    events["t"] = 0, 9_999, 10_000
    events["x"] = 0, 1, 2
    frames = data.event_frames(events, SIZE, unit="us", window=10e-3)
    assert [[1, 1, 0, 0], [0, 0, 1, 0]] == frames[:, 0, 0].tolist()


def test_a_number_of_frames_divides_the_time_of_the_recording():
    events = recording()
    frames = data.event_frames(events, SIZE, unit="us", frames=5, binary=False)
    assert (5, 200) == (len(frames), frames.sum())
    tick = np.minimum((events["t"] * 5) // 99_999, 4)
    assert np.bincount(tick, minlength=5).tolist() == frames.sum((1, 2, 3)).tolist()
    assert 1 == len(data.event_frames(events, SIZE, unit="us", frames=1))


def test_one_event_makes_one_frame_and_none_is_an_error():
    assert 1 == len(data.event_frames(recording()[:1], SIZE, unit="us", window=1e-3))
    with pytest.raises(ValidationError, match=r"at least one event, got .* and 0 events"):
        data.event_frames(recording()[:0], SIZE, unit="us", window=1e-3)


def test_times_in_s_that_are_taken_for_ms_are_noticed():
    # spikingjelly 361: spike times of the Heidelberg digits are seconds.
    digits = np.zeros(3, [("t", np.float32), ("x", np.int16)])
    digits["t"], digits["x"] = (0.0, 0.31, 0.9), (5, 600, 699)
    with pytest.raises(ValidationError, match=r"single frame .* lasts 0\.0009 s if t is in ms"):
        data.event_frames(digits, (700, 1, 1), unit="ms", window=10e-3)
    with pytest.raises(ValidationError, match="more than 100,000 frames"):
        data.event_frames(recording(), SIZE, unit="s", window=0.5)
    frames = data.event_frames(digits, (700, 1, 1), unit="s", window=10e-3)
    # float32 has 0.31 a little above and 0.9 a little below: 31, and 89.
    assert [(0, 5), (31, 600), (89, 699)] == list(
        zip(*(axis.tolist() for axis in np.nonzero(frames[:, 0, 0])), strict=True)
    )


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({"x": 4}, {}, r"x from 0 to 3, .* got \d to 4"),
        ({"y": -1}, {}, r"y from 0 to 2, .* got -1 to"),
        ({}, {"unit": "sec"}, "unit in s, ms, us, ns"),
        ({}, {"frames": 3}, "either window or frames"),
        ({}, {"window": None}, "either window or frames"),
        ({}, {"window": 0.0}, "window > 0"),
        ({}, {"window": None, "frames": 0}, "frames from 1"),
        ({}, {"sensor_size": (4, 3)}, r"\(width, height, polarities\)"),
    ],
)
def test_what_does_not_fit_is_refused(change, options, says):
    events = recording()
    for name, value in change.items():
        events[name][7] = value
    given = {"sensor_size": SIZE, "unit": "us", "window": 1e-3} | options
    with pytest.raises(ValidationError, match=says):
        data.event_frames(events, given.pop("sensor_size"), **given)


@pytest.mark.parametrize("value", [1.5, np.nan, np.inf])
@pytest.mark.parametrize("name", ["x", "y", "p"])
def test_a_place_between_pixels_is_refused_rather_than_cut(name, value):
    events = recording(20).astype([("t", int), *((each, float) for each in "xyp")])
    whole = data.event_frames(events, SIZE, unit="us", frames=2)
    assert np.array_equal(data.event_frames(recording(20), SIZE, unit="us", frames=2), whole)
    events[name][7] = value
    with pytest.raises(ValidationError, match=rf"{name} as whole numbers, got {value} in event 7"):
        data.event_frames(events, SIZE, unit="us", frames=2)


class Tonic:
    """A data set as tonic has them."""

    sensor_size = SIZE

    def __init__(self, empty=None):
        self.empty = empty

    def __len__(self):
        return 4

    def __getitem__(self, index):
        events = recording(50, index)
        return events[: 0 if index == self.empty else None], index % 2


def test_a_data_set_of_recordings_gives_frames_and_labels_by_batch():
    frames = data.EventFrames(Tonic(), unit="us", window=10e-3)
    x, label = frames[3]
    assert np.array_equal(by_hand(recording(50, 3), 10, 10_000, True), x)
    assert (1, 4) == (label, len(frames))
    ((x, y, mask),) = data.Batches(frames, 4)
    assert ((10, 4, 2, 3, 4), [0, 1, 0, 1], 40) == (x.shape, y.tolist(), mask.sum())
    with pytest.raises(IndexError):
        frames[4]


def test_an_empty_recording_is_named_and_so_is_a_set_without_a_size():
    with pytest.raises(ValidationError, match=r"recording 2 of Tonic: .*at least one event"):
        list(data.Batches(data.EventFrames(Tonic(empty=2), unit="us", window=1e-3), 2))
    with pytest.raises(ValidationError, match="list does not say its sensor_size"):
        data.EventFrames([(recording(), 0)], unit="us", window=1e-3)
