# SPDX-License-Identifier: Apache-2.0
import signal
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Rate, Recording, Trace, Weights, parse_record
from spikesim.sim.record.recorder import Recorder, make_sink, recordable
from spikesim.sim.record.sink import MemorySink

h5py = pytest.importorskip("h5py")

STEPS, N = 60, 5
RECORD = ("spikes", Trace("E.v", [3, 1], every=7), "I.v", Rate("E", 8e-3), Weights("p", 25))


def _net():
    net = Network(dt=1e-3)
    net.add_population("E", N, LIF(beta=0.9))
    net.add_population("I/0", 2, LIF(beta=0.9))
    net.add_population("I", 2, LIF(beta=0.9))
    net.connect("E", "I", np.ones((N, 2)), name="p")
    return net


def _monitors(net, record=RECORD):
    return parse_record(record, recordable(net))


def _feed(sink, cuts, steps=STEPS, stop_at=None, after_window=lambda stop: None):
    """A made-up run: raster and states are drawn, and handed over cut into windows."""
    rng = np.random.default_rng(3)
    net = _net()
    monitors = _monitors(net)
    rasters = {p: rng.random((steps, net.populations[p].n)) < 0.2 for p in monitors.spiking}
    rows = {"E.v": 2, "I.v": 2, "p.w": 2 * N}
    every = {"E.v": 7, "I.v": 1, "p.w": 25}
    states = {name: rng.random((steps, k)).astype(np.float32) for name, k in rows.items()}
    recorder = Recorder(net, monitors, steps, sink=sink, meta={"seed": 4})
    bounds = [0, *sorted(cuts), steps]
    for start, stop in pairwise(bounds):
        if stop_at is not None and stop > stop_at:
            break
        for name, raster in rasters.items():
            ticks, index = np.nonzero(raster[start:stop])
            recorder.spikes(name, ticks + start, index.astype(np.int32))
        for name, values in states.items():
            ticks = np.arange(-(-start // every[name]) * every[name], stop, every[name])
            recorder.trace(name, ticks, values[ticks])
        recorder.window(stop)
        after_window(stop)
    return recorder.finish(events=11), rasters, states


def _equal(one, two):
    assert one.same_spikes(two)
    assert (one.steps, one.dt, one.engine, one.meta, one.complete) == (
        two.steps,
        two.dt,
        two.engine,
        two.meta,
        two.complete,
    )
    assert list(one.traces) == list(two.traces)
    for name in one.traces:
        assert np.array_equal(one.trace(name), two.trace(name))
        assert one.trace(name).dtype == two.trace(name).dtype
        assert np.array_equal(one.trace_times(name), two.trace_times(name))
        assert np.array_equal(one.columns(name), two.columns(name))


@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(1, STEPS - 1), max_size=5))
def test_what_is_kept_does_not_depend_on_the_windows(cuts):
    got, rasters, states = _feed(MemorySink(), cuts)
    for name, raster in rasters.items():
        assert np.array_equal(raster, got.raster(name))
    assert np.array_equal(states["I.v"], got.trace("I.v"))
    assert np.array_equal(states["E.v"][::7], got.trace("E.v"))
    assert [0, 25, 50] == (got.trace_times("p.w") * 1e3).round().astype(int).tolist()
    assert [3, 1] == got.columns("E.v").tolist()
    # The last 4 of 60 ticks fill no bin of 8; a rate is spikes / (neurons x seconds).
    bins = rasters["E"][:56].reshape(7, 8 * N).sum(axis=1)
    assert np.allclose(bins / (N * 8e-3), got.trace("E.rate")[:, 0], rtol=1e-12)
    assert (got.complete, {"seed": 4, "events": 11}) == (True, got.meta)


@pytest.mark.parametrize("cuts", [(), (1, 2, 40), tuple(range(1, STEPS))])
def test_a_file_holds_what_memory_holds(tmp_path, cuts):
    path = tmp_path / "run.h5"
    kept, *_ = _feed(MemorySink(), cuts)
    back, *_ = _feed(make_sink(path), cuts)
    _equal(kept, back)
    _equal(kept, Recording.open(str(path)))


def test_a_part_is_read_alone(tmp_path):
    whole, *_ = _feed(make_sink(tmp_path / "run.h5"), (20,))
    part = Recording.open(tmp_path / "run.h5", start=13, stop=50, only=("E", "E.v"))
    assert (["E"], ["E.v"]) == (list(part.spikes), list(part.traces))
    assert whole.spikes["E"].window(13, 50) == part.spikes["E"]
    assert ((13, 37), [14, 21]) == ((part.start, part.steps), part.trace_ticks["E.v"].tolist()[:2])
    assert np.array_equal(whole.trace("E.v")[2:8], part.trace("E.v"))


