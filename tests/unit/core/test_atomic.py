# SPDX-License-Identifier: Apache-2.0
import os
import stat
import time

import pytest

from spikesim.core import atomic
from spikesim.core.atomic import place_problems, replacing


def _orphan(folder, name, seconds):
    path = folder / name
    path.write_bytes(b"half")
    when = time.time() - seconds
    os.utime(path, (when, when))
    return path


def test_a_file_is_replaced_as_a_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail():
        with replacing(path) as file:
            file.write(b"new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert (b"old", [path]) == (path.read_bytes(), list(tmp_path.iterdir()))
    with replacing(path) as file:
        file.write(b"new")
        assert b"old" == path.read_bytes()
    assert (b"new", [path]) == (path.read_bytes(), list(tmp_path.iterdir()))


def test_what_killed_writers_of_the_same_file_left_goes_when_it_is_old(tmp_path):
    old = _orphan(tmp_path, ".a.4711.0123abcd.tmp", atomic._STALE_SECONDS + 5)
    kept = [
        _orphan(tmp_path, ".a.4711.0123abce.tmp", atomic._STALE_SECONDS - 5),
        _orphan(tmp_path, ".b.4711.0123abcd.tmp", 1e6),
        _orphan(tmp_path, ".a.mine.0123abcd.tmp", 1e6),
        _orphan(tmp_path, ".a.4711.0123abcd.tmp.bak", 1e6),
        _orphan(tmp_path, "a.tmp", 1e6),
    ]
    with replacing(tmp_path / "a") as file:
        file.write(b"new")
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_a_name_with_signs_of_patterns_removes_no_other_file(tmp_path):
    other = _orphan(tmp_path, ".aab.4711.0123abcd.tmp", 1e6)
    with replacing(tmp_path / "a+b") as file:
        file.write(b"new")
    assert other.exists()


@pytest.mark.parametrize(("mask", "given", "expected"), [(0o022, 0o666, 0o644), (0, 0o644, 0o644)])
def test_the_mode_is_the_users(tmp_path, mask, given, expected):
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "a", mode=given) as file:
            file.write(b"new")
    finally:
        os.umask(before)
    assert expected == stat.S_IMODE((tmp_path / "a").stat().st_mode)


def test_places_where_no_file_can_be_are_named(tmp_path, monkeypatch):
    assert [] == place_problems(tmp_path / "a", "file")
    assert [f"file: folder {tmp_path / 'b'} does not exist; create it"] == place_problems(
        tmp_path / "b" / "a", "file"
    )
    assert ["file: expected the name of a file, got a folder"] == place_problems(tmp_path, "file")
    monkeypatch.setattr(atomic.os, "access", lambda path, mode: False)
    assert [f"file: expected a folder that may be written, got {tmp_path}"] == place_problems(
        tmp_path / "a", "file"
    )
