# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to a file: its content, or one error of ours that names it. For every kind."""

import gzip
import json
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikesim.cli.compile import core_config
from spikesim.cli.pipeline.training import HeldOut
from spikesim.cli.samples import load_samples
from spikesim.core import SpikeTrains, read_archive, write_archive
from spikesim.data import mnist
from spikesim.data.images import read_idx
from spikesim.errors import ValidationError
from spikesim.hw import Program
from spikesim.learning import PairSTDP
from spikesim.models.diehl_cook import DigitNetwork, Training
from spikesim.network import FixedProbability, Network, PairList
from spikesim.neurons import LIF, LIFDelta
from spikesim.recording import Recording
from spikesim.sim import Poisson, Simulator
from tests.equivalence.random_programs import random_program

LEAST = 32 << 20
"""Bytes that reading one of these small files may take at most; they have some kilobytes."""
SLOW = 20.0
"""Seconds; a small file is read in milliseconds, so this is a hang even on a busy machine."""
ODD = [None, True, 0, -1, 1.5, 2**63, -(2**70), 10**400, "", "x", "x" * 300, [], {}, [[]],
       [1, 2], {"a": 1}, {"float": 3}, {"tuple": 1}, {"object": {}}, {"class": 1, "fields": {}}]  # fmt: skip


def net():
    made = Network(dt=1e-3, seed=1, name="small")
    made.add_input("in", 6)
    made.add_population("a", 8, LIF(beta=0.9))
    made.add_population("b", 4, LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=1.0, v_reset=0.0))
    made.connect("in", "a", PairList([0, 1, 5], [1, 2, 7]), weight=0.5)
    made.connect("a", "b", FixedProbability(0.5), weight=0.4, delay=2e-3)
    made.connect("a", "a", PairList([0, 3], [1, 2]), weight=0.1, plasticity=PairSTDP(w_max=1.0))
    return made


SIMULATOR = Simulator(net())
DIGITS = DigitNetwork(n=4, n_in=9)
IMAGES, LABELS = np.linspace(0, 1, 5 * 9).reshape(5, 9), np.arange(5) % 2


def make_recording(path):
    trains = SpikeTrains([0, 2, 2], [0, 0, 1], n=2, steps=9)
    Recording(
        {"a": trains}, {"a.v": np.ones((3, 2), np.float32)}, 9, 1e-3, "numba", {"seed": 1},
        trace_ticks={"a.v": [0, 3, 6]}, trace_index={"a.v": [0, 1]},
    ).save(path)  # fmt: skip


def read_recording(path):
    made = Recording.load(path)
    return _plain(made), {k: v.tolist() for k, v in made.traces.items()}


def make_checkpoint(path):
    session = SIMULATOR.start({"in": Poisson(400.0)}, 50, seed=1)
    session.advance(50)
    session.save(path)


def read_checkpoint(path):
    return _plain(SIMULATOR.run({"in": Poisson(400.0)}, 60, seed=1, resume=path, record="a.v"))


def _plain(made):
    return (
        {k: (v.n, v.steps, v.ticks.tolist(), v.index.tolist()) for k, v in made.spikes.items()},
        {k: v.tolist() for k, v in made.trace_ticks.items()}, made.steps, made.dt, made.engine,
        made.complete,
    )  # fmt: skip


def read_network(path):
    made = Network.load(path)
    return [
        made.dt, made.name, made.seed, made.units, [(p.name, p.n) for p in made.inputs.values()],
        [(p.name, p.n, repr(p.neuron)) for p in made.populations.values()],
        [
            (p.name, p.pre.name, p.post.name, p.receptor, repr(p.plasticity),
             [getattr(p.rows, c).tolist() for c in ("indptr", "targets", "weights", "delays")])
            for p in made.projections.values()
        ],
        made.outputs,
    ]  # fmt: skip


def make_training(path):
    Training(DIGITS, IMAGES, LABELS).save(path)


def read_training(path):
    made = Training(DIGITS, IMAGES, LABELS, resume=path)
    return made.position, made.history, made._right, made._assigned.tolist(), made._totals.tolist()


def make_samples(path):
    rasters = np.zeros((2, 3, 4), bool)
    rasters[1, 1] = True
    arrays = {"rasters": rasters, "labels": np.arange(2), "images": np.ones((2, 2, 2), np.float32)}
    write_archive(path, "samples", 1, {"seed": 0}, arrays)


def read_held_out(path):
    made = HeldOut.load(path)
    return made.rasters.tolist(), made.labels.tolist(), made.images.tolist()


