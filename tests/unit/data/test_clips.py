# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim import data
from spikesim.errors import ValidationError

CLIPS = [np.full((n, 2), float(n), np.float32) for n in (10, 7, 3)]


def test_clips_of_10_7_and_3_ticks_are_padded_with_zeros_behind_their_end():
    x, mask = data.pad(CLIPS)
    assert ((10, 3, 2), (10, 3), np.float32) == (x.shape, mask.shape, x.dtype)
    for k, n in enumerate((10, 7, 3)):
        assert (x[:n, k] == n).all()
        assert not x[n:, k].any()
        assert [True] * n + [False] * (10 - n) == mask[:, k].tolist()


@pytest.mark.parametrize(
    ("clips", "says"),
    [
        ([], "got none"),
        ([np.zeros((3, 2)), np.zeros((0, 2))], "clip 1 without one"),
        ([np.zeros((3, 2)), np.zeros((3, 4))], r"shapes \[\(2,\), \(4,\)\]"),
        ([np.float64(3.0)], "clip 0 without one"),
    ],
)
def test_clips_that_cannot_be_put_together_are_refused(clips, says):
    with pytest.raises(ValidationError, match=says):
        data.pad(clips)


def many(n):
    return [(np.full((1 + k % 3, 1), float(k)), k) for k in range(n)]


def test_every_pass_gives_every_sample_once_and_in_another_order():
    batches = data.Batches(many(11), 4, seed=2)
    orders = [np.concatenate([y for _, y, _ in batches]).tolist() for _ in range(3)]
    assert all([*range(11)] == sorted(order) for order in orders)
    assert 3 == len({tuple(order) for order in orders})
    assert [4, 4, 3] == [len(y) for _, y, _ in batches]
    assert 3 == len(batches)
    for x, y, mask in batches:
        assert np.array_equal(x[0, :, 0], y)
        assert np.array_equal(1 + y % 3, mask.sum(0))
    again = data.Batches(many(11), 4, seed=2)
    assert orders[0] == np.concatenate([y for _, y, _ in again]).tolist()


def test_batches_go_on_where_another_process_stopped():
    one, two = data.Batches(many(9), 4, seed=5), data.Batches(many(9), 4, seed=5)
    list(one)
    two.load_state_dict(one.state_dict())
    assert [y.tolist() for _, y, _ in one] == [y.tolist() for _, y, _ in two]


def test_without_a_seed_the_order_is_that_of_the_samples():
    batches = data.Batches(many(5), 2)
    for _ in range(2):
        assert [[0, 1], [2, 3], [4]] == [y.tolist() for _, y, _ in batches]


@pytest.mark.parametrize(("samples", "size"), [([], 2), (many(3), 0)])
def test_batches_of_nothing_are_refused(samples, size):
    with pytest.raises(ValidationError, match="at least one sample"):
        data.Batches(samples, size)


def test_parts_of_clips_keep_labels_and_groups_beside_their_clips():
    clips = data.Clips(
        "set", tuple(CLIPS * 4), np.array([0, 1, 1] * 4), ("a", "b"), tuple("xyz" * 4)
    )
    part = clips.part("some", np.array([5, 0]))
    assert ([3, 10], [1, 0], ("z", "x")) == (
        [len(clip) for clip in part.clips], part.labels.tolist(), part.groups
    )  # fmt: skip
    kept, held = clips.validation(0.5, seed=1)
    assert (6, 6, "set-validation") == (len(kept), len(held), held.name)
    assert [2, 4] == np.bincount(held.labels).tolist()
    assert clips.digest != part.digest
    assert clips[4][0] is clips.clips[4]
    assert 2 == clips.n_classes
