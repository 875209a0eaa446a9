# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neuron with delta synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikesim.neurons.current import CurrentDriven, Derivatives
from spikesim.neurons.parameters import Value


@dataclass(frozen=True, eq=False, kw_only=True)
class LIFDelta(CurrentDriven):
    r"""LIF whose membrane jumps by the weight, solved exactly.

    ::

        tau_mem dv/dt = v_rest - v + resistance * i_ext,      v jumps by w at an arrival
        h = exp(-dt/tau_mem) v + (1 - exp(-dt/tau_mem)) (v_rest + R i_ext) + in_0

    An arrival in tick t acts at the end of the tick, and may fire the neuron in it, as in NEST's
    iaf_psc_delta. ``per_tick(dt)`` is the same neuron as ``neurons.LIF``, with constants per
    tick, the form that torch and hardware share; this one is independent of dt, and its threshold
    may adapt.

    Threshold, reset and refractory time: ``IntegrateAndFire``. Membrane: ``CurrentDriven``.

    Examples
    --------
    >>> LIFDelta(tau_mem=20e-3, t_ref=2e-3).states
    ('v',)
    """

    @property
    def membrane_states(self) -> tuple[str, ...]:
        """Only the membrane."""
        return ("v",)

    def synapses(self) -> tuple[list[str], list[str]]:
        """No line, and the input itself as a term of the membrane."""
        return [], ["in_0"]

    def deflections(self) -> Mapping[str, Value]:
        """By how many volts one unit of an input moves the membrane."""
        return {**super().deflections(), "syn": 1.0}

    def synapse_constants(self, dt: float) -> dict[str, Any]:
        """No constants."""
        return {}

    def canonical_synapse(self, dt: float) -> dict[str, Any]:
        """Give a weight as the jump of the membrane."""
        return {"alpha": 0.0, "gain": 1.0}

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equation between events, per second."""
        return {"v": np.asarray(self.toward(state["v"], 0.0, i_ext))}
