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

from spikesim.core import write_archive
from spikesim.data.images import read_idx
from spikesim.errors import ValidationError
from tests.properties.file_kinds import ARCHIVES, FOREIGN, KINDS, SUFFIX, idx_bytes

LEAST = 32 << 20
"""Bytes that reading one of these small files may take at most; they have some kilobytes."""
SLOW = 20.0
"""Seconds; a small file is read in milliseconds, so this is a hang even on a busy machine."""
ODD = [None, True, 0, -1, 1.5, 2**63, -(2**70), 10**400, "", "x", "x" * 300, [], {}, [[]],
       [1, 2], {"a": 1}, {"float": 3}, {"tuple": 1}, {"object": {}},
       {"class": 1, "fields": {}}]  # fmt: skip


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
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind != "archive"])
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


@pytest.mark.parametrize("kind", ARCHIVES)
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
@pytest.mark.parametrize("kind", [*ARCHIVES, "images", "mnist"])
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
