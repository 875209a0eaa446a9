# SPDX-License-Identifier: Apache-2.0
"""How a streamed recording lies in its file, and files of the version before."""

import json
from itertools import pairwise

import numpy as np
import pytest

from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Rate, Recording, Trace, parse_record, tables
from spikesim.sim.record.recorder import Recorder, make_sink, recordable, sampled_ticks

h5py = pytest.importorskip("h5py")

STEPS = 90


def _run(path, sizes, record, start=0, cuts=(17, 40, 41)):
    """Made-up spikes and states of populations, recorded to a file; gives both."""
    net = Network(dt=1e-3)
    for name, n in sizes.items():
        net.add_population(name, n, LIF(beta=0.9))
    rng = np.random.default_rng(7)
    rasters = {name: rng.random((STEPS, n)) < 0.3 for name, n in sizes.items()}
    states = {name: rng.random((STEPS, n)).astype(np.float32) for name, n in sizes.items()}
    monitors = parse_record(record, recordable(net))
    recorder = Recorder(net, monitors, STEPS, sink=make_sink(path), start=start)
    edges = [start, *(cut for cut in cuts if cut > start), STEPS]
    for lo, hi in pairwise(edges):
        for name in monitors.spiking:
            ticks, index = np.nonzero(rasters[name][lo:hi])
            recorder.spikes(name, ticks + lo, index.astype(np.int32))
        for item in monitors.states:
            ticks = sampled_ticks(lo, hi, item.every)
            columns = slice(None) if item.index is None else list(item.index)
            recorder.trace(item.name, ticks, states[item.source][ticks][:, columns])
        recorder.window(hi)
    return recorder.finish(), rasters, states


def _datasets(path):
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda name, x: found.append(name) if isinstance(x, h5py.Dataset) else None)
    return len(found)


def test_the_file_has_as_many_tables_for_a_hundred_populations_as_for_two(tmp_path):
    record = ["spikes"]
    few, many = tmp_path / "few.h5", tmp_path / "many.h5"
    _run(few, {"p0": 50, "p1": 50}, [*record, "p0.v", "p1.v"])
    sizes = {f"p{k}": 1 for k in range(100)}
    got, rasters, states = _run(many, sizes, [*record, *(f"{name}.v" for name in sizes)])
    assert 2 + 2 + 3 == _datasets(few) == _datasets(many)
    for name, raster in rasters.items():
        assert np.array_equal(raster, got.raster(name))
        assert np.array_equal(states[name], got.trace(f"{name}.v"))
    assert many.stat().st_size <= 1.3 * few.stat().st_size


@pytest.mark.parametrize("start", [0, 23])
@pytest.mark.parametrize(("slab", "one_pass"), [(1, 1), (7, 100), (64, 1 << 20)])
def test_populations_are_the_same_alone_and_in_one_pass(
    tmp_path, monkeypatch, start, slab, one_pass
):
    monkeypatch.setattr(tables, "_SLAB", slab)
    monkeypatch.setattr(tables, "_PASS", one_pass)
    sizes = {"c": 3, "a": 4, "b": 1, "last": 2}
    got, rasters, _ = _run(tmp_path / "run.h5", sizes, "spikes", start)
    assert list(sizes) == list(got.spikes)
    for name, trains in got.spikes.items():
        assert np.array_equal(rasters[name][start:], trains.raster())
        assert trains == got.spikes[name]
    part = Recording.open(tmp_path / "run.h5", start=30, stop=77, only=["last", "a"])
    assert ["a", "last"] == list(part.spikes)
    for name, trains in part.spikes.items():
        assert got.spikes[name].window(30, 77) == trains


def test_one_pass_opens_the_file_twice_not_once_per_population(tmp_path, monkeypatch):
    got, *_ = _run(tmp_path / "run.h5", {f"p{k}": 2 for k in range(30)}, "spikes")
    opened = []
    file = h5py.File
    monkeypatch.setattr(h5py, "File", lambda *a, **k: (opened.append(a), file(*a, **k))[1])
    assert got.same_spikes(Recording({**dict(got.spikes.items())}, {}, STEPS, 1e-3, "numba"))
    assert 2 * 2 == len(opened)  # the counts, and the spikes; on both occasions


def test_traces_of_many_widths_intervals_and_types_come_back(tmp_path, monkeypatch):
    from spikesim.sim.record import sink_hdf5

    # Chunks of a few rows and columns, so that traces lie across their borders.
    monkeypatch.setattr(sink_hdf5, "_SMALL_CHUNK", 64)
    monkeypatch.setattr(sink_hdf5, "_CHUNK_ROWS", 4)
    sizes = {"a": 5, "b": 1, "c": 7}
    record = (
        "a.v", Trace("a.i", every=4), "b.v", Trace("b.i", every=4), Trace("c.v", [6, 0]),
        Rate("c", 8e-3),
    )  # fmt: skip
    got, rasters, states = _run(tmp_path / "run.h5", sizes, record)
    with h5py.File(tmp_path / "run.h5") as file:
        assert 3 == len(file["traces"])
        assert (4, 4) == file["traces/0/values"].chunks
    for name, every in (("a.v", 1), ("a.i", 4), ("b.v", 1), ("b.i", 4)):
        assert np.array_equal(states[name[0]][::every], got.trace(name))
    assert np.array_equal(states["c"][:, [6, 0]], got.trace("c.v"))
    assert [6, 0] == got.columns("c.v").tolist()
    counts = rasters["c"][:88].reshape(11, -1).sum(axis=1)
    assert np.allclose(counts / (7 * 8e-3), got.trace("c.rate")[:, 0], rtol=1e-12)


