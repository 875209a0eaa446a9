# SPDX-License-Identifier: Apache-2.0
"""Random changes of training images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikesim.errors import ValidationError


def shift(images: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Move every image by its own whole number of pixels; zeros come in.

    Parameters
    ----------
    images : array, shape (n, height, width)
        Images.
    down, right : int arrays, shape (n,)
        Pixels to move by.

    Returns
    -------
    array, shape and dtype of ``images``

    Examples
    --------
    >>> shift(np.array([[[1, 2], [3, 4]]]), np.array([1]), np.array([0])).tolist()
    [[[0, 0], [1, 2]]]
    """
    out = np.zeros_like(images)
    height, width = images.shape[1:]
    for dy, dx in sorted({*zip(down.tolist(), right.tolist(), strict=True)}):
        chosen = np.flatnonzero((down == dy) & (right == dx))
        rows = slice(max(0, dy), height + min(0, dy)), slice(max(0, -dy), height + min(0, -dy))
        cols = slice(max(0, dx), width + min(0, dx)), slice(max(0, -dx), width + min(0, -dx))
        out[chosen, rows[0], cols[0]] = images[chosen, rows[1], cols[1]]
    return out


@dataclass(frozen=True)
class Shift:
    """Random shifts by up to ``pixels`` in both directions, for a share of the images.

    Parameters
    ----------
    pixels : int
        Largest shift.
    share : float
        Share of images that may move; the others stay as they are. Images that fill their frame
        (the 8x8 digits) lose strokes when shifted and want a share well below 1.

    Raises
    ------
    ValidationError
        If a value is out of range.
    """

    pixels: int = 1
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.pixels < 0 or not 0.0 <= self.share <= 1.0:
            raise ValidationError(
                f"Shift: expected pixels >= 0 and share in 0..1, got {self.pixels}, {self.share}"
            )

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Shifted copies of images (n, height, width)."""
        n = len(images)
        steps = rng.integers(-self.pixels, self.pixels + 1, size=(2, n))
        steps *= rng.random(n) < self.share
        return shift(images, steps[0], steps[1])
