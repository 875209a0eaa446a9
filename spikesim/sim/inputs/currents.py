# SPDX-License-Identifier: Apache-2.0
"""Currents that change in time, for ``inputs={"population.i_ext": current}``.

In every tick the current of each neuron is set before the neurons are updated. Values are in
the unit of the model's ``i_ext`` (ampere; volt where the resistance is 1). No current depends
on how a population is cut into blocks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import stream_key
from spikesim.core.quantity import ANY_TIME_CONSTANT, MODEL_CURRENT, PURE, RATE
from spikesim.errors import ValidationError
from spikesim.kernels import currents as kernels
from spikesim.units import to_ticks

FloatArray = npt.NDArray[np.float64]
_KINDS = {"times": ANY_TIME_CONSTANT, "frequency": RATE, "phase": PURE}
Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A kernel ``f(tick, *args)`` and its arguments."""


@dataclass(frozen=True, eq=False)
class BoundCurrent:
    """A current into ``n`` neurons, bound to a tick and a seed."""

    n: int
    _call: Callable[[int, npt.NDArray[Any]], Call]

    def call(self, out: npt.NDArray[Any], lo: int = 0) -> Call:
        """Kernel that writes the current of each tick for neurons lo … lo + out.size - 1.

        Parameters
        ----------
        out : float32 or float64 array
            Written by nobody else; values may stay in it for several ticks.
        lo : int
            First neuron.
        """
        return self._call(lo, out)

    def trace(self, start: int, stop: int) -> FloatArray:
        """Currents of start <= tick < stop, float64 array of shape (stop - start, n)."""
        out = np.zeros(self.n)
        function, args = self.call(out)
        rows = np.empty((stop - start, self.n))
        for row in range(stop - start):
            function(start + row, *args)
            rows[row] = out
        return rows


class Current(ABC):
    """A current that changes in time."""

    @property
    @abstractmethod
    def largest(self) -> float:
        """Largest magnitude; of noise, its typical one."""

    @abstractmethod
    def _bound(self, n: int, dt: float, seed: int, name: str) -> tuple[BoundCurrent, list[int]]:
        """Bind the current, and give the sizes of its parameters."""

    def bind(self, n: int, dt: float, seed: int, name: str) -> BoundCurrent:
        """Bind the current to ``n`` neurons, ticks of ``dt`` seconds, a seed and its name.

        Raises
        ------
        ValidationError
            If a time is no multiple of dt or parameters have another length than n.
        """
        bound, sizes = self._bound(n, dt, seed, name)
        wrong = sorted({size for size in sizes if size not in (1, n)})
        if wrong:
            raise ValidationError(
                f"{type(self).__name__}: expected values for all neurons alike or for {n} neurons, "
                f"got {wrong[0]}"
            )
        return bound


@dataclass(frozen=True, eq=False)
class StepCurrent(Current):
    """A current that jumps at given times; 0 before the first.

    Parameters
    ----------
    times : float array, shape (k,), seconds
        Ascending multiples of dt, >= 0.
    values : float array, shape (k,) for all neurons alike or (k, n)
        Current from each time on.

    Raises
    ------
    ValidationError
        If times are not ascending, or values are not finite or do not fit the times.

    Examples
    --------
    >>> pulse = StepCurrent([0.002, 0.004], [1.5, 0.0])
    >>> pulse.bind(n=1, dt=1e-3, seed=0, name="e.i_ext").trace(0, 6)[:, 0].tolist()
    [0.0, 0.0, 1.5, 1.5, 0.0, 0.0]
    """

    times: npt.ArrayLike
    values: npt.ArrayLike

    def __post_init__(self) -> None:
        times = _finite("StepCurrent", "times", self.times, (1,))
        values = _finite("StepCurrent", "values", self.values, (1, 2))
        if (np.diff(times) <= 0).any() or (times < 0).any():
            raise ValidationError(
                f"StepCurrent: expected ascending times >= 0 s, got {self.times!r}"
            )
        if len(values) != len(times):
            raise ValidationError(
                f"StepCurrent: expected as many values as times, got {len(values)} and {len(times)}"
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)

    @property
    def largest(self) -> float:
        """Largest magnitude."""
        return float(np.abs(self.values).max(initial=0.0))

    def _bound(self, n: int, dt: float, seed: int, name: str) -> tuple[BoundCurrent, list[int]]:
        times = np.asarray(self.times)
        changes = np.array([to_ticks(t, dt, "StepCurrent time") for t in times], dtype=np.int64)
        rows = np.asarray(self.values).reshape(times.size, -1)
        return _table(n, changes, rows, -1, 0), [rows.shape[1]]


