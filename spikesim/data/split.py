# SPDX-License-Identifier: Apache-2.0
"""A labelled data set with its held-out part."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from spikesim.core import stream
from spikesim.errors import ValidationError


@dataclass(frozen=True)
class Split:
    """Training and test part.

    Attributes
    ----------
    name : str
        Of the data set.
    x_train, x_test : float32 arrays, shape (n_images, height, width) or (n_images, ...), 0..1
        Images.
    y_train, y_test : int64 arrays, shape (n_images,)
        Labels.
    seed : int, optional
        Which images are held out; None where the set comes with a test part.
    test_share : float, optional
        How many of them, 0..1.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    seed: int | None = None
    test_share: float | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.y_train.max()) + 1

    @property
    def n_pixels(self) -> int:
        """Pixels per image."""
        return int(np.prod(self.x_train.shape[1:]))

    @property
    def digest(self) -> str:
        """Hash of all images and labels."""
        return digest(self.x_train, self.y_train, self.x_test, self.y_test)

    def validation(self, share: float, seed: int) -> Split:
        """Split the *training* part again, for choosing settings without seeing the test part."""
        kept, held = stratified(self.y_train, share, seed)
        return Split(
            f"{self.name}-validation", self.x_train[kept], self.y_train[kept],
            self.x_train[held], self.y_train[held], seed, share,
        )  # fmt: skip


def digest(*arrays: np.ndarray) -> str:
    """Hash of arrays with their types and shapes, 32 hexadecimal digits.

    Examples
    --------
    >>> digest(np.zeros(2)) == digest(np.zeros((2, 1)))
    False
    """
    found = hashlib.blake2b(digest_size=16)
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def stratified(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose a held-out part in which every class has the same share.

    Parameters
    ----------
    labels : int array, shape (n,)
        Classes.
    share : float
        Held-out share of all, 0 to 1. The parts have ``n - ceil(share n)`` and the rest.
    seed : int
        Seed.

    Returns
    -------
    kept, held : int64 arrays
        Indices, sorted.
    """
    if not 0.0 < share < 1.0:
        raise ValidationError(f"stratified split: share must lie between 0 and 1, got {share!r}")
    labels = np.asarray(labels)
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * share
    take = np.floor(exact).astype(int)
    rng = stream(seed, "stratified")
    # Largest remainders get one more, until the total is the wanted one; ties by chance.
    missing = int(np.ceil(share * len(labels))) - int(take.sum())
    order = np.lexsort((rng.random(len(classes)), -(exact - take)))
    take[order[:missing]] += 1
    held = np.concatenate(
        [
            rng.permutation(np.flatnonzero(labels == c))[:k]
            for c, k in zip(classes, take, strict=True)
        ]
    )
    held = np.sort(held)
    return np.setdiff1d(np.arange(len(labels)), held), held
