# SPDX-License-Identifier: Apache-2.0
"""MNIST and Fashion-MNIST from files that are already on the machine; nothing is downloaded."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikesim.core.npz import read_npz
from spikesim.data.split import Split
from spikesim.errors import ValidationError

#: Folder that is searched first when no path is given.
ENVIRONMENT = "SPIKESIM_DATA"

_PARTS = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_MOST_DEFLATED = 1032
"""No byte of a deflated stream gives more bytes than this."""
_DEBIAN = Path("/usr/share/datasets")


def mnist(path: str | os.PathLike[str] | None = None) -> Split:
    """Handwritten digits: 60,000 training and 10,000 test images of 28x28 pixels.

    Parameters
    ----------
    path : path, optional
        An ``.npz`` file (arrays x_train, y_train, x_test, y_test) or a folder that holds
        ``mnist.npz`` or the four IDX files, plain or ``.gz``, in itself, in ``raw`` or in
        ``MNIST/raw`` (the layout of torchvision). Without it, the folder named by the
        environment variable SPIKESIM_DATA, then ``data`` and ``shared/data`` beside the working
        directory, the package and their parents.

    Returns
    -------
    Split
        Images scaled to 0..1 in steps of 1/255.

    Raises
    ------
    ValidationError
        If nothing is found (with all places looked at), or the file is damaged.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
    Proc. IEEE 86(11), 1998.
    """
    return _load("mnist", "MNIST", path, "download the four IDX files of MNIST into one folder")


def fashion_mnist(path: str | os.PathLike[str] | None = None) -> Split:
    """Clothing: 60,000 training and 10,000 test images of 28x28 pixels, 10 classes.

    Found as `mnist` is, under ``fashion_mnist.npz`` or ``FashionMNIST/raw``, and in the folder
    of Debian's package ``dataset-fashion-mnist``.

    References
    ----------
    Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", arXiv:1708.07747, 2017.
    """
    return _load(
        "fashion_mnist", "FashionMNIST", path, "on Debian: apt install dataset-fashion-mnist"
    )


def _load(name: str, folder: str, path: str | os.PathLike[str] | None, hint: str) -> Split:
    looked: list[Path] = []
    roots = [Path(path)] if path is not None else _roots()
    for root in roots:
        for place in _places(root, name, folder, explicit=path is not None):
            looked.append(place)
            arrays = _read(place)
            if arrays is not None:
                return _split(name, place, arrays)
    listed = "\n".join(f"  {place}" for place in looked)
    raise ValidationError(
        f"data set {name!r}: expected {name}.npz or IDX files (*-ubyte, *-ubyte.gz), found none of"
        f"\n{listed}\nGive path=..., set {ENVIRONMENT} to a folder with the data, or {hint}"
    )


def _roots() -> list[Path]:
    roots: list[Path] = []
    named = os.environ.get(ENVIRONMENT)
    if named:
        roots.append(Path(named).expanduser())
    for start in (Path.cwd(), Path(__file__).resolve().parents[2]):
        for parent in (start, *list(start.parents)[:3]):
            roots += [parent / "data", parent / "shared" / "data"]
    roots.append(_DEBIAN)
    return list(dict.fromkeys(roots))


def _places(root: Path, name: str, folder: str, explicit: bool) -> Iterator[Path]:
    if explicit and root.is_file():
        yield root
        return
    yield root / f"{name}.npz"
    if explicit:
        yield root
        yield root / "raw"
    yield root / folder / "raw"
    yield root / name.replace("_", "-")


def _read(place: Path) -> dict[str, np.ndarray] | None:
    """Arrays of one place; None if there is nothing, an error if it is damaged."""
    if place.is_file():
        stored = read_npz(place, str(place), tuple(_PARTS))
        if absent := sorted(_PARTS.keys() - stored):
            raise ValidationError(
                f"{place}: expected an npz file with arrays {', '.join(_PARTS)}, missing: {absent}"
            )
        return stored
    files = {key: _idx_file(place, stem) for key, stem in _PARTS.items()}
    if all(file is None for file in files.values()):
        return None
    missing = [_PARTS[key] for key, file in files.items() if file is None]
    if missing:
        raise ValidationError(f"{place}: IDX files are missing: {', '.join(missing)}")
    return {key: read_idx(file) for key, file in files.items() if file is not None}


def _idx_file(place: Path, stem: str) -> Path | None:
    for ending in ("", ".gz"):
        if (place / (stem + ending)).is_file():
            return place / (stem + ending)
    return None


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Array of an IDX file of unsigned bytes, plain or gzip.

    Raises
    ------
    ValidationError
        If the header or the length is wrong.
    """
    file = Path(path)
    most = _MOST_DEFLATED * (file.stat().st_size + 1)
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            raw = stream.read(4)
            raw += stream.read(4 * raw[3] if len(raw) == 4 else 0)
            shape = tuple(np.frombuffer(raw[4:], ">i4").tolist()) if len(raw) % 4 == 0 else ()
            # One byte more than there should be shows a file that is too long.
            size = math.prod(shape)
            body = stream.read(size + 1) if 0 <= size <= most else b""
    except (OSError, EOFError, zlib.error) as error:
        raise ValidationError(f"{file}: expected a readable IDX file, got: {error}") from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise ValidationError(
            f"{file}: expected an IDX header of unsigned bytes (00 00 08), got {raw[:4].hex(' ')}"
        )
    if min(shape, default=0) < 0 or len(body) != size:
        got = len(body) if len(body) <= size else "more"
        raise ValidationError(f"{file}: expected {size} bytes for {shape}, got {got}")
    return np.frombuffer(body, np.uint8).reshape(shape)


def _split(name: str, place: Path, arrays: dict[str, np.ndarray]) -> Split:
    problems = []
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim != 3 or x.dtype != np.uint8 or y.shape != x.shape[:1]:
            problems.append(
                f"{place}: expected uint8 images [n, height, width] and n labels in the {part} "
                f"part, got {x.dtype} {x.shape} and {y.shape}"
            )
    if problems:
        raise ValidationError(problems)

    def scaled(x: np.ndarray) -> np.ndarray:
        return x.astype(np.float32) / np.float32(255.0)

    return Split(
        name, scaled(arrays["x_train"]), arrays["y_train"].astype(np.int64),
        scaled(arrays["x_test"]), arrays["y_test"].astype(np.int64),
    )  # fmt: skip
