# SPDX-License-Identifier: Apache-2.0
"""The 8x8 handwritten digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from spikesim.data.split import Split, stratified
from spikesim.errors import ValidationError


def digits(seed: int = 0, test_share: float = 0.2) -> Split:
    """1797 images of 8x8 pixels in 10 classes, split with equal class shares.

    Parameters
    ----------
    seed : int
        Which images are held out.
    test_share : float
        Their share; 0.2 gives 1437 training and 360 test images.

    Returns
    -------
    Split
        Images scaled to 0..1 in steps of 1/16.

    Raises
    ------
    ValidationError
        If scikit-learn is not installed.

    References
    ----------
    Alpaydin, Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository, 1998.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ValidationError(
            "digits: expected scikit-learn, which carries the images; pip install 'spikesim[train]'"
        ) from None
    raw = load_digits()
    x = (raw.images / 16.0).astype(np.float32)
    y = raw.target.astype(np.int64)
    train, test = stratified(y, test_share, seed)
    return Split("digits", x[train], y[train], x[test], y[test], seed, test_share)
