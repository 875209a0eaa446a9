# SPDX-License-Identifier: Apache-2.0
"""Distributions of weights, delays and start values, drawn per synapse or neuron by counters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spikesim.core import stream_key
from spikesim.errors import ValidationError

# A value this many standard deviations out has probability 1e-15: limits that no network
# meets, and that make every distribution bounded.
_FAR = 8.0
_LONGEST_EXPONENTIAL = 23.0  # -log of the smallest uniform number, 2**-33
# Below this share of accepted values, redrawing would take longer than all else.
_LEAST_ACCEPTED = 1e-3


@dataclass(frozen=True)
class Distribution(ABC):
    """What all distributions share: limits, drawing, scaling. Not used by itself."""

    kind: ClassVar[int] = 0

    def __post_init__(self) -> None:
        who = type(self).__name__
        problems = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
                problems.append(f"{who}: expected {field.name} as a number, got {value!r}")
            elif not math.isfinite(value):
                problems.append(f"{who}: expected a finite {field.name}, got {value!r}")
            else:
                object.__setattr__(self, field.name, float(value))
        if not problems:
            problems = [f"{who}: {text}" for text in self._problems()]
        if not problems:
            low, high = self.limits()
            if not low <= high:
                problems.append(f"{who}: expected low <= high, got {low} and {high}")
            elif self.share(low, high) < _LEAST_ACCEPTED:
                problems.append(
                    f"{who}: expected limits that hold at least {_LEAST_ACCEPTED:g} of the values, "
                    f"got {low} to {high}; values outside are drawn again"
                )
        if problems:
            raise ValidationError(problems)

    def _problems(self) -> list[str]:
        return []

    @abstractmethod
    def parameters(self) -> tuple[float, float]:
        """Parameters a and b of ``fill_values``."""

    @abstractmethod
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value that can come out."""

    @abstractmethod
    def share(self, low: float, high: float) -> float:
        """Probability of the values between two limits, before redrawing."""

    def sample(self, n: int, seed: int, name: str) -> npt.NDArray[np.float64]:
        """Draw n values; equal seed and name give equal values.

        Examples
        --------
        >>> start = Normal(-65e-3, 5e-3).sample(1000, seed=1, name="v_init")
        >>> bool(abs(start.mean() + 65e-3) < 1e-3)
        True
        """
        out = np.empty(n, dtype=np.float64)
        self.fill(stream_key(seed, "sample", name), 0, 0, np.array([0, n]), out)
        return out

    def fill(
        self, key: int, purpose: int, first: int, indptr: npt.NDArray[np.int64], out: Any
    ) -> None:
        """Write one value per synapse of the rows from ``first`` on to ``out``."""
        self._fill(key, purpose, first, indptr, 1.0, -1, out)

    def fill_ticks(
        self,
        key: int,
        purpose: int,
        first: int,
        indptr: npt.NDArray[np.int64],
        dt: float,
        least: int,
        out: npt.NDArray[np.int32],
    ) -> None:
        """As ``fill``, for seconds: rounded to ticks of ``dt``, at least ``least`` of them."""
        self._fill(key, purpose, first, indptr, dt, least, out)

    def _fill(
        self,
        key: int,
        purpose: int,
        first: int,
        indptr: npt.NDArray[np.int64],
        unit: float,
        least: int,
        out: Any,
    ) -> None:
        from spikesim.kernels.philox import fill_values, ziggurat

        a, b = self._scaled(unit)
        low, high = (limit / unit for limit in self.limits())
        fill_values(
            self.kind, a, b, low, high, ziggurat(), np.uint64(key), purpose, first, indptr, least,
            out,
        )  # fmt: skip

    def _scaled(self, unit: float) -> tuple[float, float]:
        a, b = self.parameters()
        return a / unit, b / unit


