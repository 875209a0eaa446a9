# SPDX-License-Identifier: Apache-2.0
"""The canonical leaky integrate-and-fire neuron, in discrete time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt

from spikesim.core.quantity import DURATION, PURE, TICK, TIME_CONSTANT
from spikesim.errors import ValidationError
from spikesim.neurons.model import NeuronModel
from spikesim.units import to_ticks

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
Value = float | FloatArray

RESETS = ("hard", "soft", "none")
REFRACTORY = ("gate", "hold")

# name -> (lowest legal value, highest legal value, may be +inf / -inf)
_REAL: dict[str, tuple[float, float]] = {
    "beta": (0.0, 1.0),
    "alpha": (0.0, 1.0),
    "gain": (-np.inf, np.inf),
    "bias": (-np.inf, np.inf),
    "v_th": (-np.inf, np.inf),
    "v_reset": (-np.inf, np.inf),
    "reset_amount": (-np.inf, np.inf),
    "v_init": (-np.inf, np.inf),
    "v_floor": (-np.inf, np.inf),
}
# A threshold of +inf makes a neuron that never fires (a readout); a floor of -inf is no floor.
_INFINITE = {"v_th": np.inf, "v_floor": -np.inf}
_LONGEST = 1e4
"""Ticks per time constant beyond which seconds were hardly meant."""


@dataclass(frozen=True, eq=False)
class LIF(NeuronModel):
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

    While tick < start_tick the population is frozen: v, i and refr keep their initial
    values, the input that is due is discarded, and nothing fires.

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
    refractory : {"gate", "hold"}
        Whether the membrane moves while refractory ("gate": only the spike is
        suppressed; "hold": the membrane stands still, the current goes on).
    v_init : float or float array, shape (n,)
        Membrane before the first tick.
    v_floor : float or float array, shape (n,), or None
        Lower bound of the membrane; None is no bound.
    strict : bool
        Fire above the threshold only, not at it.
    start_tick : int
        First tick in which the population lives.

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

    beta: Value
    alpha: Value = 0.0
    gain: Value = 1.0
    bias: Value = 0.0
    v_th: Value = 1.0
    v_reset: Value = 0.0
    reset: Literal["hard", "soft", "none"] = "hard"
    reset_amount: Value | None = None
    refractory_ticks: int | IntArray = 0
    refractory: Literal["gate", "hold"] = "gate"
    v_init: Value = 0.0
    v_floor: Value | None = None
    strict: bool = False
    start_tick: int = 0

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name, (low, high) in _REAL.items():
            value = getattr(self, name)
            if value is None and name in ("reset_amount", "v_floor"):
                continue
            object.__setattr__(self, name, _real(name, value, low, high, problems))
        ticks = _whole("refractory_ticks", self.refractory_ticks, problems)
        object.__setattr__(self, "refractory_ticks", ticks)
        start = _whole("start_tick", self.start_tick, problems)
        if not isinstance(start, int):
            problems.append(f"LIF: expected one start_tick per population, got {self.start_tick!r}")
        object.__setattr__(self, "start_tick", start)
        for name, legal in (("reset", RESETS), ("refractory", REFRACTORY)):
            if getattr(self, name) not in legal:
                problems.append(f"LIF: expected {name} in {legal}, got {getattr(self, name)!r}")
        if not isinstance(self.strict, (bool, np.bool_)):
            problems.append(f"LIF: expected strict as a bool, got {self.strict!r}")
        object.__setattr__(self, "strict", bool(self.strict))
        lengths = {name: len(value) for name, value in self._arrays_given().items()}
        if len(set(lengths.values())) > 1:
            problems.append(f"LIF: expected per-neuron arrays of one length, got {lengths}")
        if problems:
            raise ValidationError(problems)

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
        dt, tau_mem = TICK.plain("dt", dt), TIME_CONSTANT.plain("tau_mem", tau_mem)
        tau_syn, t_ref = TIME_CONSTANT.plain("tau_syn", tau_syn), DURATION.plain("t_ref", t_ref)
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
        filled = {name: getattr(self, name) for name in _REAL}
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
        names = ["beta", "alpha", "gain", "bias", "v_th"]
        names += {"hard": ["v_reset"], "soft": ["reset_amount"], "none": []}[self.reset]
        names += ["v_floor"] if self.v_floor is not None else []
        chosen: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.reset == "soft" and self.reset_amount is None:
            chosen["reset_amount"] = self.v_th
        return chosen | {"length": self.refractory_ticks, "i_ext": 0.0}

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """Membrane at v_init, no current, not refractory."""
        return {
            "v": np.full(n, self.v_init, dtype=np.float64),
            "i": np.zeros(n),
            "refr": np.zeros(n, dtype=np.int32),
        }

    def template(self) -> str:
        """Update of one neuron in one tick; see the equations of the class."""
        compare = ">" if self.strict else ">="
        lines = ["i = alpha * i + in_0", "h = beta * v + gain * (i + i_ext) + bias"]
        if self.v_floor is not None:
            lines.append("h = h if h > v_floor else v_floor")
        if self.refractory == "hold":
            lines.append("h = v if refr > 0 else h")
        lines.append(f"spike = (h {compare} v_th) & (refr == 0)")
        after = {"hard": "v_reset", "soft": "h - reset_amount", "none": "h"}[self.reset]
        lines.append(f"v = {after} if spike else h")
        lines.append("refr = length if spike else (refr - 1 if refr > 0 else 0)")
        return "\n".join(lines)

    def problems(self, n: int) -> list[str]:
        """Why these parameters do not fit ``n`` neurons; empty when they do."""
        return [
            f"LIF: expected {name} as a scalar or of shape ({n},), got shape ({len(value)},)"
            for name, value in self._arrays_given().items()
            if len(value) != n
        ]

    def _arrays_given(self) -> dict[str, npt.NDArray[Any]]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LIF):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]  # equality by content of arrays


def _real(name: str, value: Any, low: float, high: float, problems: list[str]) -> Value:
    try:
        array = np.array(PURE.plain(name, value), dtype=np.float64)
    except ValidationError as error:
        problems += [f"LIF: {text}" for text in error.problems]
        return 0.0
    except (TypeError, ValueError):
        problems.append(f"LIF: expected {name} as a number or array, got {value!r}")
        return 0.0
    if array.ndim > 1:
        problems.append(f"LIF: expected {name} as a scalar or of shape (n,), got {array.shape}")
        return 0.0
    bad = ~np.isfinite(array) | (array < low) | (array > high)
    if name in _INFINITE:
        bad &= array != _INFINITE[name]
    if bad.any():
        expected = "a finite number" if np.isinf(low) else f"{low:g} to {high:g}"
        first = array.reshape(-1)[int(np.argmax(bad))]
        problems.append(f"LIF: expected {name} as {expected}, got {first} ({int(bad.sum())} bad)")
        return 0.0
    if array.ndim == 0:
        return float(array)
    array.setflags(write=False)
    return array


def _whole(name: str, value: Any, problems: list[str]) -> int | IntArray:
    array = np.asarray(value)
    limit = int(np.iinfo(np.int32).max)
    legal = array.dtype.kind in "iu" and array.ndim <= 1
    if not legal or (array < 0).any() or (array > limit).any():
        problems.append(f"LIF: expected {name} as an integer >= 0 in ticks, got {value!r}")
        return 0
    if array.ndim == 0:
        return int(array)
    stored = array.astype(np.int32)
    stored.setflags(write=False)
    return stored


def _decay(name: str, tau: Any, dt: float, method: str, problems: list[str]) -> Value:
    constants = np.asarray(tau, dtype=np.float64)
    if not (np.isfinite(constants) & (constants > 0)).all():
        problems.append(f"LIF: expected {name} > 0 s, got {tau!r}")
        return 0.0
    if (constants >= _LONGEST * dt).any():
        problems.append(
            f"LIF: expected {name} and dt in one unit, got {constants.max():g} s and {dt:g} s; did "
            f"you mean {constants.max():g}e-3 ({constants.max():g} ms)? If it is meant, give "
            "beta = exp(-dt/tau) itself"
        )
        return 0.0
    if method == "euler" and (constants < dt).any():
        problems.append(
            f"LIF: expected {name} >= dt = {dt:g} s for the Euler step, got {constants.min():g} s; "
            "use method='exact' or a shorter dt"
        )
        return 0.0
    decay = 1.0 - dt / constants if method == "euler" else np.exp(-dt / constants)
    return float(decay) if np.ndim(decay) == 0 else cast(FloatArray, decay)
