# SPDX-License-Identifier: Apache-2.0
"""Labelled images, encoded into the spikes a program takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikesim.cli.presentation import DATA_SETS, Presentation
from spikesim.core.npz import read_npz
from spikesim.data.provenance import Provenance
from spikesim.errors import ValidationError

_MOST_BYTES = 4 * 10**9


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


def load_samples(wanted: Presentation, *, latency: int, limit: int | None) -> Samples:
    """Held-out images of a data set, or images of a file, as rate-coded spikes.

    Parameters
    ----------
    wanted : Presentation
        A file holds ``images`` (0..1 or uint8) and perhaps ``labels``.
    latency : int
        Silent ticks added at the end.
    limit : int, optional
        Take only that many images.

    Raises
    ------
    ValidationError
        If there is no such data set or file, the file holds something else, or the spikes would
        not fit into memory.
    """
    images, labels = _load(wanted)
    if limit is not None:
        images = images[:limit]
        labels = None if labels is None else labels[:limit]
    ticks = wanted.steps
    if ticks < 1:
        raise ValidationError(f"run: expected steps >= 1, got {ticks}")
    size = int(images[0].size if len(images) else 0) * len(images) * (ticks + latency)
    if size > _MOST_BYTES:
        raise ValidationError(
            f"run: {len(images):,} images of {ticks:,} ticks would take {size / 1e9:,.3g} GB of "
            f"spikes, more than {_MOST_BYTES / 1e9:g}; give fewer --steps or a --limit"
        )
    return Samples(wanted.data, encode_images(images, ticks, latency), labels)


def encode_images(images: np.ndarray, steps: int, latency: int) -> np.ndarray:
    """Give the deterministic rate code, bool array of shape (n_images, steps + latency, n)."""
    import torch

    from spikesim.nn import encode

    flat = torch.from_numpy(np.ascontiguousarray(images)).flatten(1)
    spikes = encode.rate(flat, steps, dtype=torch.bool)
    rasters = np.zeros((len(images), steps + latency, spikes.shape[2]), dtype=bool)
    rasters[:, :steps] = spikes.numpy().transpose(1, 0, 2)
    return rasters


def _load(wanted: Presentation) -> tuple[np.ndarray, np.ndarray | None]:
    from spikesim import data as sets

    data, own = wanted.data, wanted.own
    if data in DATA_SETS:
        split = sets.digits(wanted.seed) if data == "digits" else getattr(sets, data)()
        return split.x_test, split.y_test
    path = Path(data)
    if own is not None and path.exists():
        held_out = _held_out(path, own)
        if held_out is not None:
            return held_out
        if own.data == data:
            raise ValidationError(
                f"{path}: expected the images and labels that the network was trained on, got "
                "others, of which nobody knows a held-out part; give --data with images to test on"
            )
    if not path.is_file():
        raise ValidationError(
            f"--data {data!r}: expected one of {', '.join(DATA_SETS)} or an npz file with "
            "arrays 'images' and perhaps 'labels'; there is no such file"
        )
    return _from_file(path)


def _held_out(path: Path, own: Provenance) -> tuple[np.ndarray, np.ndarray] | None:
    """Held-out part of the data that a network was trained on; None for other data."""
    from spikesim import data as sets

    share = {} if own.test_share is None else {"test_share": own.test_share}
    try:
        split = sets.load(path, seed=own.split_seed or 0, **share)
    except ValidationError:  # not images and labels: other data, of which more is said elsewhere
        return None
    return (split.x_test, split.y_test) if split.digest == own.digest else None


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
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise ValidationError(
            f"{path}: expected {len(images)} integer labels, one per image, got dtype "
            f"{labels.dtype}, shape {labels.shape}"
        )
    if images.dtype != np.uint8:
        images = images.astype(np.float32)
    return images, None if labels is None else labels.astype(np.int64)
