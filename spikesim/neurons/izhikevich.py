# SPDX-License-Identifier: Apache-2.0
"""Izhikevich's quadratic neuron with recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spikesim.neurons.current import Derivatives
from spikesim.neurons.midpoint import midpoint_lines
from spikesim.neurons.parameters import (
    ParametricModel,
    PerSecond,
    Real,
    SIPotential,
    Substeps,
    scalar_or_array,
)

# v' = 0.04 v^2 + 5 v + 140 - u + I in millivolts and milliseconds, here in V and V/s.
_SQUARE, _LINEAR, _OFFSET = 4e4, 5e3, 140.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Izhikevich(ParametricModel):
    r"""Izhikevich's neuron, with the numbers of the paper in SI units.

    ::

        dv/dt = 4e4 v^2 + 5e3 v + 140 - u + I     (V/s; v in volts)
        du/dt = a (b v - u)
        v >= v_peak: spike, v <- c, u <- u + d

    The input I of a tick is the sum of the weights that arrive in it, plus i_ext. It is the
    pulse that stands for a jump of v by ``w dt``, complete at the end of the tick: that is when
    it acts, and where a delay in seconds ends, as in NEST's izhikevich. Method
    "published" is the paper's code: two Euler half-steps of v, then one step of u, with the
    overshoot of v above the peak that this brings (meant for dt = 1 ms). Its spike list
    names a spike one tick later, when the reset is made. The overshoot multiplies rounding
    errors, so that trains of one and the same cell agree in their first spikes and in their
    rate only, whatever the program. Method "midpoint" integrates both equations with
    ``substeps`` midpoint steps (second order), v limited to the peak.

    Parameters
    ----------
    a, b : float or float array, shape (n,), 1/s
        Rate of the recovery variable, and its coupling to v. The paper's a and b, times 1000.
    c : float or float array, shape (n,), volts
        Reset value. The paper's c in mV.
    d : float or float array, shape (n,), V/s
        Rise of u at a spike. The paper's d as it is: 1 mV/ms is 1 V/s.
    v_peak : float or float array, shape (n,), volts
        Where a spike is counted.
    current : float or float array, shape (n,), V/s
        Constant input i_ext, which a current device may replace. The paper's I as it is.
    v_init : float or float array, shape (n,), volts
        Membrane before the first tick; u starts at b v_init.
    method : {"published", "midpoint"}
        How a tick is integrated.
    substeps : int
        Midpoint steps per tick.

    References
    ----------
    Izhikevich (2003), IEEE Trans. Neural Netw. 14:1569-1572, eqs. (1)-(3) and Fig. 2.

    Examples
    --------
    >>> Izhikevich.published(a=0.1, b=0.2, c=-65, d=2, current=10.0).c  # fast spiking
    -0.065
    """

    states: ClassVar[tuple[str, ...]] = ("v", "u")
    counters: ClassVar[tuple[str, ...]] = ()

    a: PerSecond = 20.0
    b: PerSecond = 200.0
    c: SIPotential = -65e-3
    d: Real = 8.0
    v_peak: SIPotential = 30e-3
    current: Real = 0.0
    v_init: SIPotential = -65e-3
    method: Literal["published", "midpoint"] = "published"
    substeps: Substeps = 1

    @classmethod
    def published(
        cls, a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike, d: npt.ArrayLike, **options: Any
    ) -> Izhikevich:
        """Take a, b, c, d as printed: per ms, per ms, mV, mV/ms; the options are fields."""
        return cls(
            a=scalar_or_array(np.multiply(a, 1e3)),
            b=scalar_or_array(np.multiply(b, 1e3)),
            c=scalar_or_array(np.divide(c, 1e3)),
            d=scalar_or_array(d),
            **options,
        )

    def contradictions(self) -> list[str]:
        """Why legal parameters do not go together; empty when they do."""
        problems = super().contradictions()
        if np.any(np.asarray(self.c) >= np.asarray(self.v_peak)):
            problems.append(f"expected c < v_peak, got {self.c} and {self.v_peak}")
        return problems

    def constants(self, dt: float, n: int) -> dict[str, Any]:
        """Constants of the template for ticks of ``dt`` seconds."""
        step = {"half": dt / 2} if self.method == "published" else {"part": dt / self.substeps}
        scale = dt if self.method == "published" else step["part"]
        return step | {
            "rate_u": scalar_or_array(np.multiply(self.a, scale)),
            **{key: getattr(self, key) for key in ("b", "c", "d", "v_peak")},
            "i_ext": self.current,
        }

    def initial(self, dt: float, n: int) -> dict[str, npt.NDArray[Any]]:
        """Membrane at v_init, recovery at b v_init."""
        v = np.full(n, self.v_init, dtype=np.float64)
        return {"v": v, "u": self.b * v}

    def template(self) -> str:
        """Update of one neuron in one tick; see the equations of the class."""
        slope = f"({_SQUARE!r} * {{v}} + {_LINEAR!r}) * {{v}} + (given - {{u}})"
        lines = [f"given = in_0 + i_ext + {_OFFSET!r}"]
        if self.method == "published":
            half = f"v = v + half * ({slope.format(v='v', u='u')})"
            lines += [half, half, "u = u + rate_u * (b * v - u)"]
        else:
            steps = {"v": f"part * ({slope})", "u": "rate_u * (b * {v} - {u})"}
            lines += midpoint_lines(steps, self.substeps, {"v": "v_peak"})
        lines += ["spike = v >= v_peak", "v = c if spike else v", "u = u + d if spike else u"]
        return "\n".join(lines)

    def beyond_lif(self, dt: float) -> list[str]:
        """Name what ``neurons.LIF`` has no words for: all that is not a leak."""
        return ["a quadratic membrane", "a recovery variable"]

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equations between spikes, per second."""
        v, u = np.asarray(state["v"]), np.asarray(state["u"])
        given = np.asarray(i_ext) + _OFFSET
        return {"v": _SQUARE * v * v + _LINEAR * v + given - u, "u": self.a * (self.b * v - u)}
