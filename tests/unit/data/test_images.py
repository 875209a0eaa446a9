# SPDX-License-Identifier: Apache-2.0
import gzip
import struct

import numpy as np
import pytest

from spikesim import data
from spikesim.data import images
from spikesim.errors import ValidationError

NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (5, 4, 3), dtype=np.uint8),
        "y_train": np.arange(5, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (2, 4, 3), dtype=np.uint8),
        "y_test": np.arange(2, dtype=np.uint8),
    }


def write_idx(folder, arrays, compress):
    folder.mkdir(parents=True)
    for key, stem in NAMES.items():
        shape = arrays[key].shape
        raw = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}i", *shape)
        raw += arrays[key].tobytes()
        path = folder / (stem + (".gz" if compress else ""))
        path.write_bytes(gzip.compress(raw) if compress else raw)


def check(split, arrays):
    assert (arrays["x_train"] == np.round(split.x_train * 255)).all()
    assert (arrays["x_test"] == np.round(split.x_test * 255)).all()
    assert arrays["y_train"].tolist() == split.y_train.tolist()
    assert (np.float32, np.int64) == (split.x_test.dtype, split.y_test.dtype)


def test_npz_file_is_loaded_by_its_path(tmp_path, arrays):
    np.savez(tmp_path / "anything.npz", **arrays)
    check(data.mnist(tmp_path / "anything.npz"), arrays)


def test_environment_names_a_folder(tmp_path, arrays, monkeypatch):
    np.savez(tmp_path / "mnist.npz", **arrays)
    for named in (str(tmp_path), "~"):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SPIKESIM_DATA", named)
        check(data.mnist(), arrays)


def test_shared_folder_beside_the_checkout_is_found(tmp_path, arrays, monkeypatch):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "checkout").mkdir()
    np.savez(tmp_path / "shared" / "data" / "fashion_mnist.npz", **arrays)
    monkeypatch.delenv("SPIKESIM_DATA", raising=False)
    monkeypatch.chdir(tmp_path / "checkout")
    check(data.fashion_mnist(), arrays)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("layout", ["", "raw", "MNIST/raw"])
def test_idx_files_in_the_layouts_people_have(tmp_path, arrays, compress, layout):
    write_idx(tmp_path / "d" / layout, arrays, compress)
    check(data.mnist(tmp_path / "d"), arrays)


def test_debian_folder_of_fashion_mnist_is_found(tmp_path, arrays, monkeypatch):
    write_idx(tmp_path / "fashion-mnist", arrays, compress=True)
    monkeypatch.setattr(images, "_roots", lambda: [tmp_path])
    check(data.fashion_mnist(), arrays)


def test_nothing_found_lists_the_places_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "_roots", lambda: [tmp_path])
    with pytest.raises(ValidationError) as caught:
        data.mnist()
    message = str(caught.value)
    assert str(tmp_path / "mnist.npz") in message
    assert "SPIKESIM_DATA" in message
    assert "MNIST/raw" in message


def test_one_missing_idx_file_is_named(tmp_path, arrays):
    write_idx(tmp_path / "d", arrays, compress=False)
    (tmp_path / "d" / NAMES["y_test"]).unlink()
    with pytest.raises(ValidationError, match="t10k-labels"):
        data.mnist(tmp_path / "d")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x00\x00\x09\x01\x00\x00\x00\x01a", "IDX header"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x05abc", "expected 5 bytes"),
        (b"", "IDX header"),
    ],
)
def test_damaged_idx_file_is_refused(tmp_path, content, text):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValidationError, match=text):
        images.read_idx(tmp_path / "f")


def test_damaged_npz_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "mnist.npz", **arrays)
    raw = (tmp_path / "mnist.npz").read_bytes()
    (tmp_path / "mnist.npz").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ValidationError, match="npz"):
        data.mnist(tmp_path)


def test_images_and_labels_of_different_number_are_refused(tmp_path, arrays):
    arrays["y_test"] = arrays["y_test"][:1]
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(ValidationError, match="test part"):
        data.mnist(tmp_path)
