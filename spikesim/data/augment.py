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
    images : array, shape (n, ..., height, width)
        Images; what lies between, such as ticks and channels, moves together.
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
    height, width = images.shape[-2:]
    for dy, dx in sorted({*zip(down.tolist(), right.tolist(), strict=True)}):
        if abs(dy) >= height or abs(dx) >= width:
            continue  # nothing of the image is left
        chosen = np.flatnonzero((down == dy) & (right == dx))
        rows = slice(max(0, dy), height + min(0, dy)), slice(max(0, -dy), height + min(0, -dy))
        cols = slice(max(0, dx), width + min(0, dx)), slice(max(0, -dx), width + min(0, -dx))
        out[chosen, ..., rows[0], cols[0]] = images[chosen, ..., rows[1], cols[1]]
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
        """Shifted copies of images (n, ..., height, width)."""
        n = len(images)
        steps = rng.integers(-self.pixels, self.pixels + 1, size=(2, n))
        steps *= rng.random(n) < self.share
        return shift(images, steps[0], steps[1])


def warp(images: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Resample every image by its own affine map about its center, bilinear; zeros come in.

    Pixel ``p`` (row, column, from the center) of the result is the image at
    ``matrix @ p + offset``.

    Parameters
    ----------
    images : float array, shape (n, height, width)
        Images.
    matrix : float array, shape (n, 2, 2)
        Linear parts; the identity leaves the image.
    offset : float array, shape (n, 2), pixels
        Translations (row, column).

    Returns
    -------
    float32 array, shape (n, height, width)

    Examples
    --------
    >>> half = np.array([[0.0, 0.5]])
    >>> warp(np.array([[[0.0, 4.0, 0.0]]]), np.eye(2)[None], half).tolist()
    [[[2.0, 2.0, 0.0]]]
    """
    n, height, width = images.shape
    center = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = np.mgrid[:height, :width].reshape(2, -1).T - center
    at = np.einsum("nij,pj->npi", matrix, grid) + (offset[:, None] + center)
    # One ring of zeros; everything farther out is clamped onto it.
    at = np.clip(at, -1.0, [height, width]) + 1.0
    padded = np.zeros((n, height + 3, width + 3), dtype=np.float32)
    padded[:, 1 : height + 1, 1 : width + 1] = images
    low = np.floor(at).astype(np.int64)
    part = (at - low).astype(np.float32)
    flat = padded.reshape(-1)
    first = (np.arange(n)[:, None] * (height + 3) + low[..., 0]) * (width + 3) + low[..., 1]
    top = flat[first] * (1 - part[..., 1]) + flat[first + 1] * part[..., 1]
    below = first + width + 3
    bottom = flat[below] * (1 - part[..., 1]) + flat[below + 1] * part[..., 1]
    out = top * (1 - part[..., 0]) + bottom * part[..., 0]
    return np.asarray(out.reshape(n, height, width), dtype=np.float32)


@dataclass(frozen=True)
class Warp:
    """Random rotation, shear, scale and shift of every image, each uniform up to its limit.

    Parameters
    ----------
    rotation, shear : float, radians
        Largest angle.
    scale : float
        Largest relative change of either side length.
    pixels : float
        Largest shift; fractions are interpolated.

    Raises
    ------
    ValidationError
        If a limit is negative.
    """

    rotation: float = 0.15
    shear: float = 0.15
    scale: float = 0.1
    pixels: float = 0.5

    def __post_init__(self) -> None:
        if min(self.rotation, self.shear, self.scale, self.pixels) < 0:
            raise ValidationError(f"Warp: expected limits of 0 or more, got {self}")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Warped copies of images (n, height, width)."""
        n = len(images)
        limits = (self.rotation, self.shear, self.scale, self.scale)
        angle, shear, tall, wide = (rng.uniform(-limit, limit, n) for limit in limits)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.stack([(1 + tall) * cos, sin, shear - sin, (1 + wide) * cos], axis=-1)
        offset = rng.uniform(-self.pixels, self.pixels, (n, 2))
        return warp(images, matrix.reshape(n, 2, 2), offset)
