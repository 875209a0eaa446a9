# SPDX-License-Identifier: Apache-2.0
"""Integer arithmetic shared by quantization-aware training, the golden model and the docs.

``arith`` and ``qformat`` are the words of the core; ``settings``, ``constants``, ``weights`` and
``quantize`` choose integers for a population of LIF neurons, for training and compiling alike.
"""

from spikesim.fixed.arith import (
    DECAY_BITS,
    DECAY_ONE,
    decay,
    round_half_away,
    round_shift,
    sat_add,
    saturate,
    shift_left,
)
from spikesim.fixed.qformat import QFormat
from spikesim.fixed.settings import Quantization

__all__ = [
    "DECAY_BITS",
    "DECAY_ONE",
    "QFormat",
    "Quantization",
    "decay",
    "round_half_away",
    "round_shift",
    "sat_add",
    "saturate",
    "shift_left",
]
