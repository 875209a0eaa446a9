# SPDX-License-Identifier: Apache-2.0
"""The canonical neuron with a threshold that rises with its own spikes, in discrete time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spikesim.neurons.firing import Refractory, Reset
from spikesim.neurons.lif import LIF
from spikesim.neurons.parameters import (
    Floor,
    Level,
    ParametricModel,
    Positive,
    Real,
    Share,
    Ticks,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveLIF(ParametricModel):
    """`LIF` with an adaptive threshold: the form that torch shares with the float engine.

    ::

        theta <- rho * theta
        the tick of LIF with threshold v_th + theta, and its spike s
        theta <- theta + theta_plus * s

    It is no ``LIF``: the core has a constant threshold. ``ALIF`` is the same neuron in seconds; its
    decays are exponentials, so it is equal but for rounding.

    Parameters
    ----------
    theta_plus : float or float array, shape (n,)
        By how much a spike raises the threshold.
    rho : float or float array, shape (n,)
        Decay of that per tick, 0 to 1.
    beta, alpha, gain, bias, v_th, v_reset, reset, reset_amount, refractory_ticks, refractory, \
v_init, v_floor, strict, dt
        As of ``LIF``; a soft reset takes off ``v_th``, without theta, unless an amount is given.

    Raises
    ------
    ValidationError
        With every illegal parameter.

    References
    ----------
    Bellec et al. (2018), NeurIPS, eqs. (1)-(2).

    Examples
    --------
    >>> AdaptiveLIF(beta=0.5, theta_plus=0.1, rho=0.9).template().splitlines()[0]
    'theta = rho * theta'
    """

    states: ClassVar[tuple[str, ...]] = ("v", "i", "theta")

    beta: Share
    theta_plus: Real
    rho: Share
    alpha: Share = 0.0
    gain: Real = 1.0
    bias: Real = 0.0
    v_th: Level = 1.0
    v_reset: Real = 0.0
    reset: Reset = "soft"
    reset_amount: Real | None = None
    refractory_ticks: Ticks = 0
    refractory: Refractory = "hold"
    v_init: Real = 0.0
    v_floor: Floor | None = None
    strict: bool = False
    dt: Positive | None = None

    @classmethod
    def of(cls, lif: LIF, **adaptation: Any) -> AdaptiveLIF:
        """Give a neuron that adapts, from one that does not, ``theta_plus`` and ``rho``."""
        return cls(**{field.name: getattr(lif, field.name) for field in fields(lif)}, **adaptation)

    @property
    def lif(self) -> LIF:
        """The neuron without its adaptation."""
        return LIF(**{field.name: getattr(self, field.name) for field in fields(LIF)})

    @property
    def only_dt(self) -> float | None:
        """Tick in seconds that the constants hold for, where they hold for one only."""
        return self.lif.only_dt

    def beyond_lif(self, dt: float) -> list[str]:
        """Name what ``LIF`` has no words for."""
        return ["an adaptive threshold"]

    def constants(self, dt: float, n: int) -> dict[str, Any]:
        """Constants of the template; the parameters count ticks already, so dt is not used."""
        return self.lif.constants(dt, n) | {"theta_plus": self.theta_plus, "rho": self.rho}

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """As ``LIF``, with the threshold not raised."""
        return self.lif.initial(dt, n) | {"theta": np.zeros(n)}

    def template(self) -> str:
        """Update of one neuron in one tick; see the equations of the class."""
        rise = "theta = theta + theta_plus if spike else theta"
        return "\n".join(["theta = rho * theta", *self.lif.lines("v_th + theta"), rise])
