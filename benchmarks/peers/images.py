# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for handwritten digits, so that speed is measured without a data set."""

from __future__ import annotations

import numpy as np

MEAN_GRAY = 33.3
"""Mean pixel of MNIST, 0 to 255; sets the number of input spikes and so the cost."""


def strokes(count: int, seed: int = 0) -> np.ndarray:
    """Gray images of one thick smooth stroke each.

    Returns
    -------
    uint8 array, shape (count, 784)
        Mean close to that of MNIST.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:28, 0:28]
    images = np.zeros((count, 28, 28))
    for image in images:
        heading, place = rng.uniform(0, 2 * np.pi), np.array([14.0, 14.0])
        place -= 6.0 * np.array([np.sin(heading), np.cos(heading)])
        bend = rng.normal(0.0, 0.18)
        for _ in range(24):
            place = np.clip(place + 0.9 * np.array([np.sin(heading), np.cos(heading)]), 4, 24)
            heading += bend + rng.normal(0.0, 0.15)
            np.maximum(image, _dot(y - place[0], x - place[1]), out=image)
        image *= MEAN_GRAY / 255.0 / image.mean()
    return (np.clip(images, 0.0, 1.0) * 255).astype(np.uint8).reshape(count, 784)


def _dot(dy: np.ndarray, dx: np.ndarray) -> np.ndarray:
    return np.exp(-((dy**2 + dx**2) / 5.0))