def test_what_the_file_has_not_is_refused(tmp_path):
    _feed(make_sink(tmp_path / "run.h5"), ())
    for window in ({"stop": 61}, {"start": -1}, {"start": 5, "stop": 4}):
        with pytest.raises(ValidationError, match="expected 0 <= start <= stop <= 60"):
            Recording.open(tmp_path / "run.h5", **window)
    with pytest.raises(ValidationError, match="'nobody'"):
        Recording.open(tmp_path / "run.h5", only=("nobody",))


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_run_that_is_cut_off_keeps_its_windows(tmp_path, kind):
    sink = None if kind == "memory" else tmp_path / "run.h5"
    got, rasters, _ = _feed(make_sink(sink), (20, 40), stop_at=40)
    assert (40, False) == (got.steps, got.complete)
    assert np.array_equal(rasters["E"][:40], got.raster("E"))
    assert [6, 40, 2] == [len(got.trace(name)) for name in ("E.v", "I.v", "p.w")]


def test_a_running_file_can_be_read(tmp_path):
    path, seen = tmp_path / "run.h5", []

    def look(stop):
        live = Recording.open(path)
        seen.append((stop, live.steps, live.complete, len(live.trace("I.v"))))

    _feed(make_sink(path), (20, 40), after_window=look)
    assert [(20, 20, False, 20), (40, 40, False, 40), (60, 60, False, 60)] == seen


def test_a_killed_writer_leaves_what_it_committed(tmp_path):
    path = tmp_path / "run.h5"
    script = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_sinks import _feed
        from spikesim.sim.record.recorder import make_sink
        def told(stop):
            print(stop, flush=True)
            if stop == 40:
                time.sleep(60)
        _feed(make_sink({str(path)!r}), (20, 40), after_window=told)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert ["20\n", "40\n"] == [process.stdout.readline(), process.stdout.readline()]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    got = Recording.open(path)
    expected, *_ = _feed(MemorySink(), (20, 40), stop_at=40)
    assert (40, False) == (got.steps, got.complete)
    assert expected.same_spikes(got)
    for name in expected.traces:
        assert np.array_equal(expected.trace(name), got.trace(name))
    # A part of such a file is no recording either; its end is room that was only reserved.
    whole = path.read_bytes().rstrip(b"\0")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValidationError, match="truncated"):
        Recording.open(path)


def test_an_opened_file_is_read_on_demand_and_not_kept(tmp_path):
    path = tmp_path / "run.h5"
    _feed(make_sink(path), ())
    opened = Recording.open(path)
    assert opened.trace("I.v") is not opened.trace("I.v")
    assert [3, 1] == opened.columns("E.v").tolist()
    _feed(make_sink(path), ())
    with pytest.raises(ValidationError, match="another one that has replaced it"):
        opened.raster("E")
    path.unlink()
    with pytest.raises(ValidationError, match="no such file"):
        opened.trace("I.v")


def test_an_error_in_the_run_closes_the_file_with_what_was_handed_over(tmp_path):
    net = _net()
    sink = make_sink(tmp_path / "run.h5")

    def run():
        with Recorder(net, _monitors(net, "spikes"), 30, sink=sink) as recorder:
            recorder.spikes("E", np.array([4]), np.array([2], np.int32))
            recorder.window(10)
            raise RuntimeError("the user's callback")

    with pytest.raises(RuntimeError):
        run()
    got = Recording.open(tmp_path / "run.h5")
    assert (10, False, [4]) == (got.steps, got.complete, got.spikes["E"].ticks.tolist())
    assert "RuntimeError: the user's callback" == got.meta["stopped_by"]


@pytest.mark.parametrize("kind", ["memory", "file"])
@pytest.mark.parametrize("windows", [0, 1])
def test_an_error_amid_a_window_leaves_whole_windows_only(tmp_path, kind, windows):
    sink = make_sink(None if kind == "memory" else tmp_path / "run.h5")
    net = _net()
    monitors = _monitors(net, ("spikes", Trace("I.v", every=5), "E.v", Rate("E", 5e-3)))

    def run():
        with Recorder(net, monitors, 30, sink=sink) as recorder:
            for window in range(windows + 1):
                ticks = np.arange(10 * window, 10 * window + 10)
                recorder.spikes("E", ticks, np.full(10, window, np.int32))
                recorder.trace("I.v", ticks[::5], np.full((2, 2), window, np.float32))
                if window == windows:
                    raise RuntimeError("between two populations")
                recorder.trace("E.v", ticks, np.full((10, N), window, np.float32))
                recorder.window(int(ticks[-1]) + 1)

    with pytest.raises(RuntimeError):
        run()
    got, ran = sink.recording(), 10 * windows
    assert (ran, False) == (got.steps, got.complete)
    assert list(range(ran)) == got.spikes["E"].ticks.tolist()
    assert [2 * windows, ran, 2 * windows] == [len(got.trace(k)) for k in ("I.v", "E.v", "E.rate")]
    assert [0, 5][: 2 * windows] == (got.trace_times("I.v") * 1e3).round().astype(int).tolist()
    assert not got.trace("I.v").any()


