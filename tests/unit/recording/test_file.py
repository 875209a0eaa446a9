# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import SpikeTrains, write_archive
from spikesim.errors import ValidationError
from spikesim.recording import Recording


def _version_2(path, ticks, steps, meta, trace_ticks=(), version=2):
    header = {
        "steps": steps, "dt": 1e-3, "engine": "numba", "meta": meta, "populations": [["a", 2]],
        "traces": ["a.v"] if len(trace_ticks) else [], "complete": True,
    }  # fmt: skip
    arrays = {
        "spikes/0/ticks": np.array(ticks, np.int64),
        "spikes/0/index": np.zeros(len(ticks), np.int32),
    }
    if len(trace_ticks):
        arrays |= {
            "traces/0": np.ones((len(trace_ticks), 2)),
            "traces/0/ticks": np.array(trace_ticks),
        }
    write_archive(path, "recording", version, header, arrays)


@pytest.mark.parametrize(
    ("ticks", "steps", "meta", "trace_ticks", "window"),
    [
        ([0, 9], 10, {}, (), (0, 10)),
        ([5, 9], 10, {"first_tick": 5}, (), (5, 5)),
        ([5, 9], 10, {"first_tick": 5}, (5, 7), (5, 5)),
        ([], 10, {"first_tick": 10}, (), (10, 0)),
        # A part that counted from its own start: its meta is of the whole run.
        ([4, 9], 10, {"first_tick": 5}, (), (0, 10)),
        ([5, 9], 10, {"first_tick": 5}, (4,), (0, 10)),
        ([5, 9], 10, {"first_tick": 11}, (), (0, 10)),
    ],
)
def test_a_file_of_version_2_is_read_with_its_window(
    tmp_path, ticks, steps, meta, trace_ticks, window
):
    _version_2(tmp_path / "old", ticks, steps, meta, trace_ticks)
    got = Recording.load(tmp_path / "old")
    assert window == (got.start, got.steps)
    assert ticks == got.spikes["a"].ticks.tolist()


@pytest.mark.parametrize("version", [1, 4])
def test_another_version_is_refused(tmp_path, version):
    _version_2(tmp_path / "other", [0], 10, {}, version=version)
    with pytest.raises(ValidationError, match=f"version 3, got {version}"):
        Recording.load(tmp_path / "other")


def test_a_window_comes_back(tmp_path):
    trains = SpikeTrains([70, 99], [1, 0], 2, 40, start=60)
    one = Recording({"a": trains}, {"a.v": np.ones((40, 2))}, 40, 1e-3, "numba", start=60)
    one.save(tmp_path / "r")
    two = Recording.load(tmp_path / "r")
    assert (60, 40, 100) == (two.start, two.steps, two.stop)
    assert one.same_spikes(two)
    assert 0.06 == two.trace_times("a.v")[0]
