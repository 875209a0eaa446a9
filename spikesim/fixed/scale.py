# SPDX-License-Identifier: Apache-2.0
"""Which populations must be quantized with one scale for all their neurons."""

from __future__ import annotations

from typing import Any

import numpy as np


def shares_constants(neuron: Any) -> bool:
    """Whether the scale changes constants that the core keeps once per population.

    These are the value of a hard reset, the amount of a soft one unless it is the stored
    threshold, the floor and the initial membrane.
    """
    soft_amount = neuron.reset == "soft" and (
        neuron.strict
        or (
            neuron.reset_amount is not None and not np.array_equal(neuron.reset_amount, neuron.v_th)
        )
    )
    floor = neuron.v_floor is not None and bool(np.isfinite(neuron.v_floor).all())
    return soft_amount or floor or bool(np.any(neuron.v_reset)) or bool(np.any(neuron.v_init))
