# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neuron with alpha-function current synapses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from spikesim.neurons.current import CurrentDriven, Derivatives, fan_out
from spikesim.neurons.parameters import TimeConstantByReceptor, Value, by_receptor, scalar_or_array
from spikesim.neurons.propagators import decay, exponential_input, linear_exponential_input
from spikesim.neurons.unit_guard import settled


@dataclass(frozen=True, eq=False, kw_only=True)
class LIFAlpha(CurrentDriven):
    r"""LIF with currents that rise and fall as an alpha function, solved exactly.

    An arrival at s = 0 adds ``w * (s/tau_r) * exp(1 - s/tau_r)``: the peak, w, is reached
    tau_r after it. As two equations::

        tau_mem  dv/dt = v_rest - v + resistance * (sum_r i_r + i_ext)
        tau_r  di_r/dt = rise_r - i_r
        tau_r drise_r/dt = -rise_r,      rise_r jumps by e * w at an arrival

    In each tick, all as of its start, then the membrane to its end as in ``LIFExp``::

        i_r    <- exp(-dt/tau_r) (i_r + (dt/tau_r) rise_r)
        rise_r <- exp(-dt/tau_r) rise_r + e in_r
        h       = exp(-dt/tau_mem) v + sum_r (p_r i_r + q_r rise_r) + ...

    with ``q_r`` of ``propagators.linear_exponential_input`` times the resistance.

    Threshold, reset and refractory time: ``IntegrateAndFire``. Membrane: ``CurrentDriven``.

    Parameters
    ----------
    tau_syn : float or float array, shape (n,), seconds; or a mapping of receptor to such
        Time to the peak of each receptor; one value is one receptor ``"syn"``.

    References
    ----------
    Rotter & Diesmann (1999), Biol. Cybern. 81:381-402, section 3.1.3.

    Examples
    --------
    >>> LIFAlpha(tau_syn=2e-3).states
    ('v', 'i_syn', 'rise_syn')
    """

    acts_at: ClassVar[Literal["start", "end"]] = "start"

    tau_syn: TimeConstantByReceptor = 2e-3

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the input channels."""
        return tuple(by_receptor(self.tau_syn))

    @property
    def membrane_states(self) -> tuple[str, ...]:
        """Membrane (V), and current and rise of each receptor (A)."""
        return ("v", *(f"{kind}_{r}" for r in self.receptors for kind in ("i", "rise")))

    def synapses(self) -> tuple[list[str], list[str]]:
        """Lines of the currents, and their terms in the membrane."""
        lines, terms = [], []
        for k, r in enumerate(self.receptors):
            lines.append(f"i_{r} = alpha_{r} * i_{r} + grow_{r} * rise_{r}")
            lines.append(f"rise_{r} = alpha_{r} * rise_{r} + jump * in_{k}")
            terms += [f"from_{r} * i_{r}", f"ahead_{r} * rise_{r}"]
        return lines, terms

    def deflections(self) -> Mapping[str, Value]:
        """By how many volts one unit of an input moves the membrane at most."""
        taus = by_receptor(self.tau_syn)
        moved = {
            r: settled(np.multiply(np.e, tau), self.tau_mem) * self.resistance
            for r, tau in taus.items()
        }
        return {**super().deflections(), **moved}

    def synapse_constants(self, dt: float) -> dict[str, Any]:
        """Decay and growth of each current per tick, and what it adds to the membrane."""
        taus = by_receptor(self.tau_syn)
        decays: dict[str, Value] = {}
        grows: dict[str, Value] = {}
        added: dict[str, Value] = {}
        ahead: dict[str, Value] = {}
        for r, tau in taus.items():
            decays[r] = decay(dt, tau)
            grows[r] = scalar_or_array(decays[r] * (dt / np.asarray(tau)))
            for target, propagator in (
                (added, exponential_input),
                (ahead, linear_exponential_input),
            ):
                target[r] = scalar_or_array(propagator(dt, self.tau_mem, tau) * self.resistance)
        constants: dict[str, Any] = fan_out(decays, "alpha") | fan_out(grows, "grow")
        return constants | fan_out(added, "from") | fan_out(ahead, "ahead") | {"jump": math.e}

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equations between events, per second."""
        taus = by_receptor(self.tau_syn)
        rates: Derivatives = {}
        for r, tau in taus.items():
            current, rise = np.asarray(state[f"i_{r}"]), np.asarray(state[f"rise_{r}"])
            rates |= {f"i_{r}": (rise - current) / tau, f"rise_{r}": -rise / tau}
        total = sum(state[f"i_{r}"] for r in taus)
        return {"v": np.asarray(self.toward(state["v"], total, i_ext)), **rates}
