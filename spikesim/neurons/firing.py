# SPDX-License-Identifier: Apache-2.0
"""Threshold, reset and refractory time: what integrate-and-fire models share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikesim.core.quantity import POTENTIAL
from spikesim.neurons.parameters import (
    AnyTimeConstant,
    Duration,
    ParametricModel,
    Potential,
    Threshold,
    Value,
    scalar_or_array,
)
from spikesim.neurons.unit_guard import (
    MOST_CURRENT,
    MOST_RISE,
    input_doubt,
    largest,
    mixed_potentials,
    to_threshold,
)

Reset = Literal["hard", "soft", "none"]
Refractory = Literal["hold", "gate"]


def held_lines(refractory: str, free: str = "0") -> list[str]:
    """Lines that keep ``h`` at the old membrane while more than ``free`` refractory ticks are left.

    >>> held_lines("hold"), held_lines("gate")
    (['h = v if refr > 0 else h'], [])
    """
    return [f"h = v if refr > {free} else h"] if refractory == "hold" else []


def spike_lines(reset: str, level: str = "v_th", strict: bool = False) -> list[str]:
    r"""Lines from the new membrane ``h`` to the spike, the reset and the refractory counter.

    They read ``v_reset`` (reset "hard"), ``amount`` ("soft") and ``length``, refractory ticks.

    >>> print("\n".join(spike_lines("soft")))
    spike = (h >= v_th) & (refr == 0)
    v = h - amount if spike else h
    refr = length if spike else (refr - 1 if refr > 0 else 0)
    """
    after = {"hard": "v_reset", "soft": "h - amount", "none": "h"}[reset]
    return [
        f"spike = (h {'>' if strict else '>='} {level}) & (refr == 0)",
        f"v = {after} if spike else h",
        "refr = length if spike else (refr - 1 if refr > 0 else 0)",
    ]


@dataclass(frozen=True, eq=False, kw_only=True)
class IntegrateAndFire(ParametricModel):
    r"""The part of a tick that follows the membrane equation, with ``h`` its new value.

    ::

        h     <- v                         if refr > free and refractory == "hold"
        theta <- theta exp(-dt/tau_theta)  unless theta_frozen
        s      = refr == 0 and h >= v_th + theta
        v     <- v_reset if s else h       reset "hard"
                 h - (v_th - v_reset) * s  reset "soft"
        theta <- theta + theta_plus * s    unless theta_frozen
        refr  <- length if s else max(refr - 1, 0)

    with ``length = max(t_ref, min_isi - dt) / dt`` and ``free = length - t_ref / dt``.

    Parameters
    ----------
    v_rest : float or float array, shape (n,), volts
        Membrane without input.
    v_th, v_reset : float or float array, shape (n,), volts
        Threshold (``inf`` never fires) and value after a hard reset.
    v_init : float or float array, shape (n,), volts, or None
        Membrane before the first tick; None is v_rest.
    t_ref : float or float array, shape (n,), seconds
        Refractory time, a multiple of dt: after a spike in tick t the membrane is held,
        and no spike is possible, in t + 1 .. t + t_ref / dt.
    refractory : {"hold", "gate"}
        Whether the membrane is held while refractory, or only its spike withheld.
    min_isi : float or float array, shape (n,), seconds
        Shortest interval between two spikes, a multiple of dt; the membrane moves between
        the end of t_ref and the end of min_isi, but does not fire.
    reset : {"hard", "soft"}
        Whether a spike sets the membrane to v_reset or lowers it by v_th - v_reset.
    theta_plus : float or float array, shape (n,), volts, or None
        Rise of the threshold at each spike; None is a constant threshold.
    tau_theta : float or float array, shape (n,), seconds
        Time constant with which the rise decays.
    theta_init : float or float array, shape (n,), volts
        Rise before the first tick.
    theta_frozen : bool
        Keep theta as it is: no rise, no decay.
    """

    v_rest: Potential = -60e-3
    v_th: Threshold = -50e-3
    v_reset: Potential = -60e-3
    v_init: Potential | None = None
    t_ref: Duration = 0.0
    refractory: Refractory = "hold"
    min_isi: Duration = 0.0
    reset: Literal["hard", "soft"] = "hard"
    theta_plus: Potential | None = None
    tau_theta: AnyTimeConstant = 0.1
    theta_init: Potential = 0.0
    theta_frozen: bool = False

    @property
    @abstractmethod
    def membrane_states(self) -> tuple[str, ...]:
        """State variables of the membrane equation, ``"v"`` first."""

    @abstractmethod
    def membrane(self) -> list[str]:
        """Lines that assign ``h``, the membrane at the end of the tick."""

    @abstractmethod
    def membrane_constants(self, dt: float) -> dict[str, Any]:
        """Constants of these lines."""

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]  # follows from the fields
        """Names of the float state variables."""
        return (*self.membrane_states, *(("theta", "theta_rest") if self.adapts else ()))

    @property
    def adapts(self) -> bool:
        """Whether the threshold has a variable part."""
        return self.theta_plus is not None

    def contradictions(self) -> list[str]:
        """Why legal parameters do not go together; empty when they do."""
        problems = super().contradictions()
        level = np.asarray(self.v_th) + (self.theta_init if self.adapts else 0.0)
        if np.any(np.asarray(self.v_reset) >= level):
            problems.append(
                f"expected v_reset below the threshold, got {self.v_reset} and {level}: one "
                "spike would follow the other; lower v_reset"
            )
            problems += self._mixed()
        return problems

    def deflections(self) -> Mapping[str, Value]:
        """By how many volts one unit of an input moves the membrane at most, where known."""
        return {}

    def doubts(self, dt: float) -> list[str]:
        """Why these values look like ones in another unit than SI; empty when they do not."""
        found = self._mixed()
        needed, again = self.to_threshold().get("i_ext"), self.from_reset().get("i_ext", 0.0)
        current = getattr(self, "current", None)
        if needed is not None and current is not None:
            text = input_doubt("a current", largest(current), needed, MOST_CURRENT, again)
            found = [*found, text]
        distance = largest(np.asarray(self.v_th) - self.v_rest)
        if self.adapts and distance > 0:
            found = [
                *found,
                input_doubt("theta_plus", largest(self.theta_plus), distance, MOST_RISE),
            ]
        return [*super().doubts(dt), *(f"{self._who}: {text}" for text in found if text)]

    def to_threshold(self) -> dict[str, float]:
        """How much of an input takes the membrane from rest to threshold, by itself."""
        return to_threshold(np.asarray(self.v_th) - self.v_rest, self.deflections())

    def from_reset(self) -> dict[str, float]:
        """How much of an input takes the membrane from v_reset to threshold, by itself."""
        return to_threshold(np.asarray(self.v_th) - self.v_reset, self.deflections())

    def constants(self, dt: float, n: int) -> dict[str, Any]:
        """Constants of the template for ticks of ``dt`` seconds.

        Raises
        ------
        ValidationError
            If t_ref or min_isi is no multiple of dt, or an Euler step is too long.
        """
        held, isi = self.ticks("t_ref", dt), self.ticks("min_isi", dt)
        length = np.maximum(held, np.asarray(isi) - 1).astype(np.int32)
        chosen = self.membrane_constants(dt)
        chosen |= {"v_th": self.v_th, "length": length if length.ndim else int(length)}
        if self.reset == "hard":
            chosen["v_reset"] = self.v_reset
        else:
            chosen["amount"] = scalar_or_array(np.asarray(self.v_th) - self.v_reset)
        if self.refractory == "hold":
            free = (length - held).astype(np.int32)
            chosen["free"] = free if free.ndim else int(free)
        if self.adapts and not self.theta_frozen:
            chosen["theta_plus"] = self.theta_plus
            chosen["theta_leak"] = scalar_or_array(-np.expm1(-dt / np.asarray(self.tau_theta)))
        return chosen

    def _mixed(self) -> list[str]:
        # Steps of the threshold are small beside the potentials themselves.
        return mixed_potentials(
            (name, value)
            for name, kind, value in self._quantities()
            if kind == POTENTIAL and not name.startswith("theta")
        )

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """Membrane at v_init, threshold at theta_init, no input, not refractory."""
        start: dict[str, npt.NDArray[Any]] = {name: np.zeros(n) for name in self.states}
        v_init = self.v_rest if self.v_init is None else self.v_init
        start["v"] = np.full(n, v_init, dtype=np.float64)
        if self.adapts:
            start["theta"] = np.full(n, self.theta_init, dtype=np.float64)
        return start | {"refr": np.zeros(n, dtype=np.int32)}

    def template(self) -> str:
        """Update of one neuron in one tick; see the equations of the class."""
        lines = [*self.membrane(), *held_lines(self.refractory, "free")]
        moving = self.adapts and not self.theta_frozen
        if moving:
            # Compensated: in float32 a decay by dt/tau < 6e-8, usual for slow thresholds,
            # would vanish in the rounding of theta. What is lost goes on in theta_rest.
            lines += [
                "change = theta_rest - theta_leak * theta",
                "moved = theta + change",
                "theta_rest = change - (moved - theta)",
                "theta = moved",
            ]
        level = "v_th + theta" if self.adapts else "v_th"
        rise = ["theta = theta + theta_plus if spike else theta"] if moving else []
        return "\n".join([*lines, *spike_lines(self.reset, level), *rise])
