# SPDX-License-Identifier: Apache-2.0
"""Labelled images, encoded into the spikes a program takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikesim.core.npz import read_npz
from spikesim.errors import ValidationError

DATA_SETS = ("digits", "mnist", "fashion_mnist")


@dataclass(frozen=True)
class Samples:
    """Images as spikes.

    Attributes
    ----------
    name : str
        Data set or file.
    rasters : bool array, shape (n_images, steps, n_pixels)
        Input spikes, silent in the ticks that the later layers need to finish.
    labels : int64 array, shape (n_images,), or None
        True classes.
    """

    name: str
    rasters: np.ndarray
    labels: np.ndarray | None


def load_samples(
    data: str, *, seed: int, steps: int | None, latency: int, limit: int | None
) -> Samples:
    """Held-out images of a data set, or images of a file, as rate-coded spikes.

    Parameters
    ----------
    data : str
        One of ``DATA_SETS``, or an npz file with ``images`` (0..1 or uint8) and perhaps
        ``labels``.
    seed : int
        Which images of "digits" are held out.
    steps : int, optional
        Ticks of input per image; by default those the recipe of the data set was trained with.
    latency : int
        Silent ticks added at the end.
    limit : int, optional
        Take only that many images.

    Raises
    ------
    ValidationError
        If there is no such data set or file, or the file holds something else.
    """
    images, labels = _load(data, seed)
    if limit is not None:
        images = images[:limit]
        labels = None if labels is None else labels[:limit]
    ticks = _default_steps(data) if steps is None else steps
    if ticks < 1:
        raise ValidationError(f"run: expected steps >= 1, got {ticks}")
    return Samples(data, encode_images(images, ticks, latency), labels)


def encode_images(images: np.ndarray, steps: int, latency: int) -> np.ndarray:
    """Give the deterministic rate code, bool array of shape (n_images, steps + latency, n)."""
    import torch

    from spikesim.nn import encode

    spikes = encode.rate(torch.from_numpy(np.ascontiguousarray(images)), steps, dtype=torch.bool)
    rasters = np.zeros((len(images), steps + latency, spikes.shape[2]), dtype=bool)
    rasters[:, :steps] = spikes.numpy().transpose(1, 0, 2)
    return rasters


def _load(data: str, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    if data in DATA_SETS:
        from spikesim import data as sets

        split = sets.digits(seed) if data == "digits" else getattr(sets, data)()
        return split.x_test, split.y_test
    path = Path(data)
    if not path.is_file():
        raise ValidationError(
            f"--data {data!r}: expected one of {', '.join(DATA_SETS)} or an npz file with "
            "arrays 'images' and perhaps 'labels'; there is no such file"
        )
    return _from_file(path)


def _from_file(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    stored = read_npz(path, str(path), ("images", "labels"))
    images, labels = stored.get("images"), stored.get("labels")
    if images is None or images.ndim < 2 or images.dtype.kind not in "uf":
        raise ValidationError(
            f"{path}: expected array 'images' of shape (n, ...), uint8 or float in 0..1, got "
            f"arrays {sorted(stored)}"
        )
    if images.size and (not np.isfinite(images).all() or images.min() < 0):
        raise ValidationError(f"{path}: expected images of uint8 or of 0..1, got others")
    if labels is not None and labels.dtype.kind not in "iu":
        raise ValidationError(f"{path}: expected labels as integers, got {labels.dtype}")
    if labels is not None and labels.shape != images.shape[:1]:
        raise ValidationError(
            f"{path}: expected {len(images)} labels, one per image, got shape {labels.shape}"
        )
    if images.dtype != np.uint8:
        images = images.astype(np.float32)
    return images, None if labels is None else labels.astype(np.int64)


def _default_steps(data: str) -> int:
    from spikesim.nn import recipes

    return recipes.MNIST.steps if "mnist" in data else recipes.DIGITS.steps
