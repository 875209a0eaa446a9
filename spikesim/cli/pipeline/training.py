# SPDX-License-Identifier: Apache-2.0
"""Trained networks of the demo, kept on disk until what made them changes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

import spikesim
from spikesim.core import read_archive, write_archive

_VERSION = 1
# What decides the outcome of a training run besides recipe and seed.
_SOURCES = ("nn", "fixed", "data", "core/random.py")
QUICK_EPOCHS = (3, 1)


@dataclass(frozen=True)
class TrainedFiles:
    """Where one trained network and its held-out images are.

    Attributes
    ----------
    seed : int
    network, samples : Path
        Network file; archive of ``rasters``, ``labels`` and ``images``.
    """

    seed: int
    network: Path
    samples: Path

    @property
    def present(self) -> bool:
        """Whether nothing has to be trained."""
        return self.network.is_file() and self.samples.is_file()


@dataclass(frozen=True)
class HeldOut:
    """Held-out images of one seed.

    Attributes
    ----------
    rasters : bool array, shape (n_images, steps, n_pixels)
        As sent to every engine.
    labels : int64 array, shape (n_images,)
    images : float32 array, shape (n_images, height, width), 0..1
    """

    rasters: np.ndarray
    labels: np.ndarray
    images: np.ndarray

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> HeldOut:
        """Read what ``train_seed`` wrote."""
        _, arrays = read_archive(path, "samples", _VERSION, {"seed": int})
        rasters = arrays.take("rasters", "b", None, None, None)
        n = len(rasters)
        return cls(
            rasters, arrays.take("labels", "iu", n), arrays.take("images", "f", n, None, None)
        )


def trained_files(folder: Path, seed: int, quick: bool) -> TrainedFiles:
    """Name the files of a seed; the name changes with recipe, sources and torch."""
    key = _key(seed, quick)
    stem = f"digits-seed{seed}-{key}"
    return TrainedFiles(seed, folder / f"{stem}.net.npz", folder / f"{stem}.samples.npz")


def train_seed(files: TrainedFiles, quick: bool) -> float:
    """Train one network and write it with its held-out images; give the seconds it took."""
    from dataclasses import replace

    from spikesim.nn import recipes

    recipe = recipes.DIGITS
    if quick:
        recipe = replace(recipe, epochs=QUICK_EPOCHS[0], integer_epochs=QUICK_EPOCHS[1])
    model = recipes.digits(files.seed, recipe=recipe)
    files.network.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "rasters": model.rasters("test"),
        "labels": model.split.y_test,
        "images": model.split.x_test,
    }
    write_archive(files.samples, "samples", _VERSION, {"seed": files.seed}, arrays)
    model.network().save(files.network)
    return model.seconds


def _key(seed: int, quick: bool) -> str:
    root = Path(spikesim.__file__).parent
    digest = hashlib.sha256(f"{seed} {quick} {QUICK_EPOCHS} {_VERSION}".encode())
    for name in ("torch", "numpy", "scikit-learn"):
        digest.update(f"{name} {metadata.version(name)}".encode())
    for source in _SOURCES:
        place = root / source
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
