# SPDX-License-Identifier: Apache-2.0
import logging
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikesim.core import sealed
from spikesim.core.sealed import folder_doubt, read_sealed, write_sealed

DATA = bytes(range(256)) * 5
MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("data", [b"", b"\0", DATA])
def test_what_was_written_comes_back(tmp_path, data):
    path = tmp_path / "code"
    write_sealed(path, data)
    assert data == read_sealed(path)
    assert path.read_bytes().startswith(data)
    assert [path] == list(tmp_path.iterdir())


def test_no_file_is_nothing_to_speak_of(tmp_path, caplog):
    assert read_sealed(tmp_path / "code") is None
    assert not caplog.records


@MANY
@given(st.data())
def test_no_damaged_file_is_used_and_it_is_removed_with_one_line(tmp_path, caplog, data):
    caplog.clear()
    path = tmp_path / "code"
    write_sealed(path, DATA)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, len(whole) - at))
    match data.draw(st.sampled_from(["bit", "cut", "zero", "repeat", "more"])):
        case "bit":
            bad = bytearray(whole)
            bad[at] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            bad = whole[:at]
        case "zero":
            bad = whole[:at] + bytes(length) + whole[at + length :]
        case "repeat":
            bad = whole[: at + length] + whole[at:]
        case _:
            bad = whole + whole[:length]
    path.write_bytes(bad)
    if bytes(bad) == whole:
        assert DATA == read_sealed(path)
        return
    assert read_sealed(path) is None
    assert not path.exists()
    (record,) = caplog.records
    assert str(path) in record.getMessage()


def test_no_file_takes_the_place_of_another(tmp_path):
    write_sealed(tmp_path / "a", DATA)
    (tmp_path / "a").rename(tmp_path / "b")
    assert read_sealed(tmp_path / "b") is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_used(tmp_path, mode, caplog):
    path = tmp_path / "code"
    write_sealed(path, DATA)
    path.chmod(mode)
    assert read_sealed(path) is None
    assert f"may be written by others (mode {mode:o}" in caplog.text
    assert path.exists()  # it is not ours to remove
    path.chmod(0o644)
    assert DATA == read_sealed(path)


def test_a_file_or_folder_of_another_user_is_not_used_but_one_of_root_is(
    tmp_path, monkeypatch, caplog
):
    path = tmp_path / "code"
    write_sealed(path, DATA)
    tmp_path.chmod(0o700)
    assert folder_doubt(tmp_path) is None
    owner = os.getuid()
    monkeypatch.setattr(sealed.os, "geteuid", lambda: owner + 1)
    if owner == 0:
        assert (DATA, None) == (read_sealed(path), folder_doubt(tmp_path))
        os.chown(path, 12345, -1)
        os.chown(tmp_path, 12345, -1)
    assert read_sealed(path) is None
    assert "belongs to another user" in caplog.text
    assert "belongs to another user" in folder_doubt(tmp_path)


def test_files_are_written_for_their_owner_alone_whatever_the_mask_is(tmp_path):
    before = os.umask(0)
    try:
        write_sealed(tmp_path / "code", DATA)
    finally:
        os.umask(before)
    assert DATA == read_sealed(tmp_path / "code")


def test_a_file_that_cannot_be_read_is_named(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    (tmp_path / "code").mkdir()
    assert read_sealed(tmp_path / "code") is None
    assert str(tmp_path / "code") in caplog.text
