# SPDX-License-Identifier: Apache-2.0
"""The script for Fashion-MNIST runs, and goes on from where it was; its figures need the images."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import fashion


@pytest.mark.parametrize("net", fashion.CASES)
def test_a_few_drawn_images_go_the_whole_way(net, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    labels = np.arange(40) % 10
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(tmp_path / "fashion_mnist.npz", **arrays)
    monkeypatch.chdir(tmp_path)
    arguments = [net, "--seeds", "1", "--epochs", "1", "--limit", "30", "--data", str(tmp_path)]
    assert 0 == fashion.main(arguments)
    first = json.loads((fashion.FOLDER / f"fashion_{net}.json").read_text())
    assert 0 == fashion.main(arguments)
    again = json.loads((fashion.FOLDER / f"fashion_{net}.json").read_text())
    (row,), (same,) = first["seeds"], again["seeds"]
    assert (30, 30, 1) == (row["training_images"], row["test_images"], row["epochs"])
    assert row["accuracy_test"] == same["accuracy_test"]
    assert 1 == fashion.main([*arguments[:5], "--data", str(tmp_path)])  # below its target
