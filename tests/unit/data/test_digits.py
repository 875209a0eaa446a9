# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim import data

pytest.importorskip("sklearn")


def test_digits_are_split_80_to_20_with_equal_class_shares():
    split = data.digits(seed=0)
    assert ((1437, 8, 8), (360, 8, 8)) == (split.x_train.shape, split.x_test.shape)
    total = np.bincount(np.concatenate([split.y_train, split.y_test]))
    assert (np.abs(np.bincount(split.y_test) - 0.2 * total) < 1).all()
    assert (10, 64) == (split.n_classes, split.n_pixels)


def test_pixels_are_sixteenths_from_0_to_1():
    split = data.digits(seed=1)
    codes = split.x_train * 16
    assert (codes == np.round(codes)).all()
    assert (0.0, 1.0) == (float(split.x_train.min()), float(split.x_train.max()))


def test_seed_decides_the_held_out_images():
    assert (data.digits(2).x_test == data.digits(2).x_test).all()
    assert (data.digits(2).x_test != data.digits(3).x_test).any()