@dataclass(frozen=True)
class Uniform(Distribution):
    """Evenly from ``lo`` to ``hi``.

    Raises
    ------
    ValidationError
        If a bound is not finite or lo > hi.
    """

    kind: ClassVar[int] = 0
    lo: float
    hi: float

    def _problems(self) -> list[str]:
        return [] if self.lo <= self.hi else [f"expected lo <= hi, got {self.lo} and {self.hi}"]

    def parameters(self) -> tuple[float, float]:
        """Start and width."""
        return self.lo, self.hi - self.lo

    def limits(self) -> tuple[float, float]:
        """Both bounds."""
        return self.lo, self.hi

    def share(self, low: float, high: float) -> float:
        """All values are inside."""
        return 1.0


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal, drawn again outside ``low`` to ``high``.

    Parameters
    ----------
    mean, std : float
        Of the values before limits are applied; std >= 0.
    low, high : float, optional
        Limits. Without one, values stay within 8 standard deviations.

    Raises
    ------
    ValidationError
        If a number is not finite, std < 0, or hardly any value lies between the limits.
    """

    kind: ClassVar[int] = 1
    mean: float
    std: float
    low: float | None = None
    high: float | None = None

    def _problems(self) -> list[str]:
        return [] if self.std >= 0 else [f"expected std >= 0, got {self.std}"]

    def parameters(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        return self.mean, self.std

    def limits(self) -> tuple[float, float]:
        """Limits as given, or 8 standard deviations from the mean."""
        return (
            self.mean - _FAR * self.std if self.low is None else self.low,
            self.mean + _FAR * self.std if self.high is None else self.high,
        )

    def share(self, low: float, high: float) -> float:
        """Mass of the normal distribution between two limits."""
        return _normal_share(low, high, self.mean, self.std)


@dataclass(frozen=True)
class LogNormal(Distribution):
    """Log-normal with given mean and standard deviation of the result.

    Parameters
    ----------
    mean, std : float
        Of the values themselves, not of their logarithm; mean > 0, std >= 0.
    low, high : float, optional
        Limits; values outside are drawn again. Without one, logarithms stay within 8
        standard deviations.

    Raises
    ------
    ValidationError
        As for ``Normal``, or if mean <= 0.
    """

    kind: ClassVar[int] = 2
    mean: float
    std: float
    low: float | None = None
    high: float | None = None

    def _problems(self) -> list[str]:
        problems = [] if self.std >= 0 else [f"expected std >= 0, got {self.std}"]
        if self.mean <= 0:
            problems.append(f"expected mean > 0, got {self.mean}; negate the weights of a Normal")
        return problems

    def parameters(self) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm."""
        width = math.log1p((self.std / self.mean) ** 2)
        return math.log(self.mean) - 0.5 * width, math.sqrt(width)

    def limits(self) -> tuple[float, float]:
        """Limits as given, or 8 standard deviations of the logarithm."""
        a, b = self.parameters()
        return (
            math.exp(a - _FAR * b) * (1 - 1e-9) if self.low is None else self.low,
            math.exp(a + _FAR * b) * (1 + 1e-9) if self.high is None else self.high,
        )

    def share(self, low: float, high: float) -> float:
        """Mass of the logarithm between the logarithms of two limits."""
        if high <= 0:
            return 0.0
        return _normal_share(
            math.log(low) if low > 0 else -math.inf, math.log(high), *self.parameters()
        )

    def _scaled(self, unit: float) -> tuple[float, float]:
        a, b = self.parameters()
        return a - math.log(unit), b


@dataclass(frozen=True)
class Exponential(Distribution):
    """Exponential with a mean; the parameters ``low`` and ``high`` are those of ``Normal``.

    Raises
    ------
    ValidationError
        If a number is not finite, mean <= 0, or hardly any value lies between the limits.
    """

    kind: ClassVar[int] = 3
    mean: float
    low: float | None = None
    high: float | None = None

    def _problems(self) -> list[str]:
        return [] if self.mean > 0 else [f"expected mean > 0, got {self.mean}"]

    def parameters(self) -> tuple[float, float]:
        """Mean; the second is not used."""
        return self.mean, 0.0

    def limits(self) -> tuple[float, float]:
        """Limits as given, or 0 and the largest number that 32 bits can give."""
        return (
            0.0 if self.low is None else self.low,
            _LONGEST_EXPONENTIAL * self.mean if self.high is None else self.high,
        )

    def share(self, low: float, high: float) -> float:
        """Mass between two limits."""
        return math.exp(-max(low, 0.0) / self.mean) - math.exp(-max(high, 0.0) / self.mean)


def _normal_share(low: float, high: float, mean: float, std: float) -> float:
    if std == 0:
        return float(low <= mean <= high)
    ends = [math.erf((x - mean) / (std * math.sqrt(2))) for x in (low, high)]
    return 0.5 * (ends[1] - ends[0])
