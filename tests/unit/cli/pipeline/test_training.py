# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip("torch", reason="needs torch, to train")

from spikesim.cli.pipeline import training


def test_name_changes_with_seed_variant_and_sources(tmp_path, monkeypatch):
    names = {
        training.trained_files(tmp_path, seed, quick).network
        for seed in (0, 1)
        for quick in (False, True)
    }
    monkeypatch.setattr(training, "_SOURCES", ("nn",))
    names.add(training.trained_files(tmp_path, 0, False).network)
    assert 5 == len(names)


def test_same_question_names_the_same_files(tmp_path):
    assert training.trained_files(tmp_path, 3, True) == training.trained_files(tmp_path, 3, True)
    assert not training.trained_files(tmp_path, 3, True).present
