# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import archive
from spikesim.core.archive import read_archive, write_archive
from spikesim.errors import ValidationError

HEADER = {"name": "x", "value": 1.5}
ARRAYS = {"a/0": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.array([], np.float32)}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "thing.npz"
    write_archive(path, "thing", 1, HEADER, ARRAYS)
    return path


def test_header_and_arrays_come_back(saved):
    header, arrays = read_archive(saved, "thing", 1)
    assert header == HEADER
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert array.dtype == arrays[name].dtype
        assert np.array_equal(array, arrays[name])


def test_equal_content_gives_equal_bytes(saved, tmp_path):
    write_archive(tmp_path / "again.npz", "thing", 1, HEADER, ARRAYS)
    assert saved.read_bytes() == (tmp_path / "again.npz").read_bytes()


def test_any_flipped_byte_is_noticed_or_harmless(saved):
    good = saved.read_bytes()
    noticed = 0
    for at in range(0, len(good), 7):
        damaged = bytearray(good)
        damaged[at] ^= 0x55
        saved.write_bytes(damaged)
        try:
            header, arrays = read_archive(saved, "thing", 1)
        except ValidationError as error:
            assert "thing file" in str(error)  # noqa: PT017 (either outcome is legal)
            noticed += 1
        else:  # a byte of the zip container that carries no content
            assert header == HEADER
            assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert noticed > len(good) / 7 / 2


@pytest.mark.parametrize("keep", [0, 1, 100, -30, -1])
def test_a_truncated_file_is_refused(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(ValidationError, match="thing file"):
        read_archive(saved, "thing", 1)


def test_other_kinds_versions_and_files_are_told_apart(saved, tmp_path):
    with pytest.raises(ValidationError, match="expected kind 'network', got 'thing'"):
        read_archive(saved, "network", 1)
    with pytest.raises(ValidationError, match="format version 2, got 1"):
        read_archive(saved, "thing", 2)
    with pytest.raises(ValidationError, match="no such file"):
        read_archive(tmp_path / "absent", "thing", 1)
    np.savez(tmp_path / "other.npz", x=np.zeros(2))
    with pytest.raises(ValidationError, match="another npz"):
        read_archive(tmp_path / "other.npz", "thing", 1)
    np.save(tmp_path / "other.npy", np.zeros(2))
    with pytest.raises(ValidationError, match="thing file"):
        read_archive(tmp_path / "other.npy", "thing", 1)


def test_a_pickle_is_never_loaded(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValidationError):
        read_archive(tmp_path / "evil.npy", "thing", 1)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(saved, monkeypatch):
    before = saved.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(archive.np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        write_archive(saved, "thing", 1, HEADER, ARRAYS)
    assert before == saved.read_bytes()
    assert [saved] == list(saved.parent.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ValidationError, match="does not exist"):
        write_archive(tmp_path / "no" / "x.npz", "thing", 1, {}, {})


def test_content_that_was_edited_behind_the_checksum_is_refused(saved):
    with np.load(saved) as archive:
        parts = dict(archive)
    parts["a/0"] = parts["a/0"] + 1
    with saved.open("wb") as file:
        np.savez_compressed(file, **parts)
    with pytest.raises(ValidationError, match="checksum"):
        read_archive(saved, "thing", 1)
