# SPDX-License-Identifier: Apache-2.0
"""Data sets as plain arrays, and augmentation."""

from spikesim.data.augment import Shift, Warp, shift, warp
from spikesim.data.digits import digits
from spikesim.data.images import fashion_mnist, mnist
from spikesim.data.provenance import Provenance
from spikesim.data.split import Split

__all__ = [
    "Provenance", "Shift", "Split", "Warp", "digits", "fashion_mnist", "mnist", "shift", "warp",
]  # fmt: skip
