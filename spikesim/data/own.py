# SPDX-License-Identifier: Apache-2.0
"""Images and labels of a user's own: an npz file, or a folder of IDX files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from spikesim.core.npz import read_npz
from spikesim.data.images import read_idx
from spikesim.data.split import Split, stratified
from spikesim.errors import ValidationError, errors_of

_SETS = (("x_train", "y_train", "x_test", "y_test"), ("images", "labels"))
_IDX = re.compile(r"(.*?)-?(train|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?")


def load(path: str | os.PathLike[str], *, seed: int = 0, test_share: float = 0.2) -> Split:
    """Images and labels of a file or folder, with a held-out part.

    Parameters
    ----------
    path : path
        An ``.npz`` file with arrays ``x_train``, ``y_train`` and perhaps ``x_test``, ``y_test``, or
        with ``images`` and ``labels``; or a folder with IDX files such as
        ``train-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte.gz``, whatever stands before.
        Images are (n, ...), uint8 or floats in 0..1; labels integers from 0.
    seed : int
        Which images are held out, where there is no test part.
    test_share : float
        Their share, the same of every class.

    Returns
    -------
    Split
        Images float32 in 0..1, of uint8 in steps of 1/255; named as the file or folder.

    Raises
    ------
    ValidationError
        With all that is wrong, and the name of the file.
    """
    place = Path(path)
    stored = _of_folder(place) if place.is_dir() else read_npz(place, str(place))
    with errors_of(str(place)):
        arrays = _parts(stored, place.is_dir())
        problems = _problems(arrays)
        if problems:
            raise ValidationError(problems)
        (x, y), *test = [(_scaled(x), y.astype(np.int64)) for x, y in arrays]
        name = place.name if place.is_dir() else place.stem
        if test:
            return Split(name, x, y, *test[0])
        kept, held = stratified(y, test_share, seed)
        return Split(name, x[kept], y[kept], x[held], y[held], seed, test_share)


def _parts(stored: dict[str, np.ndarray], folder: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    for names in _SETS:
        pairs = list(zip(names[::2], names[1::2], strict=True))
        there = [pair for pair in pairs if {*pair} & stored.keys()]
        if there:
            absent = [name for pair in there for name in pair if name not in stored]
            if absent or pairs[0] not in there:
                raise ValidationError(
                    f"expected {' and '.join(pairs[0])}, got {sorted(stored)} without "
                    f"{', '.join(absent or pairs[0])}"
                )
            return [(stored[x], stored[y]) for x, y in there]
    wanted = "x_train, y_train (and x_test, y_test), or images and labels"
    wanted = "IDX files such as train-images-idx3-ubyte" if folder else f"arrays {wanted}"
    raise ValidationError(f"expected {wanted}, got {sorted(stored)}")


def _problems(arrays: list[tuple[np.ndarray, np.ndarray]]) -> list[str]:
    problems = []
    for part, (x, y) in zip(("images", "test images"), arrays, strict=False):
        if x.ndim < 2 or not len(x) or y.shape != x.shape[:1]:
            problems.append(
                f"expected {part} (n, ...) and a label for each, got shapes {x.shape} and {y.shape}"
            )
        elif x.dtype != np.uint8 and not (x.dtype.kind == "f" and _within(x)):
            what = f"{x.dtype}" if x.dtype.kind != "f" else f"{np.min(x):g} to {np.max(x):g}"
            problems.append(
                f"expected {part} of uint8, or of floats in 0..1, got {what}; divide them by their "
                "largest possible value"
            )
        elif x.dtype == np.uint8 and x.max() == 1:
            problems.append(
                f"expected {part} of uint8 from 0 to 255, got 0 to 1, which would be all but "
                "black; give them as floats"
            )
        if y.dtype.kind not in "iu" or (y.size and y.min() < 0):
            problems.append(
                f"expected integer labels from 0 for the {part}, got {y.dtype}"
                + (f" from {y.min()}" if y.size and y.dtype.kind in "iuf" else "")
            )
    highest = [int(y.max()) for _, y in arrays if y.size and y.dtype.kind in "iu"]
    if highest[1:] and highest[1] > highest[0]:
        problems.append(
            f"expected test images of the classes of the others, up to {highest[0]}, got labels up "
            f"to {highest[1]}, which no net trained on these can give"
        )
    shapes = {x.shape[1:] for x, _ in arrays}
    if len(shapes) > 1:
        problems.append(f"expected test images of one shape with the others, got {sorted(shapes)}")
    return problems


def _within(x: np.ndarray) -> bool:
    return bool(((x >= 0) & (x <= 1)).all())


def _scaled(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32) / np.float32(255.0) if x.dtype == np.uint8 else x.astype(np.float32)


def _of_folder(place: Path) -> dict[str, np.ndarray]:
    found: dict[str, Path] = {}
    sets = set()
    for file in sorted(place.iterdir()):
        match = _IDX.fullmatch(file.name)
        if match is None:
            continue
        name, part, kind = match[1], match[2], match[3]
        sets.add(name)
        key = f"{'x' if kind == 'images' else 'y'}_{'train' if part == 'train' else 'test'}"
        found.setdefault(key, file)  # the plain one stands before the one that ends with .gz
    if len(sets) > 1:
        raise ValidationError(
            f"{place}: expected the IDX files of one data set, got those of {sorted(sets)}; put "
            "each into a folder of its own"
        )
    return {key: read_idx(file) for key, file in found.items()}
