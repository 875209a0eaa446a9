# SPDX-License-Identifier: Apache-2.0
"""How a streamed recording lies in its file, and files of the version before."""

import json
from itertools import pairwise

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Rate, Recording, Trace, parse_record, tables
from spikesim.sim.record.recorder import Recorder, make_sink, recordable

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
            ticks = np.arange(-(-lo // item.every) * item.every, hi, item.every)
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
    assert 4 + 2 + 3 == _datasets(few) == _datasets(many)
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


def test_a_file_of_version_2_without_checksums_is_read(tmp_path):
    raster = np.random.default_rng(3).random((50, 4)) < 0.2
    ticks, neuron = np.nonzero(raster)
    traces = [{"name": "b.v", "n": 1, "every": 5, "span": 1, "subset": True, "table": 0,
               "column": 0}]  # fmt: skip
    header = {
        "start": 10, "stop": 60, "dt": 1e-3, "engine": "numba", "meta": {},
        "populations": [["a", 3], ["b", 1]], "traces": traces,
    }  # fmt: skip
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs.update({"kind": "spikesim recording", "version": 2, "id": "x"})
        file.attrs.update({"header": json.dumps(header), "result": json.dumps({"seed": 7})})
        file["spikes/ticks"], file["spikes/neuron"] = ticks + 10, neuron.astype(np.int32)
        file["traces/0/ticks"], file["traces/0/index"] = np.arange(10, 60, 5), np.array([0])
        file["traces/0/values"] = np.arange(10.0)[:, np.newaxis]
        file["rows"], file["progress"] = np.array([ticks.size, 10]), np.array([60, 1, 1])
    got = Recording.open(tmp_path / "old.h5")
    assert (10, 60, {"seed": 7}) == (got.start, got.stop, got.meta)
    assert np.array_equal(raster[:, :3], got.raster("a"))
    assert np.array_equal(raster[:, 3:], got.raster("b"))
    assert np.array_equal(np.arange(10.0)[:, np.newaxis], got.trace("b.v"))


def test_another_version_is_refused(tmp_path):
    _write_version_1(tmp_path / "new.h5", 0, 80)
    with h5py.File(tmp_path / "new.h5", "r+") as file:
        file.attrs["version"] = 4
    with pytest.raises(ValidationError, match="version 3 or less, got 4"):
        Recording.open(tmp_path / "new.h5")


DATASETS = [
    "header", "result", "rows", "progress", "spikes/ticks", "spikes/neuron", "traces/0/index",
    "traces/0/ticks", "traces/0/values",
]  # fmt: skip


def _place(path, dataset, row):
    """Byte of the first value of a row in the file."""
    with h5py.File(path, "r", libver="latest", swmr=True, locking=False) as file:
        rows, *_ = file[dataset].chunks
        chunk = file[dataset].id.get_chunk_info(row // rows)
        return chunk.byte_offset + row % rows * file[dataset][:1].nbytes


def _put(path, at, new):
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(data)


def _read(path):
    got = Recording.open(path)
    return got.meta, got.raster("a"), got.trace("a.v"), got.trace_times("a.v"), got.columns("a.v")


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_flipped_bit_in_any_dataset_is_an_error_that_names_it(tmp_path, dataset):
    path = tmp_path / "run.h5"
    _run(path, {"a": 3}, ["spikes", Trace("a.v", [2, 0])])
    at = _place(path, dataset, 0)
    _put(path, at, bytes([path.read_bytes()[at] ^ 2]))
    with pytest.raises(ValidationError, match=rf"run\.h5'.*damaged.*'/{dataset}'"):
        _read(path)


def test_no_text_lies_in_the_heap_which_has_no_checksum(tmp_path):
    # Zeros in it had HDF5 itself go round for ever.
    _run(tmp_path / "run.h5", {"a": 3}, ["spikes", "a.v"])
    with h5py.File(tmp_path / "run.h5") as file:
        assert {"kind", "version", "id"} == set(file.attrs)
        types = [file.attrs.get_id(name).get_type() for name in ("kind", "id")]
        assert [False, False] == [text.is_variable_str() for text in types]


@pytest.mark.parametrize("dataset", ["spikes/neuron", "spikes/ticks", "traces/0/ticks"])
@pytest.mark.parametrize("row", [5, 30])
@pytest.mark.parametrize("word", [1, -2])
def test_what_the_checksum_of_hdf5_cannot_see_is_an_error_too(tmp_path, dataset, row, word):
    path = tmp_path / "run.h5"
    _run(path, {"a": 3, "b": 2}, ["spikes", Trace("a.v", every=2)])
    with h5py.File(path) as file:
        item = file[dataset].dtype.itemsize
    _put(path, _place(path, dataset, row) + 2 * word % item, b"\xff\xff")
    with pytest.raises(ValidationError, match=rf"run\.h5'.*'/{dataset}': expected"):
        _read(path)


def _as_killed(monkeypatch, tmp_path):
    """A recording as it is after 57 of 90 ticks, and all of it as it has to be."""
    from spikesim.sim.record import sink_hdf5

    monkeypatch.setattr(sink_hdf5, "_SMALL_CHUNK", 160)  # 20 ticks, 40 neurons, 20 rows of a.v
    killed, window = tmp_path / "killed.h5", Recorder.window

    def snapshot(recorder, stop):
        window(recorder, stop)
        if stop == 57:
            killed.write_bytes((tmp_path / "run.h5").read_bytes())

    monkeypatch.setattr(Recorder, "window", snapshot)
    whole, *_ = _run(tmp_path / "run.h5", {"a": 3, "b": 1}, ["spikes", "a.v"], cuts=(17, 40, 57))
    return killed, whole


@pytest.mark.parametrize("dataset", ["spikes/ticks", "spikes/neuron", "traces/0/values"])
@pytest.mark.parametrize("start", [0, 35, 56])
def test_a_kill_amid_a_write_costs_no_window_before_it(tmp_path, monkeypatch, dataset, start):
    killed, whole = _as_killed(monkeypatch, tmp_path)
    with h5py.File(killed, "r", libver="latest", swmr=True, locking=False) as file:
        rows = int(file["rows"][dataset.startswith("traces")])
        assert rows % file[dataset].chunks[0]  # the last chunk is open
        size = file[dataset][:1].nbytes
    # The next row has begun to arrive, the checksum at the end of the chunk has not.
    _put(killed, _place(killed, dataset, rows - 1) + size, b"\x01\x02\x03")
    got = Recording.open(killed, start=start)
    assert (57, False) == (got.stop, got.complete)
    for name in "ab":
        assert whole.spikes[name].window(start, 57) == got.spikes[name]
    assert np.array_equal(whole.trace("a.v")[start:57], got.trace("a.v"))


@pytest.mark.parametrize("dataset", ["spikes/ticks", "spikes/neuron", "traces/0/values"])
def test_a_damaged_chunk_that_was_full_is_an_error_in_a_killed_file_too(
    tmp_path, monkeypatch, dataset
):
    killed, _ = _as_killed(monkeypatch, tmp_path)
    at = _place(killed, dataset, 1)
    _put(killed, at, bytes([killed.read_bytes()[at] ^ 2]))
    got = Recording.open(killed)
    with pytest.raises(ValidationError, match=rf"killed\.h5'.*damaged.*'/{dataset}'"):
        got.raster("a"), got.trace("a.v")


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
