# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neuron with exponential current synapses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from spikesim.neurons.current import CurrentDriven, Derivatives, fan_out
from spikesim.neurons.parameters import TimeConstantByReceptor, Value, by_receptor, scalar_or_array
from spikesim.neurons.propagators import decay, exponential_input
from spikesim.neurons.unit_guard import settled


@dataclass(frozen=True, eq=False, kw_only=True)
class LIFExp(CurrentDriven):
    r"""LIF with currents that jump by the weight and decay, solved exactly.

    ::

        tau_mem dv/dt = v_rest - v + resistance * (sum_r i_r + i_ext)
        tau_r  di_r/dt = -i_r,      i_r jumps by w at an arrival on receptor r

    Tick t is the time from t dt to (t + 1) dt. What arrives in tick t arrives at its start;
    the membrane is sampled, and a spike happens, at its end::

        i_r <- exp(-dt/tau_r) i_r + in_r                       as of the start of the tick
        h    = exp(-dt/tau_mem) v + sum_r p_r i_r + (1 - exp(-dt/tau_mem)) (v_rest + R i_ext)

    with ``p_r`` of ``propagators.exponential_input`` times the resistance. A spike of tick t
    through ``delay_ticks=d`` so begins to move the target (d - 1) dt after it happened; a delay
    in seconds is what passes until then, as in NEST and Brian2.

    Threshold, reset and refractory time: ``IntegrateAndFire``. Membrane: ``CurrentDriven``.

    Parameters
    ----------
    tau_syn : float or float array, shape (n,), seconds; or a mapping of receptor to such
        Time constant of each receptor; one value is one receptor ``"syn"``.

    References
    ----------
    Rotter & Diesmann (1999), Biol. Cybern. 81:381-402; Vogels & Abbott (2005), J. Neurosci.
    25:10786 (CUBA: resistance 1, weights in volts).

    Examples
    --------
    >>> cell = LIFExp(tau_syn={"exc": 5e-3, "inh": 10e-3}, v_rest=-49e-3, t_ref=5e-3)
    >>> cell.receptors
    ('exc', 'inh')
    >>> cell.states
    ('v', 'i_exc', 'i_inh')
    """

    acts_at: ClassVar[Literal["start", "end"]] = "start"

    tau_syn: TimeConstantByReceptor = 5e-3

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the input channels."""
        return tuple(by_receptor(self.tau_syn))

    @property
    def membrane_states(self) -> tuple[str, ...]:
        """Membrane (V) and the current of each receptor (A), as of the start of the tick."""
        return ("v", *(f"i_{r}" for r in self.receptors))

    def synapses(self) -> tuple[list[str], list[str]]:
        """Lines of the currents, and their terms in the membrane."""
        names = self.receptors
        lines = [f"i_{r} = alpha_{r} * i_{r} + in_{k}" for k, r in enumerate(names)]
        return lines, [f"from_{r} * i_{r}" for r in names]

    def deflections(self) -> Mapping[str, Value]:
        """By how many volts one unit of an input moves the membrane at most."""
        taus = by_receptor(self.tau_syn)
        moved = {r: settled(tau, self.tau_mem) * self.resistance for r, tau in taus.items()}
        return {**super().deflections(), **moved}

    def synapse_constants(self, dt: float) -> dict[str, Any]:
        """Decay of each current per tick, and what it adds to the membrane."""
        taus = by_receptor(self.tau_syn)
        added = {
            r: scalar_or_array(exponential_input(dt, self.tau_mem, tau) * self.resistance)
            for r, tau in taus.items()
        }
        decays = {r: decay(dt, tau) for r, tau in taus.items()}
        return fan_out(decays, "alpha") | fan_out(added, "from")

    def canonical_synapse(self, dt: float) -> dict[str, Any]:
        """Give a current that decays, and moves the membrane as its propagator says."""
        constants, (receptor,) = self.synapse_constants(dt), self.receptors
        return {"alpha": constants[f"alpha_{receptor}"], "gain": constants[f"from_{receptor}"]}

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equations between events, per second."""
        taus = by_receptor(self.tau_syn)
        currents = {f"i_{r}": -np.asarray(state[f"i_{r}"]) / tau for r, tau in taus.items()}
        total = sum(state[f"i_{r}"] for r in taus)
        return {"v": np.asarray(self.toward(state["v"], total, i_ext)), **currents}
