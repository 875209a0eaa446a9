# SPDX-License-Identifier: Apache-2.0
import errno
import logging
import os
import shutil
import time

import pytest

from spikesim.kernels import cache


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKESIM_CACHE", str(tmp_path))
    cache.cache_folder.cache_clear()
    yield tmp_path
    cache.cache_folder.cache_clear()


def _aged(root, name, days):
    folder = root / name
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "f.nbc").write_bytes(b"code")
    when = time.time() - days * 86_400
    os.utime(folder, (when, when))
    return folder


def test_a_tilde_stands_for_the_home_of_the_user(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root / "home"))
    monkeypatch.setenv("SPIKESIM_CACHE", "~/kept")
    monkeypatch.chdir(root)
    cache.cache_folder.cache_clear()
    assert root / "home" / "kept" == cache.cache_folder().parent
    assert not (root / "~").exists()


def test_a_new_version_of_the_sources_removes_folders_that_are_old_and_many(root):
    recent = [_aged(root, f"numba-1-py311-{k}", 0.5 + k / 100) for k in range(4)]
    old = [_aged(root, f"numba-1-py311-old{k}", 2 + k) for k in range(3)]
    flat = _aged(root, "numba-0.68.1-py311", 3)
    others = [_aged(root, "rtl", 90), _aged(root, "numba", 90)]
    mine = cache.cache_folder()
    assert mine.parent == root
    assert cache.source_key() in mine.name
    assert all(folder.is_dir() for folder in (mine, *recent, *others))
    assert not any(folder.exists() for folder in (*old, flat))
    assert {mine, *recent, *others} == set(root.iterdir())


def test_kernels_of_other_sources_have_another_folder(root, tmp_path_factory, monkeypatch):
    sources = tmp_path_factory.mktemp("kernels")
    monkeypatch.setattr(cache, "__file__", str(sources / "cache.py"))
    (sources / "generate").mkdir()
    parts = [sources / name for name in ("cache.py", "deliver.py", "generate/rule.py")]
    for path in (*parts, sources / "notes.txt"):
        path.write_text("a = 1")

    def folder():
        cache.source_key.cache_clear()
        cache.cache_folder.cache_clear()
        return cache.cache_folder()

    try:
        seen = [folder()]
        for path in parts:
            path.write_text("a = 2")  # as long as before
            seen.append(folder())
        (sources / "notes.txt").write_text("a = 2")
        assert seen[-1] == folder()
    finally:
        cache.source_key.cache_clear()
    assert len(set(seen)) == 4


def test_few_folders_stay_however_old_and_many_stay_while_they_are_used(root):
    few = [_aged(root, f"numba-1-py310-{k}", 400 + k) for k in range(4)]
    cache.prune(root)
    assert all(folder.is_dir() for folder in few)
    many = [_aged(root, f"numba-1-py312-{k}", 0.9) for k in range(9)]
    cache.prune(root)
    assert set(many) == set(root.iterdir())


def test_a_process_marks_its_folder_as_used_and_removes_nothing_where_it_has_one(root):
    mine = cache.cache_folder()
    old = [_aged(root, f"numba-1-py311-old{k}", 2 + k) for k in range(9)]
    os.utime(mine, (0, 0))
    cache.cache_folder.cache_clear()
    cache.cache_folder()
    assert time.time() - mine.stat().st_mtime < 60
    assert all(folder.is_dir() for folder in old)


def test_code_is_kept_in_a_folder_that_went_during_the_run(root):
    cache.save_code("a", b"1")
    shutil.rmtree(cache.cache_folder())
    assert cache.load_code("a") is None
    cache.save_code("a", b"2")
    assert b"2" == cache.load_code("a")


def test_nobody_else_can_write_the_folder_whatever_the_mask_is(root):
    before = os.umask(0)
    try:
        folder = cache.cache_folder()
    finally:
        os.umask(before)
    assert 0o700 == folder.stat().st_mode & 0o777


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_may_write_is_refused_in_one_line(root, mode, caplog):
    folder = cache.cache_folder()
    cache.save_code("a", b"1")
    folder.chmod(mode)
    cache.cache_folder.cache_clear()
    assert cache.load_code("a") is None
    cache.save_code("a", b"2")
    (record,) = caplog.records
    assert logging.WARNING == record.levelno
    assert f"may be written by others (mode {mode:o}" in record.getMessage()
    assert "set SPIKESIM_CACHE to a folder of your own" in record.getMessage()
    folder.chmod(0o700)
    cache.cache_folder.cache_clear()
    assert b"1" == cache.load_code("a")


def test_a_folder_of_another_user_is_refused(root, monkeypatch, caplog):
    folder = cache.cache_folder()
    cache.save_code("a", b"1")
    if os.getuid() == 0:
        os.chown(folder, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    cache.cache_folder.cache_clear()
    assert cache.load_code("a") is None
    assert "belongs to another user" in caplog.text


def test_a_place_that_cannot_be_made_is_named_once(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIKESIM_CACHE", str(tmp_path / "file" / "cache"))
    cache.cache_folder.cache_clear()
    for _ in range(2):
        assert cache.load_code("a") is None
        cache.save_code("a", b"1")
    cache.cache_folder.cache_clear()
    (record,) = caplog.records
    assert "cannot be made (Not a directory)" in record.getMessage()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_takes_nothing_costs_one_line(root, monkeypatch, caplog, number):
    def refuse(path, code):
        raise OSError(number, os.strerror(number))

    cache.save_code("kept", b"1")
    monkeypatch.setattr(cache, "write_sealed", refuse)
    for name in "abc":
        cache.save_code(name, b"1")
    (record,) = caplog.records
    assert os.strerror(number) in record.getMessage()
    assert b"1" == cache.load_code("kept")
