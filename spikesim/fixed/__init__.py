# SPDX-License-Identifier: Apache-2.0
"""Integer arithmetic shared by quantization-aware training, the golden model and the docs."""

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

__all__ = [
    "DECAY_BITS",
    "DECAY_ONE",
    "QFormat",
    "decay",
    "round_half_away",
    "round_shift",
    "sat_add",
    "saturate",
    "shift_left",
]
