# SPDX-License-Identifier: Apache-2.0
"""What a number means: its SI unit, the sizes it has in networks, and how its unit gets lost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikesim.errors import ValidationError

# Exponents of meter, kilogram, second, ampere: Brian2 knows units by these only.
_EXPONENTS = {
    "s": (0, 0, 1, 0), "Hz": (0, 0, -1, 0), "V": (2, 1, -3, -1), "A": (0, 0, 0, 1),
    "S": (-2, -1, 3, 2), "F": (-2, -1, 4, 2), "ohm": (2, 1, -3, -2), "V/s": (2, 1, -4, -1),
}  # fmt: skip
_PREFIXES = {"m": "e-3", "u": "e-6", "n": "e-9", "p": "e-12", "k": "e3"}
WAY_OUT = "if it is meant, Network(..., units='own') takes any"


@dataclass(frozen=True)
class Quantity:
    """A kind of number that users give.

    Parameters
    ----------
    units : tuple of str
        SI units it may have; several where the model decides.
    low, high : float
        Magnitudes in networks: low <= abs(x) < high. 0 and inf are always fine.
    slips : tuple of str
        Units that are written by mistake, the likeliest first.

    Examples
    --------
    >>> TIME_CONSTANT.doubt("tau_mem", 20.0)
    'expected tau_mem in s, got 20; did you mean 20e-3 (20 ms)? 1e-06 to below 1 s is usual'
    >>> TIME_CONSTANT.doubt("tau_mem", 20e-3)
    ''
    """

    units: tuple[str, ...]
    low: float = 0.0
    high: float = math.inf
    slips: tuple[str, ...] = ()

    def doubt(self, what: str, value: Any) -> str:
        """Why a number or array looks like one in another unit; empty when it does not."""
        if np.ndim(value) == 0 and self.low <= abs(float(value)) < self.high:
            return ""  # without arrays: asked for every connection
        sizes = np.abs(np.asarray(value, dtype=np.float64)).reshape(-1)
        odd = np.isfinite(sizes) & (sizes != 0) & ((sizes < self.low) | (sizes >= self.high))
        if not odd.any():
            return ""
        first = float(np.asarray(value, dtype=np.float64).reshape(-1)[int(np.argmax(odd))])
        unit = self.units[0]
        return (
            f"expected {what} in {unit}, got {first:g}{self._guess(first)} "
            f"{f'{self.low:g} to' if self.low else ''} below {self.high:g} {unit} is usual".strip()
        )

    def _guess(self, value: float) -> str:
        for slip in self.slips:
            power = _PREFIXES[slip[0]]
            if self.low <= abs(value) * float(f"1{power}") < self.high:
                return f"; did you mean {value:g}{power} ({value:g} {slip})?"
        return ";"

    def plain(self, what: str, value: Any) -> Any:
        """Give a value of pint, quantities, astropy.units or Brian2 as SI numbers.

        Anything without a unit is handed back as it is.

        Raises
        ------
        ValidationError
            If the value has a unit, and it is none of ``units``.
        """
        if isinstance(value, (list, tuple)) and any(unit_text(part) for part in value):
            return np.array([self.plain(what, part) for part in value])
        found = unit_text(value)
        if not found:
            return value
        for unit in self.units:
            number = _in_unit(value, unit)
            if number is not None:
                return number
        expected = f"in {' or '.join(self.units)}" if self.units else "without unit"
        raise ValidationError(f"expected {what} {expected}, got {found}; convert it")


def unit_text(value: Any) -> str:
    """Text of a value that carries a unit; empty when it carries none."""
    if isinstance(value, (int, float, str)) and not hasattr(value, "dim"):
        return ""
    carries = (
        hasattr(value, "dimensionality")  # pint, quantities
        or hasattr(value, "to_value")  # astropy
        or hasattr(getattr(value, "dim", None), "get_dimension")  # Brian2
    )
    return str(value) if carries else ""


def _in_unit(value: Any, unit: str) -> Any:
    """Plain number or array in an SI unit; None when the dimension is another one."""
    dimension: Any = getattr(value, "dim", None)
    if hasattr(dimension, "get_dimension"):
        names = ("length", "mass", "time", "current", "temperature")
        exponents = tuple(dimension.get_dimension(name) for name in names)
        return np.array(value, dtype=float)[()] if exponents == (*_EXPONENTS[unit], 0) else None
    try:
        if hasattr(value, "rescale"):
            return np.array(value.rescale(unit).magnitude)[()]
        if hasattr(value, "to_value"):
            return value.to_value(unit)
        return value.to(unit).magnitude
    except (TypeError, ValueError, AttributeError):  # what these packages say to a wrong unit
        return None


def only_plain(pairs: Iterable[tuple[str, Any]]) -> list[str]:
    """Problems of values that carry a unit where none is understood."""
    return [
        f"expected {name} as a plain number in SI units, got {unit_text(value)}; convert it"
        for name, value in pairs
        if unit_text(value)
    ]


TICK = Quantity(("s",), 1e-7, 0.05, ("ms", "us"))
TIME_CONSTANT = Quantity(("s",), 1e-6, 1.0, ("ms", "us"))
SLOW_TIME_CONSTANT = Quantity(("s",), 1e-6, 20.0, ("ms",))
ANY_TIME_CONSTANT = Quantity(("s",))
"""Homeostasis takes from seconds to days."""
TRACE = Quantity(("s",), 1e-6, 10.0, ("ms", "us"))
MEMORY = Quantity(("s",), 1e-6, 1000.0, ("ms",))
"""Eligibility and reward."""
DURATION = Quantity(("s",), 1e-7, 0.5, ("ms", "us"))
POTENTIAL = Quantity(("V",))
"""Of linear membranes, where any unit will do; they must only agree."""
SI_POTENTIAL = Quantity(("V",), 0.0, 1.0, ("mV",))
CAPACITANCE = Quantity(("F",), 1e-15, 1e-6, ("pF", "nF", "uF"))
CONDUCTANCE = Quantity(("S",), 0.0, 1e-3, ("nS", "uS"))
CURRENT = Quantity(("A",), 0.0, 1e-3, ("pA", "nA"))
MODEL_CURRENT = Quantity(("A", "V"))
RESISTANCE = Quantity(("ohm",))
MODEL_CONDUCTANCE = Quantity(("S",))
RATE = Quantity(("Hz",), 0.02, 1e7, ("kHz",))
"""One line may stand for 100,000 sources."""
PER_SECOND = Quantity(("Hz",), 1.0, 1e5, ("kHz",))
WEIGHT = Quantity(("V", "A", "S", "V/s"))
PURE = Quantity(())
"""A number without unit."""
