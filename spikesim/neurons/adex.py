# SPDX-License-Identifier: Apache-2.0
"""Adaptive exponential integrate-and-fire neuron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spikesim.neurons.current import Derivatives
from spikesim.neurons.midpoint import midpoint_lines
from spikesim.neurons.parameters import (
    Capacitance,
    Conductance,
    Current,
    Duration,
    LeakConductance,
    ParametricModel,
    SIPotential,
    SIPotentialByReceptor,
    SlopeFactor,
    SlowTimeConstant,
    Substeps,
    TimeConstantByReceptor,
    by_receptor,
    scalar_or_array,
)
from spikesim.neurons.synapses import arrival_constants, arrival_lines
from spikesim.neurons.unit_guard import settled, to_threshold


@dataclass(frozen=True, eq=False, kw_only=True)
class AdEx(ParametricModel):
    r"""Adaptive exponential integrate-and-fire neuron.

    ::

        C dv/dt     = g_leak (v_rest - v) + g_leak delta_t exp((v - v_t) / delta_t) - w
                      + synapses + i_ext
        tau_w dw/dt = a (v - v_rest) - w
        v >= v_peak: spike, v <- v_reset, w <- w + b

    with synapses ``sum_r i_r`` or, with reversal potentials, ``sum_r g_r (e_r - v)``, each
    decaying with tau_r and jumping by the weight at the start of the tick of arrival. A tick
    is ``substeps`` explicit midpoint steps (second order) with the mean synapses of the
    tick. v stops at v_peak and fires at the end of the tick, so the exponential is bounded; exp
    in a template saturates besides. While refractory v stands still and w goes on.

    Parameters
    ----------
    capacitance : float or float array, shape (n,), farad
        Membrane capacitance C.
    g_leak : float or float array, shape (n,), siemens
        Leak conductance.
    v_rest, v_t, delta_t : float or float array, shape (n,), volts
        Leak reversal, soft threshold, and slope factor of the exponential.
    v_peak, v_reset : float or float array, shape (n,), volts
        Where a spike is counted, and where the membrane is put then.
    a : float or float array, shape (n,), siemens
        Coupling of the adaptation current w to the membrane.
    b : float or float array, shape (n,), ampere
        Rise of w at each spike.
    tau_w : float or float array, shape (n,), seconds
        Time constant of w.
    tau_syn : float or float array, shape (n,), seconds; or a mapping of receptor to such
        Time constant of each receptor; one value is one receptor ``"syn"``.
    e_rev : mapping of receptor to float or float array, shape (n,), volts, or None
        Reversal potentials: weights are siemens. None: weights are amperes.
    t_ref : float or float array, shape (n,), seconds
        Refractory time, a multiple of dt.
    current : float or float array, shape (n,), ampere
        Constant current i_ext, which a current device may replace.
    v_init : float or float array, shape (n,), volts, or None
        Membrane before the first tick; None is v_rest.
    substeps : int
        Integration steps per tick.

    References
    ----------
    Brette & Gerstner (2005), J. Neurophysiol. 94:3637-3642 (the defaults); Naud et al.
    (2008), Biol. Cybern. 99:335-347 (firing patterns).

    Examples
    --------
    >>> AdEx(e_rev={"exc": 0.0}, tau_syn={"exc": 3e-3}).states
    ('v', 'w', 'g_exc')
    """

    acts_at: ClassVar[Literal["start", "end"]] = "start"

    capacitance: Capacitance = 281e-12
    g_leak: LeakConductance = 30e-9
    v_rest: SIPotential = -70.6e-3
    v_t: SIPotential = -50.4e-3
    delta_t: SlopeFactor = 2e-3
    v_peak: SIPotential = 20e-3
    v_reset: SIPotential = -70.6e-3
    a: Conductance = 4e-9
    b: Current = 80.5e-12
    tau_w: SlowTimeConstant = 144e-3
    tau_syn: TimeConstantByReceptor = 5e-3
    e_rev: SIPotentialByReceptor | None = None
    t_ref: Duration = 0.0
    current: Current = 0.0
    v_init: SIPotential | None = None
    substeps: Substeps = 1

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the input channels."""
        return tuple(by_receptor(self.tau_syn))

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]  # follows from the fields
        """Membrane (V), adaptation (A), and the current (A) or conductance (S) by receptor."""
        return ("v", "w", *(f"{self._prefix}_{r}" for r in self.receptors))

    @property
    def conductances(self) -> tuple[str, ...]:
        """All receptors where they have reversal potentials."""
        return () if self.e_rev is None else self.receptors

    @property
    def _prefix(self) -> str:
        return "i" if self.e_rev is None else "g"

    def contradictions(self) -> list[str]:
        """Why legal parameters do not go together; empty when they do."""
        problems = super().contradictions()
        if np.any(np.asarray(self.v_reset) >= np.asarray(self.v_peak)):
            problems.append(f"expected v_reset < v_peak, got {self.v_reset} and {self.v_peak}")
        if self.e_rev is not None and set(by_receptor(self.e_rev)) != set(self.receptors):
            problems.append(
                f"expected the same receptors in tau_syn and e_rev, got {self.receptors} and "
                f"{tuple(by_receptor(self.e_rev))}"
            )
        return problems

    def to_threshold(self) -> dict[str, float]:
        """How much of an input takes the membrane from rest to v_t, by itself."""
        return to_threshold(np.subtract(self.v_t, self.v_rest), self._deflections())

    def from_reset(self) -> dict[str, float]:
        """How much of an input takes the membrane from v_reset to v_t, by itself."""
        return to_threshold(np.subtract(self.v_t, self.v_reset), self._deflections())

    def _deflections(self) -> dict[str, Any]:
        """By how many volts one unit of an input moves the membrane at most."""
        leak = np.asarray(self.g_leak)
        tau_mem = np.asarray(self.capacitance) / leak
        pulls: dict[str, Any] = dict.fromkeys(self.receptors, 1.0)
        if self.e_rev is not None:
            e_rev = by_receptor(self.e_rev)
            pulls = {r: np.maximum(e_rev[r] - np.asarray(self.v_rest), 0.0) for r in e_rev}
        taus = by_receptor(self.tau_syn)
        moved = {r: settled(tau, tau_mem) * pulls[r] / leak for r, tau in taus.items()}
        return {"i_ext": 1.0 / leak, **moved}

    def constants(self, dt: float, n: int) -> dict[str, Any]:
        """Constants of the template for ticks of ``dt`` seconds.

        Raises
        ------
        ValidationError
            If t_ref is no multiple of dt.
        """
        part, leak = dt / self.substeps, np.asarray(self.g_leak)
        per_leak, slope = scalar_or_array(1.0 / leak), 1.0 / np.asarray(self.delta_t)
        taus = by_receptor(self.tau_syn)
        chosen = arrival_constants(dt, taus, per_leak)
        if self.e_rev is not None:
            chosen |= {f"e_{r}": by_receptor(self.e_rev)[r] for r in taus}
        return chosen | {
            "rate": scalar_or_array(part * leak / np.asarray(self.capacitance)),
            "rate_w": scalar_or_array(part / np.asarray(self.tau_w)),
            "per_leak": per_leak,
            "slope": scalar_or_array(slope),
            "length": self.ticks("t_ref", dt),
            **{key: getattr(self, key) for key in ("v_rest", "v_t", "delta_t", "a", "b")},
            **{key: getattr(self, key) for key in ("v_peak", "v_reset")},
            "i_ext": self.current,
        }

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """Membrane at v_init, adaptation in balance with it, no input, not refractory."""
        start: dict[str, npt.NDArray[Any]] = {name: np.zeros(n) for name in self.states}
        v_init = self.v_rest if self.v_init is None else self.v_init
        start["v"] = np.full(n, v_init, dtype=np.float64)
        start["w"] = np.full(n, self.a * (start["v"] - self.v_rest))
        return start | {"refr": np.zeros(n, dtype=np.int32)}

    def template(self) -> str:
        """Update of one neuron in one tick; see the equations of the class."""
        drive = "drive + v_rest - {v} + delta_t * exp(({v} - v_t) * slope) - per_leak * {w}"
        given = "per_leak * i_ext"
        for r in self.receptors:
            if self.e_rev is None:
                given += f" + load_{r}"
            else:
                drive += f" + load_{r} * (e_{r} - {{v}})"
        steps = {"v": f"pace * ({drive})", "w": "rate_w * (a * ({v} - v_rest) - {w})"}
        lines = [
            *arrival_lines(self._prefix, self.receptors),
            f"drive = {given}",
            "pace = 0.0 if refr > 0 else rate",
            *midpoint_lines(steps, self.substeps, {"v": "v_peak"}),
            "spike = (v >= v_peak) & (refr == 0)",
            "v = v_reset if spike else v",
            "w = w + b if spike else w",
            "refr = length if spike else (refr - 1 if refr > 0 else 0)",
        ]
        return "\n".join(lines)

    def beyond_lif(self, dt: float) -> list[str]:
        """Name what ``neurons.LIF`` has no words for: all that is not a leak."""
        return ["an exponential upstroke", "an adaptation current"]

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equations between spikes, per second."""
        v, w = np.asarray(state["v"]), np.asarray(state["w"])
        taus, prefix = by_receptor(self.tau_syn), self._prefix
        synapses = {r: np.asarray(state[f"{prefix}_{r}"]) for r in taus}
        current = i_ext - w
        for r, synapse in synapses.items():
            pull = 1.0 if self.e_rev is None else by_receptor(self.e_rev)[r] - v
            current = current + synapse * pull
        upstroke = self.delta_t * np.exp((v - self.v_t) / self.delta_t)
        return {
            "v": (self.g_leak * (self.v_rest - v + upstroke) + current) / self.capacitance,
            "w": (self.a * (v - self.v_rest) - w) / self.tau_w,
            **{f"{prefix}_{r}": -synapse / taus[r] for r, synapse in synapses.items()},
        }