def read_thing(path):
    header, arrays = read_archive(path, "thing", 1)
    return header, {k: (v.dtype.str, v.tolist()) for k, v in arrays.items()}


KINDS = {
    "archive": (
        lambda path: write_archive(path, "thing", 1, {"n": 1}, {"x": np.arange(9.0)}),
        read_thing,
    ),
    "network": (lambda path: net().save(path), read_network),
    "program": (
        lambda path: random_program(1).save(path),
        lambda path: Program.load(path).hash(),
    ),
    "recording": (make_recording, read_recording),
    "checkpoint": (make_checkpoint, read_checkpoint),
    "digit training": (make_training, read_training),
    "samples": (make_samples, read_held_out),
}


def make_images(path):
    np.savez_compressed(path.with_suffix(".npz"), images=IMAGES.astype(np.float32), labels=LABELS)
    path.with_suffix(".npz").rename(path)


def read_images(path):
    made = load_samples(str(path), seed=0, steps=2, latency=0, limit=None)
    return made.rasters.tolist(), made.labels.tolist()


def make_mnist(path):
    x, y = np.arange(2 * 9, dtype=np.uint8).reshape(2, 3, 3), np.arange(2, dtype=np.uint8)
    np.savez_compressed(path.with_suffix(".npz"), x_train=x, y_train=y, x_test=x, y_test=y)
    path.with_suffix(".npz").rename(path)


def read_mnist(path):
    made = mnist(path)
    return made.x_train.tolist(), made.y_test.tolist(), made.x_test.tolist()


def idx_bytes():
    return b"\0\0\x08\x03" + np.array([4, 3, 2], ">i4").tobytes() + bytes(range(24))


def make_recorded(path):
    SIMULATOR.run({"in": Poisson(400.0)}, 40, seed=1, record=("spikes", "a.v"), to=path)


def read_recorded(path):
    made = Recording.open(path)
    return _plain(made), made.trace("a.v").tolist()


# Files without a checksum of their own: their content may be other content, never a surprise.
FOREIGN = {
    "images": (make_images, read_images),
    "mnist": (make_mnist, read_mnist),
    "idx": (lambda path: path.write_bytes(idx_bytes()), lambda path: read_idx(path).tolist()),
    "idx.gz": (
        lambda path: path.write_bytes(gzip.compress(idx_bytes(), mtime=0)),
        lambda path: read_idx(path).tolist(),
    ),
    "toml": (
        lambda path: path.write_text("n_neurons = 64\nlanes = 4\n"),
        lambda path: core_config(str(path)),
    ),
    "hdf5": (make_recorded, read_recorded),
}
SUFFIX = {"idx.gz": ".gz"}


class Files(dict):
    """Keeps the reports of failing examples short."""

    def __repr__(self):
        return f"Files({list(self)})"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes and content of one sound file of each kind."""
    folder, found = tmp_path_factory.mktemp("whole"), Files()
    for kind, (make, read) in (KINDS | FOREIGN).items():
        path = folder / f"{kind.replace(' ', '-')}{SUFFIX.get(kind, '')}"
        make(path)
        content = read(path)
        found[kind] = (path, path.read_bytes(), content)
    return found


def outcome(read, path):
    """Content, or the message; anything else than our error, a hang or a big bite fails."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        return read(path), None
    except ValidationError as error:
        assert all(str(path) in text for text in error.problems), error.problems  # noqa: PT017
        assert len(str(error)) < 20_000  # noqa: PT017
        return None, str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < LEAST
        assert time.monotonic() - began < SLOW


@st.composite
def damage(draw, size):
    """A function from good bytes to bad ones."""
    at = draw(st.integers(0, size - 1))
    # Half of all places lie in the directory at the end, where a small file keeps its structure.
    at = draw(st.sampled_from([at, max(0, size - 1 - at % 400)]))
    length = draw(st.integers(1, max(1, min(size - at, 600))))
    bits = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, 7)), min_size=1,
                         max_size=draw(st.sampled_from([1, 40]))))  # fmt: skip
    kind = draw(st.sampled_from(["cut", "bit", "bits", "zero", "ones", "repeat", "gone", "front"]))

    def apply(data):
        if kind in ("bit", "bits"):
            bad = bytearray(data)
            for place, bit in bits if kind == "bits" else [(at, bits[0][1])]:
                bad[place] ^= 1 << bit
            return bytes(bad)
        part = data[at : at + length]
        return {
            "cut": data[:at],
            "zero": data[:at] + bytes(length) + data[at + length :],
            "ones": data[:at] + b"\xff" * length + data[at + length :],
            "repeat": data[:at] + part + data[at:],
            "gone": data[:at] + data[at + length :],
            "front": part + data,
        }[kind]

    return apply


