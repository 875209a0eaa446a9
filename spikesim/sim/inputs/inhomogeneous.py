# SPDX-License-Identifier: Apache-2.0
"""Poisson input whose rates change in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.sim.inputs.drawn import RandomEvents
from spikesim.sim.inputs.poisson import as_rates, rate_problems
from spikesim.units import to_ticks

_MOST_BYTES = 1 << 31


@dataclass(frozen=True, eq=False)
class InhomogeneousPoisson(RandomEvents):
    """Poisson trains with rates given bin by bin.

    In a tick of bin b line k fires as in ``Poisson`` with rate ``rates_hz[b, k]``. After the
    last bin the input is silent, or starts again with ``repeat``.

    Parameters
    ----------
    rates_hz : float array, shape (bins,) for all lines alike or (bins, n), 1/s
    bin : float, seconds
        Length of a bin, a multiple of dt.
    repeat : bool
        Whether to start again after the last bin.
    counts : bool
        Whether a line may have several events in a tick.

    Raises
    ------
    ValidationError
        If a rate is negative or not finite, there is no bin, or its length is not > 0.

    Examples
    --------
    Ten ticks of silence, ten ticks of certain spikes, and so on.

    >>> drive = InhomogeneousPoisson([0.0, 1000.0], bin=0.01, repeat=True)
    >>> drive.trains(n=2, steps=40, dt=1e-3, seed=1, name="in").counts().tolist()
    [20, 20]
    """

    rates_hz: npt.ArrayLike
    bin: float
    repeat: bool = False
    counts: bool = False

    def __post_init__(self) -> None:
        shape = "an array of shape (bins,) or (bins, n)"
        rates = as_rates("InhomogeneousPoisson", self.rates_hz, shape, (1, 2))
        if rates.size == 0 or not (np.isfinite(self.bin) and self.bin > 0):
            raise ValidationError(
                "InhomogeneousPoisson: expected at least one bin of a length > 0 s, got rates of "
                f"shape {rates.shape} and bin={self.bin!r}"
            )
        object.__setattr__(self, "rates_hz", rates)
        for flag in ("repeat", "counts"):
            object.__setattr__(self, flag, bool(getattr(self, flag)))

    @classmethod
    def from_function(
        cls,
        rate_hz: Callable[[float], float | npt.ArrayLike],
        *,
        duration: float,
        bin: float,
        repeat: bool = False,
        counts: bool = False,
    ) -> InhomogeneousPoisson:
        """Rates from a function of time, taken in the middle of each bin.

        Parameters
        ----------
        rate_hz : callable
            Gets the time in seconds, gives a rate or an array of shape (n,) in 1/s.
        duration, bin : float, seconds
            The duration is a multiple of the bin.

        Raises
        ------
        ValidationError
            If the duration is no multiple of the bin, or a rate is not legal.

        Examples
        --------
        >>> ramp = InhomogeneousPoisson.from_function(lambda t: 10 * t, duration=2.0, bin=1.0)
        >>> ramp.rates_hz.tolist()
        [5.0, 15.0]
        """
        bins = to_ticks(duration, bin, "duration")
        rates = [rate_hz((k + 0.5) * bin) for k in range(bins)]
        return cls(np.array(rates, dtype=np.float64), bin, repeat, counts)

    @classmethod
    def sinusoidal(
        cls,
        mean_hz: float,
        amplitude_hz: float,
        frequency_hz: float,
        *,
        duration: float,
        bin: float,
        phase: float = 0.0,
        repeat: bool = False,
        counts: bool = False,
    ) -> InhomogeneousPoisson:
        """Rate ``max(0, mean + amplitude * sin(2 pi frequency t + phase))`` of all lines.

        Give one period as duration and ``repeat=True`` for a modulation without end.

        Parameters
        ----------
        mean_hz, amplitude_hz, frequency_hz : float, 1/s
        duration, bin : float, seconds
        phase : float, radians
        """

        def rate(t: float) -> float:
            swing = np.sin(2 * np.pi * frequency_hz * t + phase)
            return max(0.0, mean_hz + amplitude_hz * float(swing))

        return cls.from_function(rate, duration=duration, bin=bin, repeat=repeat, counts=counts)

    def problems(self, n: int, dt: float) -> list[str]:
        """Why these rates cannot drive ``n`` lines at tick ``dt``; empty when they can."""
        rates = np.asarray(self.rates_hz)
        found = []
        if rates.ndim == 2 and rates.shape[1] != n:
            found.append(f"expected rates of shape (bins,) or (bins, {n}), got {rates.shape}")
        try:
            if to_ticks(self.bin, dt, "bin") == 0:
                found.append(f"expected a bin of at least dt = {dt:g} s, got {self.bin:g} s")
        except ValidationError as error:
            found += error.problems
        found += rate_problems(rates, dt, self.counts)
        # About 10 bytes per threshold, and as many thresholds as a count may reach.
        high = float(rates.max()) * dt
        size = 10.0 * rates.size * (30 + high + 12 * np.sqrt(high) if self.counts else 1)
        if size > _MOST_BYTES:
            found.append(
                f"expected tables of at most {_MOST_BYTES / 2**30:g} GiB, got about "
                f"{size / 2**30:.1f} GiB for {rates.shape[0]} bins; take longer bins, or rates "
                "shared by all lines"
            )
        return found

    def _bins(self, dt: float) -> tuple[npt.NDArray[np.float64], int, bool]:
        rates = np.asarray(self.rates_hz, dtype=np.float64)
        return rates.reshape(rates.shape[0], -1), to_ticks(self.bin, dt, "bin"), self.repeat