@dataclass(frozen=True, eq=False)
class TimedArray(Current):
    """A current given bin by bin; 0 after the last bin.

    Parameters
    ----------
    values : float array, shape (bins,) for all neurons alike or (bins, n)
    bin : float, seconds
        Length of a bin, a multiple of dt.
    repeat : bool
        Whether to start again after the last bin.

    Raises
    ------
    ValidationError
        If a value is not finite, there is no bin, or its length is not > 0.

    Examples
    --------
    >>> current = TimedArray([1.0, 2.0], bin=0.002).bind(n=1, dt=1e-3, seed=0, name="e.i_ext")
    >>> current.trace(0, 6)[:, 0].tolist()
    [1.0, 1.0, 2.0, 2.0, 0.0, 0.0]
    """

    values: npt.ArrayLike
    bin: float
    repeat: bool = False

    def __post_init__(self) -> None:
        values = _finite("TimedArray", "values", self.values, (1, 2))
        if values.size == 0:
            raise ValidationError(f"TimedArray: expected at least one value, got {self.values!r}")
        _duration("TimedArray", "bin", self.bin)
        object.__setattr__(self, "values", values)

    @property
    def largest(self) -> float:
        """Largest magnitude."""
        return float(np.abs(self.values).max(initial=0.0))

    def _bound(self, n: int, dt: float, seed: int, name: str) -> tuple[BoundCurrent, list[int]]:
        ticks = _whole_ticks("TimedArray bin", self.bin, dt)
        rows = np.asarray(self.values)
        changes = np.arange(len(rows), dtype=np.int64) * ticks
        end = len(rows) * ticks
        rows = rows.reshape(len(rows), -1)
        return _table(n, changes, rows, end, end if self.repeat else 0), [rows.shape[1]]


@dataclass(frozen=True, eq=False)
class Sinusoid(Current):
    """The current ``offset + amplitude * sin(2 pi frequency t + phase)`` at t = tick * dt.

    Parameters
    ----------
    offset, amplitude : float or float array, shape (n,)
    frequency : float or float array, shape (n,), 1/s
    phase : float or float array, shape (n,), radians

    Raises
    ------
    ValidationError
        If a parameter is not finite.

    Examples
    --------
    >>> current = Sinusoid(1.0, 0.5, frequency=250.0).bind(n=1, dt=1e-3, seed=0, name="e.i_ext")
    >>> current.trace(0, 4)[:, 0].round(6).tolist()
    [1.0, 1.5, 1.0, 0.5]
    """

    offset: float | npt.ArrayLike
    amplitude: float | npt.ArrayLike
    frequency: float | npt.ArrayLike
    phase: float | npt.ArrayLike = 0.0

    def __post_init__(self) -> None:
        for name in ("offset", "amplitude", "frequency", "phase"):
            given = _finite("Sinusoid", name, getattr(self, name), (0, 1))
            object.__setattr__(self, name, given)

    @property
    def largest(self) -> float:
        """Largest magnitude."""
        return float((np.abs(self.offset) + np.abs(self.amplitude)).max())

    def _bound(self, n: int, dt: float, seed: int, name: str) -> tuple[BoundCurrent, list[int]]:
        step = 2 * np.pi * np.asarray(self.frequency) * dt
        given = [np.asarray(value) for value in (self.offset, self.amplitude, step, self.phase)]
        sizes = [value.size for value in given]
        length = max(sizes)
        args = [_per_neuron(value, length) for value in given]
        return BoundCurrent(n, lambda lo, out: (kernels.sinusoid_current, (*args, lo, out))), sizes


