# SPDX-License-Identifier: Apache-2.0
"""Plasticity of one synapse, spelled out: every trace is a sum over the list of spikes.

No recursion, no tables, no kernels: a trace of all spikes before now is the sum of their
exponentials, that of the nearest one is one exponential. Slow and obvious.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Times = list[float]
Change = Callable[[float, float, Times, Times], float]


def every(times: Times, now: float, tau: float) -> float:
    """SpikeTrace to which each spike adds 1."""
    return sum(math.exp(-(now - t) / tau) for t in times)


def nearest(times: Times, now: float, tau: float) -> float:
    """SpikeTrace that each spike sets to 1."""
    return math.exp(-(now - times[-1]) / tau) if times else 0.0


@dataclass
class Rule:
    """Changes of the weight, each ``f(w, now, arrivals, posts)`` with the spikes before it."""

    at_arrival: Change | None
    at_post: Change | None
    w_min: float = 0.0
    w_max: float = 1.0


def play(
    rule: Rule, arrivals: list[int], posts: list[int], w: float, dt: float
) -> tuple[list[float], float]:
    """Play events in order of time.

    Parameters
    ----------
    arrivals, posts : lists of int, ticks
        An arrival comes before a post spike of the same tick.

    Returns
    -------
    delivered : list of float
        Weight at each arrival.
    w : float
        Weight at the end.
    """
    events = sorted([(t, 0) for t in arrivals] + [(t, 1) for t in posts])
    before: Times = []
    after: Times = []
    delivered = []
    for tick, is_post in events:
        now = tick * dt
        change = rule.at_post if is_post else rule.at_arrival
        if not is_post:
            delivered.append(w)
        if change is not None:
            w = min(max(w + change(w, now, before, after), rule.w_min), rule.w_max)
        (after if is_post else before).append(now)
    return delivered, w


def pair(a_plus, a_minus, tau_plus, tau_minus, mu=0.0, trace=every) -> Rule:
    """Pair rule on weights of 0 to 1."""
    return Rule(
        lambda w, now, pre, post: -a_minus * w**mu * trace(post, now, tau_minus),
        lambda w, now, pre, post: a_plus * (1 - w) ** mu * trace(pre, now, tau_plus),
    )


def triplet(a2p, a2m, a3p, a3m, tau_plus, tau_minus, tau_x, tau_y) -> Rule:
    """All-to-all triplet rule on weights of 0 to 1."""
    return Rule(
        lambda w, now, pre, post: (
            -every(post, now, tau_minus) * (a2m + a3m * every(pre, now, tau_x))
        ),
        lambda w, now, pre, post: every(pre, now, tau_plus) * (a2p + a3p * every(post, now, tau_y)),
    )


def inhibitory(eta, rate, tau) -> Rule:
    """Rule that holds the target's rate."""
    return Rule(
        lambda w, now, pre, post: eta * (every(post, now, tau) - 2 * rate * tau),
        lambda w, now, pre, post: eta * every(pre, now, tau),
    )


def tracking(rate, a, b, c, tau) -> Rule:
    """Weight tracks trace."""
    return Rule(None, lambda w, now, pre, post: rate * (a * every(pre, now, tau) - b * w - c))


def digits(variant: str) -> Rule:
    """Four rules for digits with eta 0.01, eta_pre 1e-4, 20 and 40 ms, x_tar 0.4, mu 0.2."""

    def power(w, now, pre, post):
        return 0.01 * (nearest(pre, now, 0.02) - 0.4) * (1 - w) ** 0.2

    def exponential(w, now, pre, post):
        return 0.01 * (nearest(pre, now, 0.02) * math.exp(-w) - 0.4 * math.exp(w - 1))

    def triplets(w, now, pre, post):
        return 0.01 * nearest(pre, now, 0.02) * nearest(post, now, 0.04)

    def depress(w, now, pre, post):
        return -1e-4 * nearest(post, now, 0.02)

    def depress_power(w, now, pre, post):
        return depress(w, now, pre, post) * w**0.2

    return {
        "triplet": Rule(depress, triplets),
        "power": Rule(None, power),
        "exponential": Rule(None, exponential),
        "symmetric": Rule(depress_power, power),
    }[variant]


def rewarded(
    arrivals: list[int],
    posts: list[int],
    rewards: list[tuple[int, float]],
    end: int,
    dt: float,
    a: tuple[float, float],
    taus: tuple[float, float, float, float],
) -> float:
    """Weight gained under reward: the product of two sums of exponentials, by Simpson's rule.

    ``a`` is a_plus, a_minus; ``taus`` are tau_plus, tau_minus, tau_c, tau_d.
    """
    jumps = [
        (p, a[0] * every([s * dt for s in arrivals if s <= p], p * dt, taus[0])) for p in posts
    ]
    jumps += [
        (s, -a[1] * every([p * dt for p in posts if p < s], s * dt, taus[1])) for s in arrivals
    ]
    gained = 0.0
    for tick in range(end):
        values = []
        for part in (0.0, 0.5, 1.0):
            now = (tick + part) * dt
            c = sum(d * math.exp(-(now - t * dt) / taus[2]) for t, d in jumps if t <= tick)
            signal = sum(d * math.exp(-(now - t * dt) / taus[3]) for t, d in rewards if t <= tick)
            values.append(c * signal)
        gained += dt / 6 * (values[0] + 4 * values[1] + values[2])
    return gained
