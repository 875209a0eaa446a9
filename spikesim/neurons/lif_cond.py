# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neuron with conductance synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from spikesim.neurons.current import Derivatives
from spikesim.neurons.firing import IntegrateAndFire
from spikesim.neurons.parameters import (
    ModelConductance,
    ModelCurrent,
    PotentialByReceptor,
    TimeConstant,
    TimeConstantByReceptor,
    Value,
    by_receptor,
    scalar_or_array,
)
from spikesim.neurons.synapses import arrival_constants, arrival_lines
from spikesim.neurons.unit_guard import settled


@dataclass(frozen=True, eq=False, kw_only=True)
class LIFCond(IntegrateAndFire):
    r"""LIF with conductances that jump by the weight and decay.

    ::

        tau_mem dv/dt = v_rest - v + (sum_r g_r (e_r - v) + i_ext) / g_leak
        tau_r  dg_r/dt = -g_r,      g_r jumps by w at an arrival on receptor r

    Tick t is the time from t dt to (t + 1) dt, arrivals at its start, sample and spike at
    its end, as in ``LIFExp``. Method "exponential": the membrane relaxes with the mean
    conductances of the tick, which is of second order in dt and stable for any dt::

        g_r <- exp(-dt/tau_r) g_r + in_r                        as of the start of the tick
        G    = 1 + sum_r m_r g_r,     m_r = mean of exp(-s/tau_r) over the tick, / g_leak
        x    = G dt / tau_mem
        h    = v + (dt/tau_mem) phi(x) (v_rest - v + sum_r m_r g_r (e_r - v) + i_ext/g_leak)

    where ``phi(x) = (1 - exp(-x)) / x`` is taken as ``(1 + x/10 + x^2/60) /
    (1 + 3x/5 + 3x^2/20 + x^3/60)``, which follows from the Padé approximant of exp(-x)
    and needs one division and no exp. Relative error of phi: below 1e-7 for x <= 0.3, below
    1e-4 for x <= 1; for any x > 0, 0 < x phi(x) < 1, so the membrane never overshoots.
    Method "euler": ``exp(-dt/tau_r)`` is 1 - dt/tau_r, and m_r g_leak and phi are 1.

    Threshold, reset, refractory time, min_isi: ``IntegrateAndFire``.

    Parameters
    ----------
    tau_mem : float or float array, shape (n,), seconds
        Membrane time constant without synaptic input.
    tau_syn : mapping of receptor to float or float array, shape (n,), seconds
        Time constant of each receptor; one value is one receptor ``"syn"``.
    e_rev : mapping of receptor to float or float array, shape (n,), volts
        Reversal potential of each receptor, the same names.
    g_leak : float or float array, shape (n,), siemens
        Leak conductance. With the default of 1 weights are multiples of it, and currents
        are volts.
    current : float or float array, shape (n,), ampere
        Constant current i_ext, which a current device may replace.
    method : {"exponential", "euler"}
        How the membrane steps.

    References
    ----------
    Vogels & Abbott (2005), J. Neurosci. 25:10786 (COBA); Diehl & Cook (2015), Front.
    Comput. Neurosci. 9:99 (method "euler", theta_plus, min_isi); Hochbruck & Ostermann
    (2010), Acta Numerica 19:209-286 (phi).

    Examples
    --------
    >>> cell = LIFCond(tau_syn={"exc": 5e-3, "inh": 10e-3}, e_rev={"exc": 0.0, "inh": -80e-3})
    >>> cell.states
    ('v', 'g_exc', 'g_inh')
    """

    acts_at: ClassVar[Literal["start", "end"]] = "start"

    tau_mem: TimeConstant = 20e-3
    tau_syn: TimeConstantByReceptor
    e_rev: PotentialByReceptor
    g_leak: ModelConductance = 1.0
    current: ModelCurrent = 0.0
    method: Literal["exponential", "euler"] = "exponential"

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the input channels."""
        return tuple(by_receptor(self.tau_syn))

    @property
    def conductances(self) -> tuple[str, ...]:
        """All of them."""
        return self.receptors

    @property
    def membrane_states(self) -> tuple[str, ...]:
        """Membrane (V) and the conductance of each receptor (S), as of the start of the tick."""
        return ("v", *(f"g_{r}" for r in self.receptors))

    def contradictions(self) -> list[str]:
        """Why legal parameters do not go together; empty when they do."""
        problems = super().contradictions()
        reversal = tuple(by_receptor(self.e_rev))
        if set(reversal) != set(self.receptors):
            problems.append(
                f"expected the same receptors in tau_syn and e_rev, got {self.receptors} and "
                f"{reversal}"
            )
        return problems

    def deflections(self) -> Mapping[str, Value]:
        """By how many volts one unit of an input moves the membrane at most."""
        leak, e_rev = np.asarray(self.g_leak), by_receptor(self.e_rev)
        pulls = {r: np.maximum(e_rev[r] - np.asarray(self.v_rest), 0.0) / leak for r in e_rev}
        taus = by_receptor(self.tau_syn)
        moved = {r: settled(tau, self.tau_mem) * pulls[r] for r, tau in taus.items()}
        return {"i_ext": scalar_or_array(1.0 / leak), **moved}

    def membrane(self) -> list[str]:
        """Lines that assign ``h``, the membrane at the end of the tick."""
        lines = arrival_lines("g", self.receptors)
        load, drive = "1.0", "v_rest - v + from_ext * i_ext"
        for r in self.receptors:
            load += f" + load_{r}"
            drive += f" + load_{r} * (e_{r} - v)"
        if self.method == "euler":
            return [*lines, f"h = v + rate * ({drive})"]
        return [
            *lines,
            f"x = rate * ({load})",
            "above = 1.0 + x * (0.1 + x * 0.016666666666666666)",
            "below = 1.0 + x * (0.6 + x * (0.15 + x * 0.016666666666666666))",
            f"h = v + (rate * above / below) * ({drive})",
        ]

    def membrane_constants(self, dt: float) -> dict[str, Any]:
        """Constants of these lines."""
        taus, reversal = by_receptor(self.tau_syn), by_receptor(self.e_rev)
        from_ext = scalar_or_array(1.0 / np.asarray(self.g_leak))
        chosen = arrival_constants(dt, taus, from_ext, euler=self.method == "euler")
        return chosen | {
            **{f"e_{r}": reversal[r] for r in taus},
            "rate": scalar_or_array(dt / np.asarray(self.tau_mem)),
            "v_rest": self.v_rest,
            "from_ext": from_ext,
            "i_ext": self.current,
        }

    def beyond_lif(self, dt: float) -> list[str]:
        """Name what ``neurons.LIF`` has no words for: conductances."""
        return ["conductances, whose effect depends on the membrane"]

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equations between events, per second."""
        v, taus = np.asarray(state["v"]), by_receptor(self.tau_syn)
        e_rev = by_receptor(self.e_rev)
        synapses = sum(np.asarray(state[f"g_{r}"]) * (e_rev[r] - v) for r in taus)
        pull = (synapses + np.asarray(i_ext)) / self.g_leak
        rates = {f"g_{r}": -np.asarray(state[f"g_{r}"]) / tau for r, tau in taus.items()}
        return {"v": (self.v_rest - v + pull) / self.tau_mem, **rates}
