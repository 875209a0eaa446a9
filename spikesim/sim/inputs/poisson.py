# SPDX-License-Identifier: Apache-2.0
"""Poisson input of constant rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.core.quantity import RATE
from spikesim.errors import ValidationError
from spikesim.sim.inputs.count_tables import HIGHEST_MEAN
from spikesim.sim.inputs.drawn import RandomEvents


@dataclass(frozen=True, eq=False)
class Poisson(RandomEvents):
    """Independent Poisson trains of constant rates.

    Without ``counts`` line k fires in a tick with probability ``rates_hz[k] * dt``, at most
    once. With ``counts`` the number of its events in a tick is a Poisson number of mean
    ``rates_hz[k] * dt``: one line then stands for the background of many neurons. Either
    distribution is met to better than 1e-12. A draw depends on seed, name of the input, tick
    and line alone, so a longer run begins with the spikes of a shorter one.

    Parameters
    ----------
    rates_hz : float or float array, shape (n,), 1/s
        Mean rate, >= 0; at most 1/dt, with ``counts`` at most 1e4/dt.
    counts : bool
        Whether a line may have several events in a tick.

    Raises
    ------
    ValidationError
        If a rate is negative or not finite.

    Examples
    --------
    >>> Poisson(20.0).trains(n=100, steps=1000, dt=1e-3, seed=1, name="noise")
    SpikeTrains(2080 spikes, n=100, steps=1000)
    """

    rates_hz: float | npt.ArrayLike
    counts: bool = False

    def __post_init__(self) -> None:
        rates = as_rates("Poisson", self.rates_hz, "a scalar or of shape (n,)", (0, 1))
        object.__setattr__(self, "rates_hz", rates)
        object.__setattr__(self, "counts", bool(self.counts))

    @classmethod
    def from_image(
        cls, image: npt.ArrayLike, max_rate_hz: float, *, counts: bool = False
    ) -> Poisson:
        """One line per pixel, row by row, with rates in proportion to the brightness.

        Parameters
        ----------
        image : uint8 array (0 to 255) or float array (0 to 1), any shape
        max_rate_hz : float, 1/s
            Rate of the brightest value, 255 or 1.

        Raises
        ------
        ValidationError
            If the image has another type or values outside the range.

        Examples
        --------
        >>> Poisson.from_image([[0.0, 0.5], [1.0, 0.0]], max_rate_hz=63.75).rates_hz.tolist()
        [0.0, 31.875, 63.75, 0.0]
        """
        pixels = np.asarray(image)
        if pixels.dtype == np.uint8:
            pixels = pixels / 255.0
        if pixels.dtype.kind != "f" or not ((pixels >= 0) & (pixels <= 1)).all():
            raise ValidationError(
                "Poisson.from_image: expected uint8 from 0 to 255 or float from 0 to 1, got dtype "
                f"{np.asarray(image).dtype} from {np.min(image)} to {np.max(image)}; scale the "
                "image first"
            )
        return cls(pixels.ravel().astype(np.float64) * max_rate_hz, counts)

    def problems(self, n: int, dt: float) -> list[str]:
        """Why these rates cannot drive ``n`` lines at tick ``dt``; empty when they can."""
        rates = np.asarray(self.rates_hz)
        if rates.ndim == 1 and rates.size != n:
            return [f"expected rates as a scalar or of shape ({n},), got ({rates.size},)"]
        return rate_problems(rates, dt, self.counts)

    def _bins(self, dt: float) -> tuple[npt.NDArray[np.float64], int, bool]:
        return np.asarray(self.rates_hz, dtype=np.float64).reshape(1, -1), 0, False


def as_rates(
    who: str, given: npt.ArrayLike, shape: str, axes: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Read-only float64 copy of rates, refused unless finite, >= 0 and of that many axes.

    Raises
    ------
    ValidationError
        Starting with ``who``.
    """
    try:
        rates = np.array(RATE.plain(f"{who}: rates", given), dtype=np.float64)
    except ValidationError:
        raise
    except (TypeError, ValueError):
        rates = np.array(np.nan)
    if rates.ndim not in axes or not np.isfinite(rates).all() or (rates < 0).any():
        raise ValidationError(f"{who}: expected finite rates >= 0 as {shape}, got {given!r}")
    rates.setflags(write=False)
    return rates


def rate_problems(rates: npt.NDArray[np.float64], dt: float, counts: bool) -> list[str]:
    """Rates too high for the tick."""
    highest = float(rates.max(initial=0.0))
    if not counts and highest * dt > 1.0:
        return [
            f"expected rates of at most 1/dt = {1 / dt:g} Hz, got {highest:g} Hz; take a shorter "
            "dt, more lines, or counts=True"
        ]
    if counts and highest * dt > HIGHEST_MEAN:
        return [
            f"expected at most {HIGHEST_MEAN:g} events per tick ({HIGHEST_MEAN / dt:g} Hz), got "
            f"{highest:g} Hz; use a current for the mean of such a drive"
        ]
    return []
