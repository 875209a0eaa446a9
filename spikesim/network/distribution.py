# SPDX-License-Identifier: Apache-2.0
"""Distributions of weights, delays and start values, drawn per synapse or neuron by counters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import stream_key
from spikesim.errors import ValidationError
from spikesim.network.quantile import tick_table, value_table

# A value this many standard deviations out has probability 1e-15: limits that no network
# meets, and that make every distribution bounded.
_FAR = 8.0
_ALL = np.zeros(0, dtype=np.int32)
_LONGEST_EXPONENTIAL = 23.0  # -log of the smallest share, 2**-33
# Limits that leave less are a mistake, and would cost the tables digits.
_LEAST_ACCEPTED = 1e-3


@dataclass(frozen=True)
class Distribution(ABC):
    """What all distributions share: limits, drawing, scaling. Not used by itself."""

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
                    f"got {low} to {high}; widen them"
                )
        if problems:
            raise ValidationError(problems)

    def _problems(self) -> list[str]:
        return []

    @abstractmethod
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value that can come out."""

    @abstractmethod
    def beyond(self, x: float, upper: bool) -> float:
        """Share of the values below ``x``, or above it, before limits are applied."""

    @abstractmethod
    def quantile(self, p: npt.NDArray[np.float64], upper: bool) -> npt.NDArray[np.float64]:
        """Value with a share ``p`` of all below it, or above it, before limits are applied."""

    def share(self, low: float, high: float) -> float:
        """Probability of the values between two limits, before these are applied."""
        return 1.0 - self.beyond(low, False) - self.beyond(high, True)

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
        self,
        key: int,
        purpose: int,
        first: int,
        indptr: npt.NDArray[np.int64],
        out: npt.NDArray[Any],
        places: npt.NDArray[np.int32] = _ALL,
    ) -> None:
        """Write one value per synapse of the rows from ``first`` on to ``out``.

        ``places``, if of any size, are the numbers of these synapses within their rows.
        """
        from spikesim.kernels.philox import fill_values

        fill_values(
            value_table(self), *self.limits(), np.uint64(key), purpose, first, indptr, places, out
        )

    def fill_ticks(
        self,
        key: int,
        purpose: int,
        first: int,
        indptr: npt.NDArray[np.int64],
        dt: float,
        least: int,
        out: npt.NDArray[np.int32],
        places: npt.NDArray[np.int32] = _ALL,
    ) -> None:
        """As ``fill``, for seconds: rounded to ticks of ``dt``, at least ``least`` of them."""
        from spikesim.kernels.philox import fill_choices

        table = tick_table(self, dt, least)
        if table.aliases is None:
            seconds = np.empty(out.size)
            self.fill(key, purpose, first, indptr, seconds, places)
            out[:] = np.maximum(np.rint(seconds / dt), least)
        else:
            fill_choices(
                table.aliases, table.bits, table.first, np.uint64(key), purpose, first, indptr,
                places, out,
            )  # fmt: skip

    def tick_range(self, dt: float, least: int) -> tuple[int, int]:
        """Smallest and largest number that ``fill_ticks`` can give."""
        table = tick_table(self, dt, least)
        return table.first, table.last


@dataclass(frozen=True)
class Uniform(Distribution):
    """Evenly from ``lo`` to ``hi``.

    Raises
    ------
    ValidationError
        If a bound is not finite or lo > hi.
    """

    lo: float
    hi: float

    def _problems(self) -> list[str]:
        return [] if self.lo <= self.hi else [f"expected lo <= hi, got {self.lo} and {self.hi}"]

    def limits(self) -> tuple[float, float]:
        """Both bounds."""
        return self.lo, self.hi

    def beyond(self, x: float, upper: bool) -> float:
        """Part of the width."""
        if self.lo == self.hi:
            return float(x < self.lo if upper else x > self.lo)
        return min(max((self.hi - x if upper else x - self.lo) / (self.hi - self.lo), 0.0), 1.0)

    def quantile(self, p: npt.NDArray[np.float64], upper: bool) -> npt.NDArray[np.float64]:
        """Part of the width."""
        width = self.hi - self.lo
        return self.hi - p * width if upper else self.lo + p * width


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal, without what lies outside ``low`` to ``high``.

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

    mean: float
    std: float
    low: float | None = None
    high: float | None = None

    def _problems(self) -> list[str]:
        return [] if self.std >= 0 else [f"expected std >= 0, got {self.std}"]

    def limits(self) -> tuple[float, float]:
        """Limits as given, or 8 standard deviations from the mean."""
        return (
            self.mean - _FAR * self.std if self.low is None else self.low,
            self.mean + _FAR * self.std if self.high is None else self.high,
        )

    def beyond(self, x: float, upper: bool) -> float:
        """Mass of one tail."""
        return _normal_beyond(x - self.mean, self.std, upper)

    def quantile(self, p: npt.NDArray[np.float64], upper: bool) -> npt.NDArray[np.float64]:
        """Scaled from the standard normal distribution."""
        return self.mean + self.std * _normal_quantile(p, upper)


