# SPDX-License-Identifier: Apache-2.0
import importlib.util
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "train_your_own.py"


def test_the_golden_model_counts_the_spikes_of_training():
    spec = importlib.util.spec_from_file_location("example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    accuracy, same = module.main(["--epochs", "3"])
    assert accuracy > 0.9
    assert same


def test_readme_shows_the_example_word_for_word():
    body = EXAMPLE.read_text().split("# readme: begin\n")[1].split("    # readme: end")[0]
    assert textwrap.dedent(body) in (ROOT / "README.md").read_text()
