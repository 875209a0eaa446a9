# SPDX-License-Identifier: Apache-2.0
"""The canonical leaky integrate-and-fire neuron, in discrete time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spikesim.core.quantity import DURATION, TICK
from spikesim.errors import ValidationError
from spikesim.neurons.firing import Refractory, Reset, held_lines, spike_lines
from spikesim.neurons.parameters import (
    TIME_CONSTANT,
    Floor,
    Level,
    ParametricModel,
    Positive,
    Real,
    Share,
    Ticks,
    Value,
    number,
)
from spikesim.neurons.propagators import decay, euler_decay
from spikesim.units import to_ticks

_PER_NEURON = (
    "beta", "alpha", "gain", "bias", "v_th", "v_reset", "reset_amount", "v_init", "v_floor",
)  # fmt: skip
_LONGEST = 1e4
"""Ticks per time constant beyond which seconds were hardly meant."""


@dataclass(frozen=True, eq=False)
class LIF(ParametricModel):
    r"""Leaky integrate-and-fire neuron; every framework's LIF is a special case of it.

    In each tick, with ``a`` the sum of the weights due in it::

        i <- alpha * i + a
        h <- beta * v + gain * i + bias
        h <- max(h, v_floor)
        h <- v                            if refractory == "hold" and refr > 0
        s  = refr == 0 and h >= v_th      (h > v_th if strict)
        v <- v_reset if s else h          reset "hard"
             h - reset_amount * s         reset "soft"
             h                            reset "none"
        refr <- refractory_ticks if s else max(refr - 1, 0)

    The models of ``spikesim.neurons`` that are such a neuron give it with ``per_tick(dt)``.

    Parameters
    ----------
    beta : float or float array, shape (n,)
        Membrane decay per tick, 0 to 1 (1 is no leak).
    alpha : float or float array, shape (n,)
        Decay of the synaptic current per tick, 0 to 1; 0 is a delta synapse.
    gain, bias : float or float array, shape (n,)
        Factor from current to membrane, and constant drive per tick.
    v_th, v_reset : float or float array, shape (n,)
        Threshold and value after a hard reset. ``v_th=inf`` never fires.
    reset : {"hard", "soft", "none"}
        What a spike does to the membrane.
    reset_amount : float or float array, shape (n,), or None
        What a soft reset subtracts; None means v_th.
    refractory_ticks : int or int array, shape (n,), ticks
        After a spike in tick t the neuron cannot fire in t + 1 .. t + refractory_ticks.
    refractory : {"hold", "gate"}
        Whether the membrane moves while refractory ("hold": it stands still, the current goes
        on; "gate": only the spike is suppressed).
    v_init : float or float array, shape (n,)
        Membrane before the first tick.
    v_floor : float or float array, shape (n,), or None
        Lower bound of the membrane; None is no bound.
    strict : bool
        Fire above the threshold only, not at it.
    dt : float, seconds, or None
        Tick that the constants are for: a network of another one is refused. None, the default,
        is for constants that know no seconds.

    Raises
    ------
    ValidationError
        With every illegal parameter.

    Examples
    --------
    >>> lif = LIF(beta=0.5, v_th=[1.0, 2.0])
    >>> lif.arrays(2)["v_th"].tolist()
    [1.0, 2.0]
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i")

    beta: Share
    alpha: Share = 0.0
    gain: Real = 1.0
    bias: Real = 0.0
    v_th: Level = 1.0
    v_reset: Real = 0.0
    reset: Reset = "hard"
    reset_amount: Real | None = None
    refractory_ticks: Ticks = 0
    refractory: Refractory = "hold"
    v_init: Real = 0.0
    v_floor: Floor | None = None
    strict: bool = False
    dt: Positive | None = None

    @classmethod
    def from_time_constants(
        cls,
        dt: float,
        tau_mem: float | npt.ArrayLike,
        tau_syn: float | npt.ArrayLike | None = None,
        *,
        v_th: float | npt.ArrayLike = 1.0,
        v_rest: float | npt.ArrayLike = 0.0,
        v_reset: float | npt.ArrayLike = 0.0,
        t_ref: float = 0.0,
        resistance: float | npt.ArrayLike = 1.0,
        current: float | npt.ArrayLike = 0.0,
        method: Literal["exact", "euler"] = "exact",
        **options: Any,
    ) -> LIF:
        """Discretize ``tau_mem dv/dt = v_rest - v + resistance * (i + current)``.

        Parameters
        ----------
        dt : float
            Tick in seconds.
        tau_mem, tau_syn : float or array, shape (n,), seconds
            Time constants. Without ``tau_syn`` a weight is a current held for one tick.
        v_th, v_rest, v_reset : float or array, shape (n,), volts
            Threshold, resting value, reset value.
        t_ref : float
            Refractory time in seconds, a multiple of dt.
        resistance, current : float or array, shape (n,), ohm and ampere
            Input resistance and constant current.
        method : {"exact", "euler"}
            Decay per tick exp(-dt/tau), or 1 - dt/tau.
        **options
            Further fields of ``LIF``; they win over the computed ones, so ``gain=1.0``
            makes a weight the jump of the membrane.

        Raises
        ------
        ValidationError
            If a time constant is not > 0, the Euler step is unstable, or t_ref is no
            multiple of dt.

        Examples
        --------
        >>> lif = LIF.from_time_constants(1e-3, tau_mem=10e-3, method="euler", t_ref=2e-3)
        >>> lif.beta, lif.refractory_ticks
        (0.9, 2)
        """
        problems: list[str] = []
        dt, t_ref = TICK.plain("dt", dt), DURATION.plain("t_ref", t_ref)
        if method not in ("exact", "euler"):
            problems.append(f"LIF: expected method 'exact' or 'euler', got {method!r}")
        beta = _decay("tau_mem", tau_mem, dt, method, problems)
        alpha = 0.0 if tau_syn is None else _decay("tau_syn", tau_syn, dt, method, problems)
        try:
            refractory_ticks = to_ticks(t_ref, dt, "t_ref")
        except ValidationError as error:
            problems.extend(error.problems)
        if problems:
            raise ValidationError(problems)
        rest, drive = np.asarray(v_rest, float), np.asarray(current, float)
        scale = 1.0 - np.asarray(beta)
        chosen: dict[str, Any] = {
            "beta": beta,
            "alpha": alpha,
            "gain": scale * np.asarray(resistance, float),
            "bias": scale * (rest + np.asarray(resistance, float) * drive),
            "v_th": v_th,
            "v_reset": v_reset,
            "v_init": rest,
            "refractory_ticks": refractory_ticks,
            "dt": dt,
        }
        return cls(**(chosen | options))

    def arrays(self, n: int) -> dict[str, npt.NDArray[Any]]:
        """Per-neuron parameters, each of shape (n,), with the defaults filled in.

        float64 for beta, alpha, gain, bias, v_th, v_reset, reset_amount, v_init and
        v_floor (-inf when there is none), int32 for refractory_ticks.

        Raises
        ------
        ValidationError
            If a parameter was given per neuron for another number of neurons.
        """
        problems = self.problems(n)
        if problems:
            raise ValidationError(problems)
        filled = {name: getattr(self, name) for name in _PER_NEURON}
        if filled["reset_amount"] is None:
            filled["reset_amount"] = self.v_th
        if filled["v_floor"] is None:
            filled["v_floor"] = -np.inf
        out: dict[str, npt.NDArray[Any]] = {
            name: np.full(n, value, dtype=np.float64) for name, value in filled.items()
        }
        out["refractory_ticks"] = np.full(n, self.refractory_ticks, dtype=np.int32)
        return out

    def constants(self, dt: float, n: int) -> dict[str, Any]:
        """Constants of the template; the parameters count ticks already, so dt is not used."""
        chosen: dict[str, Any] = {
            name: getattr(self, name) for name in ("beta", "alpha", "gain", "bias", "v_th")
        }
        if self.reset == "hard":
            chosen["v_reset"] = self.v_reset
        elif self.reset == "soft":
            chosen["amount"] = self.v_th if self.reset_amount is None else self.reset_amount
        if self.v_floor is not None:
            chosen["v_floor"] = self.v_floor
        return chosen | {"length": self.refractory_ticks, "i_ext": 0.0}

    @property
    def only_dt(self) -> float | None:
        """Tick in seconds that the constants hold for, where they hold for one only."""
        return None if self.dt is None else float(self.dt)

    def per_tick(self, dt: float) -> LIF:
        """Give the neuron itself."""
        return self

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """Membrane at v_init, no current, not refractory."""
        return {
            "v": np.full(n, self.v_init, dtype=np.float64),
            "i": np.zeros(n),
            "refr": np.zeros(n, dtype=np.int32),
        }

    def template(self) -> str:
        """Update of one neuron in one tick; see the equations of the class."""
        return "\n".join(self.lines())

    def lines(self, level: str = "v_th") -> list[str]:
        """Lines of the update, with another threshold if wanted."""
        lines = ["i = alpha * i + in_0", "h = beta * v + gain * (i + i_ext) + bias"]
        if self.v_floor is not None:
            lines.append("h = h if h > v_floor else v_floor")
        return lines + held_lines(self.refractory) + spike_lines(self.reset, level, self.strict)


def _decay(name: str, tau: Any, dt: float, method: str, problems: list[str]) -> Value:
    before = len(problems)
    constants = number("LIF", name, tau, TIME_CONSTANT, problems)
    if len(problems) > before:
        return 0.0
    longest = float(np.max(constants))
    if longest >= _LONGEST * dt:
        problems.append(
            f"LIF: expected {name} and dt in one unit, got {longest:g} s and {dt:g} s; did "
            f"you mean {longest:g}e-3 ({longest:g} ms)? If it is meant, give "
            "beta = exp(-dt/tau) itself"
        )
        return 0.0
    if method != "euler":
        return decay(dt, constants)
    try:
        return euler_decay(dt, constants, name)
    except ValidationError as error:
        problems += [f"LIF: {text}" for text in error.problems]
        return 0.0
