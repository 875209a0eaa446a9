# SPDX-License-Identifier: Apache-2.0
"""What is measured, and what has to come out."""

from __future__ import annotations

from dataclasses import dataclass

OWN, SNNTORCH, SPIKINGJELLY = "spikesim", "snnTorch", "SpikingJelly"
HUGE = ", huge pages"
"""Ends the name of an engine that runs with torch's allocator in huge pages."""

ALONE = ", products alone"
"""Ends the name of an engine that makes only the products of gradients and the recurrent matrix."""
FLOAT32 = "torch, float32"


@dataclass(frozen=True)
class Goal:
    """Ratio to be reached: a peer's figure over ours.

    Attributes
    ----------
    benchmark : str
    peer : str
        Engine compared with.
    must : float
    aim : float or None
    key : str
        What is compared: "cpu_ms", or "delta_rss_mb".
    own : str
        Engine of ours; with huge pages where the peer has them.
    """

    benchmark: str
    peer: str
    must: float
    aim: float | None = None
    key: str = "cpu_ms"
    own: str = OWN


@dataclass(frozen=True)
class Limit:
    """Extra memory that a benchmark of ours may take.

    Attributes
    ----------
    benchmark : str
    must, aim : float, MB
    """

    benchmark: str
    must: float
    aim: float


@dataclass(frozen=True)
class Case:
    """One benchmark.

    Attributes
    ----------
    name, title : str
    engines : tuple of str
        In the order in which they take turns.
    """

    name: str
    title: str
    engines: tuple[str, ...] = (SNNTORCH, SPIKINGJELLY, OWN)


CASES = (
    Case("mlp", "(a) MLP 784-1000-10, T 25, B 128, 10 % input, training step"),
    Case("conv", "(b) conv 12@5x5-pool-64@5x5-pool-10, T 25, B 64, 20 % input, training step"),
    Case(
        "lif", "(c) LIF alone, T 100, B 64, N 2048, forward and backward",
        (SNNTORCH, SPIKINGJELLY, OWN, SNNTORCH + HUGE, SPIKINGJELLY + HUGE, OWN + HUGE),
    ),
    Case("learned", "(c') LIF with a learned decay, T 4, B 128, N 16x28x28, forward and backward"),
    Case(
        "recurrent", "(d) 700-256 recurrent-20, T 100, B 64, 3 % input, training step",
        (SNNTORCH, SPIKINGJELLY, OWN, OWN + ALONE, FLOAT32 + ALONE),
    ),
    Case("inference", "(e) MLP 784-1000-10, T 25, B 1, 10 % input, inference"),
)  # fmt: skip

GOALS = (
    Goal("mlp", SNNTORCH, 2.0, 3.5),
    Goal("mlp", SPIKINGJELLY, 2.0, 3.5),
    Goal("conv", SNNTORCH, 2.5, 4.0),
    Goal("conv", SPIKINGJELLY, 3.2, 5.3),
    Goal("conv", SNNTORCH, 4.0, 6.0, key="delta_rss_mb"),
    Goal("conv", SPIKINGJELLY, 6.0, 10.0, key="delta_rss_mb"),
    Goal("lif", SNNTORCH, 5.0, 10.0),
    Goal("lif", SPIKINGJELLY, 5.0, 10.0),
    Goal("lif", SNNTORCH + HUGE, 3.0, own=OWN + HUGE),
    Goal("lif", SPIKINGJELLY + HUGE, 3.0, own=OWN + HUGE),
    Goal("lif", SNNTORCH, 4.0, 8.0, key="delta_rss_mb"),
    Goal("lif", SPIKINGJELLY, 4.0, 8.0, key="delta_rss_mb"),
    Goal("recurrent", SNNTORCH, 4.0, 6.0),
    Goal("recurrent", SPIKINGJELLY, 5.0, 9.0),
    Goal("inference", SNNTORCH, 30.0, 80.0),
    Goal("inference", SPIKINGJELLY, 10.0, 30.0),
)

LIMITS = (Limit("conv", 50.0, 32.0),)
