# SPDX-License-Identifier: Apache-2.0
"""Spike-timing-dependent plasticity of spike pairs."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.learning.rule import PairWindow, PlasticityRule, SpikeTrace
from spikesim.units import ms

_PAIRINGS = ("all", "nearest", "pre_centered", "restricted")


@dataclass(frozen=True)
class PairSTDP(PlasticityRule):
    """Pair STDP: potentiation when the target fires after an arrival, else depression.

    With u = (w - w_min) / (w_max - w_min) and the traces x of the arrivals and y of the
    target's spikes::

        target fires:    dw = (w_max - w_min) a_plus (1 - u)**mu_plus x
        spike arrives:   dw = -(w_max - w_min) a_minus u**mu_minus y

    Exponent 0 is the additive rule, 1 the multiplicative one, between them a power law.

    Parameters
    ----------
    w_max, w_min : float
        Bounds, in the unit of the weight.
    a_plus, a_minus : float
        Largest change of one pair, as a part of w_max - w_min.
    tau_plus, tau_minus : float
        Time constants of the two sides of the window, in seconds.
    mu_plus, mu_minus : float
        Exponents of the weight dependence, >= 0.
    pairing : {"all", "nearest", "pre_centered", "restricted"}
        Which earlier spikes of the other side a spike pairs with: all; the nearest one;
        "pre_centered", where an arrival takes part in pairs with the spikes of the target next
        before and next after it; "restricted", the pairs without another spike in between.

    Raises
    ------
    ValidationError
        If a bound, time constant, exponent or the pairing is out of its range.

    References
    ----------
    Song, Miller, Abbott, Nature Neuroscience 3:919 (2000), additive. Gütig, Aharonov, Rotter,
    Sompolinsky, J. Neurosci. 23:3697 (2003), eq. 1-3. Morrison, Diesmann, Gerstner, Biol.
    Cybern. 98:459 (2008), pairings.

    Examples
    --------
    >>> PairSTDP(w_max=1.0).on_pre()
    'w = w - depress * y'
    """

    w_max: float
    a_plus: float = 0.005
    a_minus: float = 0.00525
    tau_plus: float = 20 * ms
    tau_minus: float = 20 * ms
    mu_plus: float = 0.0
    mu_minus: float = 0.0
    w_min: float = 0.0
    pairing: str = "all"

    def problems(self) -> list[str]:
        """Why these parameters make no rule; empty when they do."""
        found = super().problems()
        if self.pairing not in _PAIRINGS:
            found.append(f"expected a pairing of {_PAIRINGS}, got {self.pairing!r}")
        if self.mu_plus < 0 or self.mu_minus < 0:
            found.append(f"expected mu >= 0, got {self.mu_plus} and {self.mu_minus}")
        return found

    @property
    def _mode(self) -> str:
        return "add" if self.pairing == "all" else "set"

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace ``x`` of the arrivals."""
        return (SpikeTrace("x", self.tau_plus, self._mode),)

    @property
    def post_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace ``y`` of the target's spikes."""
        return (SpikeTrace("y", self.tau_minus, self._mode),)

    @property
    def eligibility(self) -> SpikeTrace | None:
        """Variable ``c`` per synapse, for pairings that forget at the target's spike.

        "pre_centered": trace of the arrivals since then. "restricted": above 0 when the last
        event was an arrival; it reaches 0 no sooner than what it guards.
        """
        slowest = max(self.tau_plus, self.tau_minus)
        taus = {"pre_centered": self.tau_plus, "restricted": slowest}
        return SpikeTrace("c", taus[self.pairing], "hold") if self.pairing in taus else None

    @property
    def pair(self) -> PairWindow | None:
        """Fast form of the additive and the multiplicative all-to-all rule."""
        mu = {self.mu_plus, self.mu_minus}
        if self.pairing != "all" or mu not in ({0.0}, {1.0}):
            return None
        # Sums that are clipped once, at the end, need changes of one sign.
        if not (0 <= self.a_plus <= 1 and 0 <= self.a_minus):
            return None
        additive = mu == {0.0}
        span = self.w_max - self.w_min if additive else 1.0
        return PairWindow(additive, self.a_plus * span, self.a_minus * span)

    def constants(self) -> dict[str, float]:
        """Amplitudes with what is common to all synapses multiplied in."""
        span = self.w_max - self.w_min
        return {
            "potentiate": self.a_plus * span ** (1 - self.mu_plus),
            "depress": self.a_minus * span ** (1 - self.mu_minus),
            "mu_plus": self.mu_plus,
            "mu_minus": self.mu_minus,
        }

    def on_pre(self) -> str:
        """Depression by the post trace."""
        y = "(0.0 if c > 0.0 else y)" if self.pairing == "restricted" else "y"
        text = f"w = w - depress * {y}{_power('(w - w_min)', self.mu_minus, 'mu_minus')}"
        after = {"pre_centered": "\nc = c + 1.0", "restricted": "\nc = 1.0"}
        return text + after.get(self.pairing, "")

    def on_post(self) -> str:
        """Potentiation by the pre trace."""
        x = {"pre_centered": "c", "restricted": "(x if c > 0.0 else 0.0)"}.get(self.pairing, "x")
        text = f"w = w + potentiate * {x}{_power('(w_max - w)', self.mu_plus, 'mu_plus')}"
        return text if self.eligibility is None else text + "\nc = 0.0"


def _power(distance: str, mu: float, name: str) -> str:
    """Factor distance**mu; the two common exponents need no power function."""
    return {0.0: "", 1.0: f" * {distance}"}.get(mu, f" * {distance} ** {name}")
