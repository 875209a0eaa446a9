# SPDX-License-Identifier: Apache-2.0
"""Leaky membranes driven by currents; linear between spikes, so they are solved exactly."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from spikesim.neurons.firing import IntegrateAndFire
from spikesim.neurons.lif import LIF
from spikesim.neurons.parameters import (
    Capacitance,
    ModelCurrent,
    Resistance,
    TimeConstant,
    Value,
    scalar_or_array,
)
from spikesim.neurons.propagators import decay
from spikesim.neurons.unit_guard import largest

_SAME = 1e-9  # relative: three numbers that users have multiplied themselves
Derivatives = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False, kw_only=True)
class CurrentDriven(IntegrateAndFire):
    """A membrane with ``tau_mem dv/dt = v_rest - v + resistance * (synapses + i_ext)``.

    Parameters
    ----------
    tau_mem : float or float array, shape (n,), seconds
        Membrane time constant.
    resistance : float or float array, shape (n,), ohm
        Input resistance. With the default of 1 weights and currents are volts.
    capacitance : float or float array, shape (n,), farad, or None
        In place of the resistance, which is ``tau_mem / capacitance`` then.
    current : float or float array, shape (n,), ampere
        Constant current i_ext, which a current device may replace.
    """

    tau_mem: TimeConstant = 20e-3
    resistance: Resistance = 1.0
    current: ModelCurrent = 0.0
    capacitance: Capacitance | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.capacitance is not None:
            resistance = scalar_or_array(np.divide(self.tau_mem, self.capacitance))
            if isinstance(resistance, np.ndarray):
                resistance.setflags(write=False)
            object.__setattr__(self, "resistance", resistance)

    def changed(self, **values: Any) -> Self:
        """Give the same model with other parameters.

        Of a model with a capacitance, tau_mem = resistance * capacitance goes on to hold: the
        resistance follows from the other two, and where it is given, the capacitance does.
        """
        if "capacitance" in values or self.capacitance is not None:
            given = values.get("resistance")
            if given is None:
                values["resistance"] = 1.0  # follows, see __post_init__
            elif "capacitance" not in values and np.all(np.greater(given, 0.0)):
                tau_mem = values.get("tau_mem", self.tau_mem)
                values["capacitance"] = scalar_or_array(np.divide(tau_mem, given))
        return super().changed(**values)

    def contradictions(self) -> list[str]:
        """Why legal parameters do not go together; empty when they do."""
        problems = super().contradictions()
        if self.capacitance is not None and np.any(np.not_equal(self.resistance, 1.0)):
            product = np.multiply(self.resistance, self.capacitance)
            if not np.allclose(product, self.tau_mem, rtol=_SAME, atol=0.0):
                problems.append(
                    "expected tau_mem = resistance * capacitance, got "
                    f"{largest(self.tau_mem):g} s and {largest(product):g} s; give tau_mem so, or "
                    "leave resistance out"
                )
        return problems

    @abstractmethod
    def synapses(self) -> tuple[list[str], list[str]]:
        """Lines that bring the synapses to this tick, and the terms they add to the membrane."""

    @abstractmethod
    def synapse_constants(self, dt: float) -> dict[str, Any]:
        """Constants of these lines and terms."""

    def deflections(self) -> Mapping[str, Value]:
        """By how many volts one unit of an input moves the membrane at most."""
        return {"i_ext": self.resistance}

    def membrane(self) -> list[str]:
        """Lines that assign ``h``, the membrane at the end of the tick."""
        lines, terms = self.synapses()
        added = " + ".join([*terms, "(from_ext * i_ext + toward_rest)"])
        return [*lines, f"h = beta * v + {added}"]

    def membrane_constants(self, dt: float) -> dict[str, Any]:
        """Constants of these lines."""
        leak = -np.expm1(-dt / np.asarray(self.tau_mem))
        return {
            "beta": decay(dt, self.tau_mem),
            "from_ext": scalar_or_array(leak * self.resistance),
            "toward_rest": scalar_or_array(leak * self.v_rest),
            "i_ext": self.current,
        } | self.synapse_constants(dt)

    def canonical_synapse(self, dt: float) -> dict[str, Any] | None:
        """Fields ``alpha`` and ``gain`` of the same synapse in a LIF; None where it has none."""
        return None

    def beyond_lif(self, dt: float) -> list[str]:
        """Name what ``neurons.LIF`` has no words for; empty where ``per_tick`` gives one."""
        found = []
        if len(self.receptors) > 1:
            found.append(f"{len(self.receptors)} receptors {self.receptors}")
        elif self.canonical_synapse(dt) is None:
            found.append("synaptic currents that do more than decay")
        if self.adapts and not self.theta_frozen:
            found.append("a threshold that adapts (theta_plus; theta_frozen=True keeps it)")
        constants = self.constants(dt, 1)
        if self.refractory == "hold" and np.any(constants["free"]):
            found.append("min_isi beyond the refractory time t_ref + dt")
        return found

    def per_tick(self, dt: float) -> LIF:
        """Give the same neuron in the canonical form, its membrane counted from v_rest."""
        synapse = None if self.beyond_lif(dt) else self.canonical_synapse(dt)
        if synapse is None:
            return super().per_tick(dt)  # refuses, with the reasons
        rest = np.asarray(self.v_rest)
        threshold = np.asarray(self.v_th) + (self.theta_init if self.adapts else 0.0)
        start = self.v_rest if self.v_init is None else self.v_init
        constants = self.constants(dt, 1)
        return LIF(
            **synapse,
            beta=constants["beta"],
            bias=scalar_or_array(np.multiply(constants["from_ext"], self.current)),
            v_th=scalar_or_array(threshold - rest),
            v_reset=scalar_or_array(self.v_reset - rest),
            reset=self.reset,
            reset_amount=constants.get("amount"),
            refractory_ticks=constants["length"],
            refractory=self.refractory,
            v_init=scalar_or_array(start - rest),
            dt=dt,
        )

    def toward(self, v: Any, synapses: Any, i_ext: Any) -> Any:
        """Right-hand side of dv/dt, volts per second."""
        return (self.v_rest - v + self.resistance * (synapses + i_ext)) / self.tau_mem


def fan_out(value: Mapping[str, Value], name: str) -> dict[str, Value]:
    """Give per-receptor constants their names in the template: ``name_receptor``."""
    return {f"{name}_{receptor}": constant for receptor, constant in value.items()}
