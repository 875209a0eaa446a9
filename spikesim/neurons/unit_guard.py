# SPDX-License-Identifier: Apache-2.0
"""How far inputs move a membrane, as a coarse bound: enough to notice a wrong unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spikesim.neurons.parameters import Value

SLIPS = "was a unit such as mV or pA forgotten, or resistance or g_leak left at 1?"
LEAST = 1e-5
"""Part of what fires a neuron below which an input is none: pA into 1 ohm, nS beside 1 S."""
NEVER = 1e6
"""So much of an input fires no neuron in any unit: a threshold that is not to be reached."""
MOST_CURRENT = 1e3
"""Times the current that just fires a neuron."""
MOST_RISE = 3.0
"""Times the way from rest to threshold: such a rise ends the firing for several time constants."""


def largest(values: Any) -> float:
    """Largest finite magnitude; 0 when there is none."""
    if isinstance(values, (int, float, np.number)) or np.ndim(values) == 0:
        # One number, as nearly all of thousands of projections ask about: no arrays.
        size = abs(float(values))
        return size if math.isfinite(size) else 0.0
    sizes = np.abs(np.asarray(values, dtype=np.float64)).reshape(-1)
    return float(sizes[np.isfinite(sizes)].max(initial=0.0))


def settled(tau_syn: Value, tau_mem: Value) -> Any:
    """Bound of what a current that decays moves a membrane, relative to one that stays."""
    return np.minimum(1.0, np.asarray(tau_syn) / np.asarray(tau_mem))


def to_threshold(distance: Any, deflections: Mapping[str, Any]) -> dict[str, float]:
    """How much of each input moves the membrane by a distance; those without effect left out.

    >>> to_threshold(0.02, {"exc": 0.5, "inh": 0.0})
    {'exc': 0.04}
    """
    effects = {name: largest(value) for name, value in deflections.items()}
    far = largest(distance)
    return {name: far / size for name, size in effects.items() if size * far > 0}


def from_where(needed: float, again: float) -> str:
    """Say what the larger of two amounts of an input does, see ``input_doubt``.

    >>> from_where(1e-3, 20e-3), from_where(15e-3, 15e-3)
    ('the 0.02 that fires a neuron after a spike', 'the 0.015 that fires a neuron from rest')
    """
    when = "after a spike" if again > needed else "from rest"
    return f"the {max(needed, again):.3g} that fires a neuron {when}"


def input_doubt(what: str, value: float, needed: float, most: float, again: float = 0.0) -> str:
    """Why an input looks like one in another unit; empty when it does not.

    Parameters
    ----------
    what : str
        The input, for the message.
    value : float
        Its magnitude.
    needed : float
        How much of it fires a neuron, see ``to_threshold``.
    most : float
        How many times as much is still in order.
    again : float
        How much of it takes the membrane from reset to threshold: where that is more, as of a
        neuron that rests just below its threshold, it is the measure of what is too large.

    Examples
    --------
    >>> input_doubt("a current", 300e-12, 15e-3, 1e3)[:65]
    'expected a current that fits the membrane, got 3e-10, less than 1'
    >>> input_doubt("a current", 10e-3, 15e-3, 1e3), input_doubt("a current", 0.0, 15e-3, 1e3)
    ('', '')
    """
    if value == 0.0 or LEAST * needed <= value <= most * max(needed, again):
        return ""
    if value < needed:
        if needed >= NEVER:
            return ""
        side = f"less than {LEAST:g} of {from_where(needed, 0.0)}"
    else:
        side = f"more than {most:g} times {from_where(needed, again)}"
    return f"expected {what} that fits the membrane, got {value:.3g}, {side}; {SLIPS}"


def mixed_potentials(given: Iterable[tuple[str, Any]]) -> list[str]:
    """Why potentials look like volts beside millivolts; empty when they do not.

    >>> mixed_potentials([("v_rest", -65e-3), ("v_th", -50.0)])
    ['expected potentials in one unit, got v_rest = -0.065 and v_th = -50; did you mean -50e-3 V?']
    """
    values = dict(given)
    sizes = {name: largest(value) for name, value in values.items() if largest(value) > 0}
    if not sizes:
        return []
    low, high = min(sizes, key=lambda name: sizes[name]), max(sizes, key=lambda name: sizes[name])
    # The one like volts, the other like millivolts; a membrane of threshold 1 is neither.
    if not (5e-3 <= sizes[low] <= 0.2 and sizes[high] >= max(5.0, 100 * sizes[low])):
        return []
    first, other = (float(np.asarray(values[name]).reshape(-1)[0]) for name in (low, high))
    return [
        f"expected potentials in one unit, got {low} = {first:g} and {high} = {other:g}; did you "
        f"mean {other:g}e-3 V?"
    ]