def test_rows_that_were_not_committed_are_not_read(tmp_path):
    path = tmp_path / "run.h5"
    sink = make_sink(path)

    def half_a_window(stop):
        for columns in sink._columns:  # as a kill between growing and filling them leaves it
            for column in columns:
                column.resize(len(column) + 50, axis=0)
                column.flush()
        lengths = Recording.open(path, only=("I.v",)).trace("I.v").shape
        assert (stop, 2) == lengths
        for columns, rows in zip(sink._columns, sink._rows, strict=True):
            for column in columns:
                column.resize(rows, axis=0)

    kept, *_ = _feed(MemorySink(), (20, 40))
    back, *_ = _feed(sink, (20, 40), after_window=half_a_window)
    _equal(kept, back)


def test_wrong_files_are_refused(tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(ValidationError, match="no such file"):
        Recording.open(path)
    path.write_text("t,neuron\n0,1\n")
    with pytest.raises(ValidationError, match="expected HDF5"):
        Recording.open(path)
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with pytest.raises(ValidationError, match="another HDF5 file"):
        Recording.open(path)
    with pytest.raises(ValidationError, match="does not exist"):
        make_sink(tmp_path / "nowhere" / "run.h5")
    with pytest.raises(ValidationError, match="folder"):
        make_sink(tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(tmp_path, share):
    path = tmp_path / "run.h5"
    _feed(make_sink(path), (20,))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValidationError, match="truncated"):
        Recording.open(path)


def test_a_recording_too_large_for_memory_is_refused_but_not_for_a_file(tmp_path):
    net = _net()
    monitors = _monitors(net, "E.v")
    with pytest.raises(ValidationError, match=r"to='run\.h5'"):
        Recorder(net, monitors, 10**15)
    Recorder(net, monitors, 10**15, sink=make_sink(tmp_path / "run.h5")).finish()


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_run_that_goes_on_from_a_checkpoint_records_from_there(tmp_path, kind):
    net = _net()
    monitors = _monitors(net, (Rate("E", 8e-3), Trace("I.v", every=10)))
    sink = make_sink(None if kind == "memory" else tmp_path / "run.h5")
    recorder = Recorder(net, monitors, 40, sink=sink, start=13)
    recorder.spikes("E", np.array([13, 16, 16, 39]), np.array([0, 1, 2, 3], np.int32))
    recorder.trace("I.v", np.array([20, 30]), np.ones((2, 2), np.float32))
    recorder.window(40)
    got = recorder.finish()
    # The bin of ticks 8 .. 15 was not seen whole.
    assert [16, 24, 32] == got.trace_ticks["E.rate"].tolist()
    assert np.allclose(np.array([2, 0, 1]) / (N * 8e-3), got.trace("E.rate")[:, 0])
    assert [20, 30] == got.trace_ticks["I.v"].tolist()
    assert got.complete


@pytest.mark.parametrize(("steps", "expected"), [(STEPS, 1 << 16), (10**10, 1 << 20)])
def test_chunks_fit_the_length_of_the_run(tmp_path, steps, expected):
    sink = make_sink(tmp_path / "run.h5")
    Recorder(_net(), _monitors(_net()), steps, sink=sink).finish()
    with h5py.File(tmp_path / "run.h5") as file:
        assert expected == file["spikes/ticks"].chunks[0] * 8


def test_room_that_was_reserved_is_given_back(tmp_path):
    _feed(make_sink(tmp_path / "run.h5"), (20, 40))
    # Ten columns of one chunk each, and the header; a margin of 1 MB was reserved besides.
    assert (tmp_path / "run.h5").stat().st_size < 11 * (1 << 16)


def test_a_folder_that_must_not_be_written_is_named_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("spikesim.core.atomic.os.access", lambda path, mode: False)
    with pytest.raises(ValidationError, match=r"run.h5'.*a folder that may be written, got"):
        make_sink(tmp_path / "run.h5")
