# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.data.split import Split, stratified
from spikesim.errors import ValidationError


def test_parts_are_disjoint_and_cover_everything():
    labels = np.repeat(np.arange(3), [10, 20, 33])
    kept, held = stratified(labels, 0.2, seed=3)
    assert list(range(63)) == sorted([*kept, *held])


def test_every_class_keeps_its_share_within_one_image():
    labels = np.repeat(np.arange(4), [11, 23, 8, 40])
    _, held = stratified(labels, 0.25, seed=0)
    for label, size in enumerate([11, 23, 8, 40]):
        assert abs(np.sum(labels[held] == label) - 0.25 * size) < 1
    assert int(np.ceil(0.25 * 82)) == len(held)


def test_same_seed_same_split_and_another_seed_another():
    labels = np.arange(100) % 10
    first, second, third = (stratified(labels, 0.2, seed)[1] for seed in (5, 5, 6))
    assert first.tolist() == second.tolist()
    assert first.tolist() != third.tolist()


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.0])
def test_share_outside_the_open_interval_is_refused(share):
    with pytest.raises(ValidationError, match="between 0 and 1"):
        stratified(np.zeros(4), share, 0)


def test_validation_part_comes_from_the_training_images_only():
    x = np.arange(40, dtype=np.float32).reshape(40, 1, 1)
    split = Split("toy", x[:30], np.arange(30) % 3, x[30:], np.arange(10) % 3)
    inner = split.validation(0.2, seed=1)
    seen = {*inner.x_train.ravel(), *inner.x_test.ravel()}
    assert set(range(30)) == seen
    assert (24, 6) == (len(inner.x_train), len(inner.x_test))
    assert (1, 0.2) == (inner.seed, inner.test_share)
