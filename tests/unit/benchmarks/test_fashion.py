# SPDX-License-Identifier: Apache-2.0
"""The script for Fashion-MNIST runs; its figures need the images."""

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import fashion


@pytest.mark.parametrize("case", fashion.CASES, ids=lambda case: case.name)
def test_a_few_drawn_images_go_the_whole_way(case, tmp_path, capsys):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    labels = np.arange(40) % 10
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(tmp_path / "fashion_mnist.npz", **arrays)
    assert 0 == fashion.main([case.name, "--quick", "--data", str(tmp_path)])
    assert f"{case.name}, test part, seed 0: validation" in capsys.readouterr().out