@dataclass(frozen=True, eq=False)
class NoiseCurrent(Current):
    """Gaussian noise that holds its value for ``dt_hold`` seconds.

    Each interval has a value of its own, of the given mean and standard deviation, whatever
    dt is. So the effect on a membrane depends on ``dt_hold``: for ``dt_hold`` much shorter
    than tau_mem the membrane (with resistance R) has the standard deviation
    ``R * std * sqrt(dt_hold / (2 * tau_mem))``. White noise of intensity sigma is approached
    with ``std = sigma / sqrt(dt_hold)``. These are the conventions of NEST's
    ``noise_generator``, whose ``dt`` is ``dt_hold``.

    Parameters
    ----------
    mean, std : float or float array, shape (n,)
        ``std`` >= 0.
    dt_hold : float, seconds
        Length of an interval, a multiple of dt.
    shared : bool
        Whether all neurons get the same noise (scaled by their own mean and std).

    Raises
    ------
    ValidationError
        If a parameter is not finite, std is negative, or dt_hold is not > 0.

    Examples
    --------
    >>> noise = NoiseCurrent(0.0, 1.0, dt_hold=1e-3).bind(n=1000, dt=1e-3, seed=1, name="e.i_ext")
    >>> bool(abs(noise.trace(0, 1).std() - 1.0) < 0.1)
    True
    """

    mean: float | npt.ArrayLike
    std: float | npt.ArrayLike
    dt_hold: float
    shared: bool = False

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            given = _finite("NoiseCurrent", name, getattr(self, name), (0, 1))
            object.__setattr__(self, name, given)
        if (np.asarray(self.std) < 0).any():
            raise ValidationError(f"NoiseCurrent: expected std >= 0, got {self.std!r}")
        _duration("NoiseCurrent", "dt_hold", self.dt_hold)

    @property
    def largest(self) -> float:
        """Largest magnitude of the mean and the standard deviation."""
        return float((np.abs(self.mean) + np.abs(self.std)).max())

    def _bound(self, n: int, dt: float, seed: int, name: str) -> tuple[BoundCurrent, list[int]]:
        hold = _whole_ticks("NoiseCurrent dt_hold", self.dt_hold, dt)
        key = np.array([stream_key(seed, "noise", name)], dtype=np.uint64)
        mean, std = (_per_neuron(np.asarray(value), 1) for value in (self.mean, self.std))

        def call(lo: int, out: npt.NDArray[Any]) -> Call:
            held, scratch = np.full(1, -1, dtype=np.int64), np.zeros(out.size)
            shared = int(self.shared)
            return kernels.noise_current, (key, mean, std, hold, shared, held, lo, out, scratch)

        return BoundCurrent(n, call), [mean.size, std.size]


def _table(
    n: int, changes: npt.NDArray[np.int64], rows: FloatArray, end: int, period: int
) -> BoundCurrent:
    values = np.ascontiguousarray(rows)
    return BoundCurrent(
        n, lambda lo, out: (kernels.table_current, (changes, values, end, period, lo, out))
    )


def _per_neuron(value: FloatArray, length: int) -> FloatArray:
    """Contiguous float64 array of shape (size,), one value repeated to ``length``."""
    flat = value.astype(np.float64).reshape(-1)
    return np.full(length, flat[0]) if flat.size == 1 else flat


def _finite(who: str, name: str, given: Any, axes: tuple[int, ...]) -> FloatArray:
    shapes = {0: "a number", 1: "one axis", 2: "two axes"}
    kind = _KINDS.get(name, MODEL_CURRENT)
    try:
        values = np.array(kind.plain(f"{who}: {name}", given), dtype=np.float64)
    except ValidationError:
        raise
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.ndim not in axes or not np.isfinite(values).all():
        legal = " or ".join(shapes[axis] for axis in axes)
        raise ValidationError(f"{who}: expected finite {name} with {legal}, got {given!r}")
    values.setflags(write=False)
    return values


def _duration(who: str, name: str, seconds: float) -> None:
    if not (np.isfinite(seconds) and seconds > 0):
        raise ValidationError(f"{who}: expected {name} > 0 s, got {seconds!r}")


def _whole_ticks(what: str, seconds: float, dt: float) -> int:
    ticks = to_ticks(seconds, dt, what)
    if ticks == 0:
        raise ValidationError(f"{what}: expected at least dt = {dt:g} s, got {seconds:g} s")
    return ticks
