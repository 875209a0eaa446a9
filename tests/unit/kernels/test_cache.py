# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import time

import pytest

from spikesim.kernels import cache

TEXT = '"""Generated."""\nANSWER = {}\n'


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


def test_a_folder_that_went_during_the_run_is_made_anew(root):
    first = cache.load_generated(TEXT.format(41))
    shutil.rmtree(cache.cache_folder())
    second = cache.load_generated(TEXT.format(42))
    assert (first.ANSWER, second.ANSWER) == (41, 42)
    assert first is cache.load_generated(TEXT.format(41))
