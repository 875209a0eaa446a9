# SPDX-License-Identifier: Apache-2.0
"""Data sets as plain arrays, and augmentation."""

from spikesim.data.augment import Shift, shift
from spikesim.data.digits import digits
from spikesim.data.images import fashion_mnist, mnist
from spikesim.data.split import Split

__all__ = ["Shift", "Split", "digits", "fashion_mnist", "mnist", "shift"]
