# SPDX-License-Identifier: Apache-2.0
"""Exponential synapses of models that see the mean of a synapse over the tick.

An arrival acts at the start of its tick. The state ``g`` is the synapse as of that
moment, and ``load = mean * g`` what it is on average until the end of the tick, in the
units of the membrane equation. Replacing the decaying synapse by its mean leaves an error
of second order in dt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikesim.neurons.parameters import Value, scalar_or_array
from spikesim.neurons.propagators import decay, euler_decay, mean_over_tick


def arrival_lines(prefix: str, receptors: Sequence[str]) -> list[str]:
    """Lines that bring the states ``prefix_receptor`` to this tick and assign ``load_receptor``."""
    lines = []
    for k, r in enumerate(receptors):
        lines.append(f"{prefix}_{r} = alpha_{r} * {prefix}_{r} + in_{k}")
        lines.append(f"load_{r} = mean_{r} * {prefix}_{r}")
    return lines


def arrival_constants(
    dt: float, taus: Mapping[str, Value], scale: Value, euler: bool = False
) -> dict[str, Any]:
    """Constants of these lines.

    Parameters
    ----------
    dt : float
        Tick in seconds.
    taus : mapping of receptor to float or float array, seconds
    scale : float or float array
        Factor from the unit of the weight to the unit of the membrane equation.
    euler : bool
        Decay by ``1 - dt / tau``, and the value at the start in place of the mean.

    Raises
    ------
    ValidationError
        If a time constant is shorter than an Euler step.
    """
    chosen: dict[str, Any] = {}
    for r, tau in taus.items():
        step = euler_decay(dt, tau, f"tau_syn[{r!r}]") if euler else decay(dt, tau)
        mean = 1.0 if euler else mean_over_tick(dt, tau)
        chosen |= {f"alpha_{r}": step, f"mean_{r}": scalar_or_array(np.multiply(mean, scale))}
    return chosen
