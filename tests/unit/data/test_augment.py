# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.data import Shift, Warp, shift, warp
from spikesim.errors import ValidationError


def moved_by_hand(image, dy, dx):
    out = np.zeros_like(image)
    for row in range(image.shape[0]):
        for col in range(image.shape[1]):
            if 0 <= row - dy < image.shape[0] and 0 <= col - dx < image.shape[1]:
                out[row, col] = image[row - dy, col - dx]
    return out


@pytest.mark.parametrize("dy", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("dx", [-1, 0, 3])
def test_shift_moves_pixels_and_fills_with_zeros(dy, dx):
    image = np.arange(1, 21).reshape(4, 5)
    assert (
        moved_by_hand(image, dy, dx) == shift(image[None], np.array([dy]), np.array([dx]))
    ).all()


def test_each_image_moves_by_its_own_amount():
    images = np.random.default_rng(0).random((6, 8, 8))
    down, right = np.array([0, 1, -1, 0, 1, 1]), np.array([0, 0, 1, -1, 1, -1])
    expected = [moved_by_hand(i, a, b) for i, a, b in zip(images, down, right, strict=True)]
    assert (np.array(expected) == shift(images, down, right)).all()


def test_ticks_and_channels_of_a_sample_move_together():
    frames = np.random.default_rng(0).random((3, 4, 2, 6, 5))
    down, right = np.array([0, 1, -2]), np.array([1, 0, -1])
    expected = [
        [[moved_by_hand(image, a, b) for image in tick] for tick in sample]
        for sample, a, b in zip(frames, down, right, strict=True)
    ]
    assert (np.array(expected) == shift(frames, down, right)).all()


def test_share_of_zero_leaves_all_images():
    images = np.random.default_rng(0).random((20, 8, 8))
    assert (images == Shift(1, share=0.0)(images, np.random.default_rng(1))).all()


def test_about_the_share_asked_for_is_eligible():
    images = np.random.default_rng(0).random((4000, 4, 4))
    changed = (Shift(1, share=0.5)(images, np.random.default_rng(1)) != images).any((1, 2))
    # 8 of 9 shifts of an eligible image change it; 5 standard deviations of 4000 draws.
    assert abs(changed.mean() - 0.5 * 8 / 9) < 5 * 0.5 / np.sqrt(4000)


def test_out_of_range_settings_are_refused():
    with pytest.raises(ValidationError, match=r"share in 0\.\.1"):
        Shift(1, share=1.5)


def test_identity_warp_leaves_images():
    images = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    same = warp(images, np.tile(np.eye(2), (3, 1, 1)), np.zeros((3, 2)))
    assert (images == same).all()


def test_warp_by_whole_pixels_is_a_shift():
    images = np.random.default_rng(0).random((4, 6, 5)).astype(np.float32)
    down, right = np.array([1, 0, -2, 7]), np.array([0, -1, 1, 7])
    # The result at p is the image at p + offset: the content moves the other way.
    offset = -np.stack([down, right], axis=1).astype(float)
    assert (shift(images, down, right) == warp(images, np.tile(np.eye(2), (4, 1, 1)), offset)).all()


def test_quarter_turn_is_exact():
    image = np.random.default_rng(0).random((1, 5, 5)).astype(np.float32)
    turn = np.array([[[0.0, 1.0], [-1.0, 0.0]]])
    assert (np.rot90(image[0], 1) == warp(image, turn, np.zeros((1, 2)))[0]).all()


def test_random_warps_stay_within_0_to_1():
    images = np.random.default_rng(0).random((50, 8, 8)).astype(np.float32)
    out = Warp()(images, np.random.default_rng(1))
    assert (0.0 <= out).all()
    assert (out <= 1.0).all()
    assert out.dtype == np.float32


def test_zero_limits_leave_images():
    images = np.random.default_rng(0).random((5, 8, 8)).astype(np.float32)
    assert (images == Warp(0.0, 0.0, 0.0, 0.0)(images, np.random.default_rng(1))).all()


def test_negative_limits_are_refused():
    with pytest.raises(ValidationError, match="0 or more"):
        Warp(rotation=-0.1)