@pytest.mark.parametrize(
    ("window", "expected"),
    [((0, 90), [0, 8, 80]), ((9, 80), [16, 24, 72]), ((8, 79), [8, 16, 64]), ((16, 24), [16] * 3)],
)
def test_a_bin_is_shown_when_it_lies_within_the_window(tmp_path, window, expected):
    _run(tmp_path / "run.h5", {"a": 3}, Rate("a", 8e-3))
    part = Recording.open(tmp_path / "run.h5", start=window[0], stop=window[1])
    ticks = (part.trace_times("a.rate") * 1e3).round().astype(int)
    assert expected == [ticks[0], ticks[min(1, len(ticks) - 1)], ticks[-1]]
    assert ticks[-1] + 8 <= window[1]


def _write_version_1(path, start, stop):
    """A file as it was written before: a group for each, the beginning in meta."""
    rng = np.random.default_rng(2)
    raster = rng.random((stop, 4)) < 0.2
    raster[:start] = False
    values = rng.random((stop, 4)).astype(np.float32)[start:]
    bins = np.arange(-(-start // 10) * 10, stop - 9, 10)
    with h5py.File(path, "w") as file:
        header = {
            "steps": stop, "dt": 1e-3, "engine": "numba", "populations": [["a", 4]],
            "traces": [{"name": "a.v", "every": 1, "subset": False},
                       {"name": "a.rate", "every": 10, "subset": False}],
            "meta": {"seed": 1} | ({"first_tick": start} if start else {}),
        }  # fmt: skip
        file.attrs.update(
            {"kind": "spikesim recording", "version": 1, "id": "x", "header": json.dumps(header)}
        )
        ticks, index = np.nonzero(raster)
        file["spikes/0/ticks"], file["spikes/0/index"] = ticks, index.astype(np.int32)
        for k, (when, rows) in enumerate(
            ((np.arange(start, stop), values), (bins, np.ones((bins.size, 1))))
        ):
            file[f"traces/{k}/ticks"], file[f"traces/{k}/values"] = when, rows
            file[f"traces/{k}/index"] = np.arange(rows.shape[1])
        file["rows"] = np.array([ticks.size, stop - start, bins.size])
        file["progress"] = np.array([stop, 1, 1])
    return raster, values, bins


@pytest.mark.parametrize("start", [0, 33])
def test_a_file_of_version_1_is_read_with_its_window(tmp_path, start):
    raster, values, bins = _write_version_1(tmp_path / "old.h5", start, 80)
    got = Recording.open(tmp_path / "old.h5")
    assert (start, 80 - start, 80) == (got.start, got.steps, got.stop)
    assert np.array_equal(raster[start:], got.raster("a"))
    assert [got.spikes["a"]] == list(got.spikes.values())
    assert np.array_equal(values, got.trace("a.v"))
    assert bins.tolist() == got.trace_ticks["a.rate"].tolist()
    assert got.trace_times("a.v")[0] == start * 1e-3
    part = Recording.open(tmp_path / "old.h5", start=40, stop=65)
    assert np.array_equal(raster[40:65], part.raster("a"))
    assert [40, 50] == part.trace_ticks["a.rate"].tolist()


def test_another_version_is_refused(tmp_path):
    from spikesim.errors import ValidationError

    _write_version_1(tmp_path / "new.h5", 0, 80)
    with h5py.File(tmp_path / "new.h5", "r+") as file:
        file.attrs["version"] = 3
    with pytest.raises(ValidationError, match="version 2 or less, got 3"):
        Recording.open(tmp_path / "new.h5")


@pytest.mark.parametrize(
    "record",
    [
        (Trace("a.v", neurons=[]),),
        (Trace("a.v", neurons=[]), "b.v"),
        ("b.v", Trace("a.v", neurons=[])),
        (Rate("a", 1e-3), "a.v"),
        (),
    ],
    ids=str,
)
def test_a_file_holds_columns_of_no_neuron_and_nothing_at_all(tmp_path, record):
    got, rasters, states = _run(tmp_path / "run.h5", {"a": 3, "b": 2}, record)
    assert {} == dict(got.spikes.items())
    for name, values in got.traces.items():
        if name == "a.rate":
            assert np.allclose(rasters["a"].mean(axis=1) * 1e3, values[:, 0], rtol=1e-12)
        else:
            assert np.array_equal(states[name[0]][:, got.columns(name)], values)
        assert np.array_equal(np.arange(STEPS) * 1e-3, got.trace_times(name))


@pytest.mark.parametrize("length", [1 << 16, (1 << 16) + 1])
def test_spikes_of_a_long_window_are_sorted_by_tick(tmp_path, length):
    net = Network(dt=1e-3)
    for name in "ab":
        net.add_population(name, 2, LIF(beta=0.9))
    monitors = parse_record("spikes", recordable(net))
    recorder = Recorder(net, monitors, 5 + length, sink=make_sink(tmp_path / "run.h5"), start=5)
    ticks = np.array([5, 4 + length])
    for name in "ab":
        recorder.spikes(name, ticks, np.array([1, 0], np.int32))
    recorder.window(5 + length)
    got = recorder.finish()
    assert [ticks.tolist()] * 2 == [got.spikes[name].ticks.tolist() for name in "ab"]
    cut = Recording.open(tmp_path / "run.h5", stop=4 + length)
    assert [[5]] * 2 == [cut.spikes[name].ticks.tolist() for name in "ab"]
