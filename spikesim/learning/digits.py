# SPDX-License-Identifier: Apache-2.0
"""The four rules with which unsupervised networks learned handwritten digits."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.units import ms

_VARIANTS = ("triplet", "power", "exponential", "symmetric")


@dataclass(frozen=True)
class DiehlCook(PlasticityRule):
    """The rules of Diehl and Cook; all traces are set to 1 at their event, not incremented.

    With x the trace of arrivals, y and z the fast and slow trace of the target's spikes before
    the event itself::

        "triplet"      arrival: dw = -eta_pre y      post: dw = eta x z
        "power"                                      post: dw = eta (x - x_tar) (w_max - w)**mu
        "exponential"                                post: dw = eta (x exp(-beta w)
                                                              - x_tar exp(-beta (w_max - w)))
        "symmetric"    arrival: dw = -eta_pre y w**mu    post: as "power"

    The triplet rule is that of the published program: the first spike of a quiet neuron
    learns nothing, since z is zero then.

    Parameters
    ----------
    w_max : float
        Largest weight; the least is 0.
    variant : {"triplet", "power", "exponential", "symmetric"}
        Which of the four.
    eta, eta_pre : float
        Learning rates of post and pre events.
    tau_pre, tau_post, tau_slow : float
        Time constants of x, y, z in seconds.
    x_tar : float
        Pre trace at which a post event changes nothing. The greater, the fewer inputs keep a
        weight: with "power" and "symmetric" 0.4 drives weights to both bounds, and MNIST is
        told apart better with 0.15 (docs/models-learning.md). "exponential" has its balance
        between the bounds.
    mu, beta : float
        Exponent, and steepness per unit of the weight.

    References
    ----------
    Diehl, Cook, Front. Comput. Neurosci. 9:99 (2015), eq. 3-5, and its program.
    """

    w_max: float = 1.0
    variant: str = "triplet"
    eta: float = 1e-2
    eta_pre: float = 1e-4
    tau_pre: float = 20 * ms
    tau_post: float = 20 * ms
    tau_slow: float = 40 * ms
    x_tar: float = 0.4
    mu: float = 0.2
    beta: float = 1.0

    w_min = 0.0

    def problems(self) -> list[str]:
        """Why these parameters make no rule; empty when they do."""
        if self.variant not in _VARIANTS:
            return [f"expected a variant of {_VARIANTS}, got {self.variant!r}"]
        return super().problems()

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace of the arrivals."""
        return (SpikeTrace("x", self.tau_pre, "set"),)

    @property
    def post_traces(self) -> tuple[SpikeTrace, ...]:
        """Traces of the target's spikes that the variant needs."""
        fast, slow = SpikeTrace("y", self.tau_post, "set"), SpikeTrace("z", self.tau_slow, "set")
        return {"triplet": (fast, slow), "symmetric": (fast,)}.get(self.variant, ())

    def constants(self) -> dict[str, float]:
        """Numbers of the variant."""
        names = ("eta", "eta_pre", "x_tar", "mu", "beta")
        return {name: getattr(self, name) for name in names}

    def on_pre(self) -> str:
        """Depression, where the variant has it."""
        texts = {"triplet": "w = w - eta_pre * y", "symmetric": "w = w - eta_pre * y * w ** mu"}
        return texts.get(self.variant, "")

    def on_post(self) -> str:
        """Change by the pre trace, or by its distance from the target value."""
        texts = {
            "triplet": "w = w + eta * x * z",
            "exponential": "w = w + eta * (x * exp(-beta * w) - x_tar * exp(-beta * (w_max - w)))",
        }
        return texts.get(self.variant, "w = w + eta * (x - x_tar) * (w_max - w) ** mu")
