# SPDX-License-Identifier: Apache-2.0
import gzip

import numpy as np
import pytest

from spikesim import data
from spikesim.errors import ValidationError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 4, 5), dtype=np.uint8)
LABELS = (np.arange(20) % 4).astype(np.uint8)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def folder(path, before="", ending="", parts=("train", "t10k")):
    path.mkdir()
    for part in parts:
        for kind, array in (("images", IMAGES), ("labels", LABELS)):
            raw = idx(array)
            name = f"{before}{part}-{kind}-idx{array.ndim}-ubyte{ending}"
            (path / name).write_bytes(gzip.compress(raw) if ending else raw)
    return path


def test_an_official_split_is_kept_and_bytes_become_shares_of_255(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=IMAGES[:15], y_train=LABELS[:15], x_test=IMAGES[15:], y_test=LABELS[15:])
    split = data.load(path)
    assert ("mine", None, None) == (split.name, split.seed, split.test_share)
    assert np.array_equal(IMAGES[:15] / np.float32(255), split.x_train)
    assert np.array_equal(LABELS[15:], split.y_test)
    assert (np.float32, np.int64) == (split.x_test.dtype, split.y_test.dtype)


@pytest.mark.parametrize("names", [("images", "labels"), ("x_train", "y_train")])
def test_without_a_test_part_a_share_of_every_class_is_held_out(names, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, **dict(zip(names, (IMAGES / 255.0, LABELS), strict=True)))
    split = data.load(path, seed=3, test_share=0.4)
    assert (3, 0.4) == (split.seed, split.test_share)
    assert [2, 2, 2, 2] == np.bincount(split.y_test).tolist()
    every = np.concatenate([split.x_train, split.x_test]).reshape(20, -1)
    whole = (IMAGES / 255.0).astype(np.float32).reshape(20, -1)
    assert {*map(bytes, whole)} == {*map(bytes, every)}
    other = data.load(path, seed=4, test_share=0.4)
    assert split.digest != other.digest
    assert split.digest == data.load(path, seed=3, test_share=0.4).digest


@pytest.mark.parametrize("before", ["", "emnist-letters-", "mine-"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_folder_of_idx_files_is_found_whatever_its_name(before, ending, tmp_path):
    split = data.load(folder(tmp_path / "set", before, ending))
    assert "set" == split.name
    assert np.array_equal(IMAGES / np.float32(255), split.x_train)
    assert np.array_equal(LABELS, split.y_test)


def test_a_folder_without_a_test_part_is_split_and_two_sets_are_refused(tmp_path):
    one = folder(tmp_path / "one", parts=("train",))
    assert (16, 4) == (len(data.load(one).x_train), len(data.load(one).x_test))
    (one / "other-train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    with pytest.raises(ValidationError, match=r"one: .*of one data set, got .*'', 'other'"):
        data.load(one)
    (tmp_path / "none").mkdir()
    with pytest.raises(ValidationError, match=r"none: expected IDX files such as"):
        data.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": IMAGES}, r"x_train, y_train .*, or images and labels, got \['x'\]"),
        ({"images": IMAGES}, "without labels"),
        ({"x_test": IMAGES, "y_test": LABELS}, "expected x_train and y_train"),
        ({"images": IMAGES, "labels": LABELS[:3]}, r"\(20, 4, 5\) and \(3,\)"),
        ({"images": IMAGES.astype(float), "labels": LABELS}, r"0\.\.1, got 0 to 25\d; divide"),
        ({"images": IMAGES.astype(int), "labels": LABELS}, r"got int64; divide"),
        ({"images": IMAGES // 128, "labels": LABELS}, "uint8 from 0 to 255, got 0 to 1"),
        ({"images": np.full((20, 2), np.nan), "labels": LABELS}, "got nan to nan"),
        ({"images": IMAGES, "labels": LABELS.astype(int) - 1}, "integer labels from 0.*from -1"),
        ({"images": IMAGES, "labels": LABELS / 2}, "integer labels from 0.*float64"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, 1:], "y_test": LABELS},
            "one shape with the others",
        ),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS + 1},
            r"up to \d, got labels up to \d, which no net",
        ),
    ],
)
def test_arrays_that_are_no_images_and_labels_are_refused_by_name(arrays, says, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValidationError, match=says) as found:
        data.load(path)
    assert all(text.startswith(str(path)) for text in found.value.problems)


def test_a_damaged_or_absent_file_is_one_clear_error(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK no")
    with pytest.raises(ValidationError, match=r"a\.npz: expected an npz file"):
        data.load(tmp_path / "a.npz")
    with pytest.raises(ValidationError, match=r"b\.npz: no such file"):
        data.load(tmp_path / "b.npz")
    cut = folder(tmp_path / "cut")
    (cut / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS)[:-1])
    with pytest.raises(ValidationError, match="expected 20 bytes"):
        data.load(cut)