MANY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(data=st.data())
def test_a_damaged_file_gives_its_content_or_one_error_that_names_it(whole, kind, data):
    path, good, content = whole[kind]
    path.write_bytes(data.draw(damage(len(good)))(good))
    got, said = outcome(KINDS[kind][1], path)
    assert said is not None or got == content


@pytest.mark.parametrize("kind", FOREIGN)
@MANY
@given(data=st.data())
def test_a_damaged_foreign_file_gives_an_error_that_names_it_or_what_it_says(whole, kind, data):
    path, good, _ = whole[kind]
    path.write_bytes(data.draw(damage(len(good)))(good))
    outcome(FOREIGN[kind][1], path)


def parts_of(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = read_meta(arrays.pop("__header__"))
    return meta, arrays


def read_meta(record):
    return json.loads(record.tobytes())


def places(value, at=()):
    """Every place in a JSON document."""
    yield at
    if isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*at, key))


def changed(value, at, new):
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if new is KeyError and len(at) == 1:
        del copy[at[0]]
    else:
        copy[at[0]] = changed(copy[at[0]], at[1:], new)
    return copy


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "archive"])
@MANY
@given(data=st.data())
def test_a_sound_archive_of_wrong_content_gives_one_error_that_names_it(whole, kind, data):
    path, good, _ = whole[kind]
    path.write_bytes(good)
    meta, arrays = parts_of(path)
    header = meta["header"]
    if data.draw(st.booleans()) or not arrays:
        at = data.draw(st.sampled_from([at for at in places(header) if at]))
        header = changed(header, at, data.draw(st.sampled_from([KeyError, *ODD])))
    else:
        name = data.draw(st.sampled_from(sorted(arrays)))
        array = arrays[name]
        arrays[name] = data.draw(
            st.sampled_from(
                [
                    array[..., :-1] if array.ndim else array, array[None], array.reshape(-1),
                    np.zeros(0), np.array(1.5), array.astype(np.float64) + 0.5,
                    array.astype(np.complex64), np.full(array.shape, -1, np.int64),
                    np.full(array.shape, 2**40, np.int64), np.full(array.shape, np.nan),
                    np.full(array.shape, 255, np.uint8),
                ]
            )
        )  # fmt: skip
        if data.draw(st.booleans()):
            del arrays[name]
    write_archive(path, meta["kind"], meta["version"], header, arrays)
    outcome(KINDS[kind][1], path)  # values that the kind allows are allowed


def rewrite(path, change):
    """Write an archive again, member by member, as another program might."""
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in change(members):
            archive.writestr(name, data)


@pytest.mark.parametrize("kind", KINDS)
def test_members_in_another_order_are_the_same_content(whole, kind):
    path, good, content = whole[kind]
    path.write_bytes(good)
    rewrite(path, reversed)
    assert content == KINDS[kind][1](path)


def npy(text, body=b""):
    text = text.encode()
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text + body


CLAIMS = {
    "more than it has": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,), }"),
    "a product beyond 64 bits": npy(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"
    ),
    "a negative size": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
    "a program": npy("__import__('os').abort()"),
    "a deep header": npy("(" * 60000),
    "half a bool": npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", b"\x02"),
    "no array": b"PK",
}


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("kind", [*KINDS, "images", "mnist"])
def test_what_an_array_claims_is_not_believed(whole, kind, claim):
    path, good, _ = whole[kind]
    path.write_bytes(good)

    def change(members):
        return [(name, CLAIMS[claim]) if k == 1 else (name, data)
                for k, (name, data) in enumerate(members)]  # fmt: skip

    rewrite(path, change)
    got, said = outcome((KINDS | FOREIGN)[kind][1], path)
    assert got is None
    assert "no array of numbers" in said or "claims" in said or "neither true" in said


@pytest.mark.parametrize("kind", ["archive", "images"])
def test_a_size_that_cannot_come_from_so_few_bytes_is_refused_before_it_is_reserved(whole, kind):
    path = whole[kind][0]
    size = 1 << 40
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        name = "images.npy" if kind == "images" else "x.npy"
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, npy(text))
        # The directory at the end says what the member claims, too.
        info.file_size = size + len(npy(text))
    _, said = outcome((KINDS | FOREIGN)[kind][1], path)
    assert said is not None


def test_a_gzip_file_that_grows_beyond_what_it_says_is_read_no_further(whole):
    path = whole["idx.gz"][0]
    path.write_bytes(gzip.compress(idx_bytes() + bytes(1 << 28), 1))
    _, said = outcome(read_idx, path)
    assert "got more" in said