@dataclass(frozen=True)
class LogNormal(Distribution):
    """Log-normal with given mean and standard deviation of the result.

    Parameters
    ----------
    mean, std : float
        Of the values themselves, not of their logarithm; mean > 0, std >= 0.
    low, high : float, optional
        Limits, as of a ``Normal``. Without one, logarithms stay within 8
        standard deviations.

    Raises
    ------
    ValidationError
        As for ``Normal``, or if mean <= 0.
    """

    mean: float
    std: float
    low: float | None = None
    high: float | None = None

    def _problems(self) -> list[str]:
        problems = [] if self.std >= 0 else [f"expected std >= 0, got {self.std}"]
        if self.mean <= 0:
            problems.append(f"expected mean > 0, got {self.mean}; negate the weights of a Normal")
        return problems

    def logarithm(self) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm."""
        width = math.log1p((self.std / self.mean) ** 2)
        return math.log(self.mean) - 0.5 * width, math.sqrt(width)

    def limits(self) -> tuple[float, float]:
        """Limits as given, or 8 standard deviations of the logarithm."""
        a, b = self.logarithm()
        return (
            math.exp(a - _FAR * b) * (1 - 1e-9) if self.low is None else self.low,
            math.exp(a + _FAR * b) * (1 + 1e-9) if self.high is None else self.high,
        )

    def beyond(self, x: float, upper: bool) -> float:
        """Mass of one tail of the logarithm."""
        if x <= 0:
            return float(upper)
        mean, std = self.logarithm()
        return _normal_beyond(math.log(x) - mean, std, upper)

    def quantile(self, p: npt.NDArray[np.float64], upper: bool) -> npt.NDArray[np.float64]:
        """Exponential of a normal one."""
        mean, std = self.logarithm()
        return np.exp(mean + std * _normal_quantile(p, upper))


@dataclass(frozen=True)
class Exponential(Distribution):
    """Exponential with a mean; the parameters ``low`` and ``high`` are those of ``Normal``.

    Raises
    ------
    ValidationError
        If a number is not finite, mean <= 0, or hardly any value lies between the limits.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    def _problems(self) -> list[str]:
        return [] if self.mean > 0 else [f"expected mean > 0, got {self.mean}"]

    def limits(self) -> tuple[float, float]:
        """Limits as given, or 0 and 23 times the mean, beyond which lie 1e-10 of the values."""
        return (
            0.0 if self.low is None else self.low,
            _LONGEST_EXPONENTIAL * self.mean if self.high is None else self.high,
        )

    def beyond(self, x: float, upper: bool) -> float:
        """Mass of one tail."""
        below = -max(x, 0.0) / self.mean
        return math.exp(below) if upper else -math.expm1(below)

    def quantile(self, p: npt.NDArray[np.float64], upper: bool) -> npt.NDArray[np.float64]:
        """Logarithm of a uniform one."""
        return -self.mean * (np.log(p) if upper else np.log1p(-p))


def _normal_beyond(distance: float, std: float, upper: bool) -> float:
    if std == 0:
        return float(distance < 0 if upper else distance > 0)
    return 0.5 * math.erfc((distance if upper else -distance) / (std * math.sqrt(2)))


def _normal_quantile(p: npt.NDArray[np.float64], upper: bool) -> npt.NDArray[np.float64]:
    standard = NormalDist()
    z = np.array([standard.inv_cdf(x) for x in p.tolist()])
    return -z if upper else z
