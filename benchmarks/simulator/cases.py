# SPDX-License-Identifier: Apache-2.0
"""What is run, and what has to come out: plain tables."""

from __future__ import annotations

from dataclasses import dataclass

NEST, BRIAN, BINDSNET, CYTHON, OWN = (
    "NEST", "Brian2 C++", "BindsNET", "Brian2 Cython", "spikesim",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One network, run by spikesim and by peers.

    Parameters
    ----------
    name : str
        Of the benchmark, in the rows.
    network, size
        Arguments of the scripts.
    seconds : float
        Biological time of a peer's run, and of everyone's statistics.
    peers : tuple of str
        Engines compared with.
    own_seconds : float or None
        Biological time of our run, longer where ours would last only milliseconds.
    threads : int
        Of our run; peers have one.
    quick : bool
        Whether ``--quick`` includes it.
    """

    name: str
    network: str
    size: float
    seconds: float
    peers: tuple[str, ...] = ()
    own_seconds: float | None = None
    threads: int = 1
    quick: bool = False


CASES = (
    Case("cuba-4000", "cuba", 4000, 2.0, (NEST, BRIAN), own_seconds=20.0, quick=True),
    Case("cuba-16000", "cuba", 16000, 1.0, (NEST, BRIAN), own_seconds=10.0),
    Case("cuba-40000", "cuba", 40000, 0.5, (NEST, BRIAN), own_seconds=5.0),
    Case("brunel-3125", "brunel", 3125, 1.0, (NEST, BRIAN), own_seconds=5.0, quick=True),
    Case("brunel-12500", "brunel", 12500, 0.5, (NEST, BRIAN), own_seconds=2.0),
    Case("brunel-12500-own", "brunel-own", 12500, 0.5, own_seconds=2.0),
    Case("stdp-3125", "stdp", 3125, 0.5, (NEST, BRIAN), own_seconds=2.0, quick=True),
    Case("stdp-12500", "stdp", 12500, 0.25, (NEST, BRIAN), own_seconds=1.0),
    Case("digits-400", "digits", 400, 3.5, (BINDSNET, CYTHON), own_seconds=35.0, quick=True),
    Case("digits-1600", "digits", 1600, 1.75, (BINDSNET, CYTHON), own_seconds=17.5),
    Case("microcircuit-0.1", "microcircuit", 0.1, 1.0, (NEST,), own_seconds=5.0, quick=True),
    Case("microcircuit-1", "microcircuit", 1.0, 2.1),
    Case("microcircuit-1-2threads", "microcircuit", 1.0, 2.1, threads=2),
    Case("brunel-12500-2threads", "brunel", 12500, 0.5, own_seconds=2.0, threads=2),
    Case("build-1e7", "build", 1e7, 0.0),
    Case("build-1e8", "build", 1e8, 0.0),
)


@dataclass(frozen=True)
class Goal:
    """A bound on one figure.

    Parameters
    ----------
    text : str
        What is bounded, as the table names it.
    kind : {"ratio", "at most", "scaling", "rates"}
        ratio: CPU time per biological second of ``other`` over ours, at least ``must``.
        at most: our ``figure`` of the benchmark. scaling: wall time of the benchmark
        ``other`` over that of this one. rates: largest relative distance of a
        population's rate from the published one, at most.
    benchmark : str
    must, aim : float
    figure : str
        Key of a row, or of the details of one.
    other : str
        Engine, or ``benchmark/engine`` when the peer ran another benchmark.
    unit : str
    """

    text: str
    kind: str
    benchmark: str
    must: float
    aim: float
    figure: str = "cpu_s_per_bio_s"
    other: str = ""
    unit: str = ""


def _ratios(text: str, benchmark: str, wanted: dict[str, tuple[float, float]]) -> list[Goal]:
    return [
        Goal(text, "ratio", benchmark, must, aim, other=other, unit="x")
        for other, (must, aim) in wanted.items()
    ]


_FULL = "microcircuit-1"

GOALS: tuple[Goal, ...] = (
    *_ratios("CUBA 4,000", "cuba-4000", {BRIAN: (3, 5), NEST: (30, 60)}),
    *_ratios("CUBA 16,000", "cuba-16000", {BRIAN: (3, 5), NEST: (30, 60)}),
    *_ratios("CUBA 40,000", "cuba-40000", {BRIAN: (3, 5), NEST: (30, 60)}),
    *_ratios("Brunel 3,125", "brunel-3125", {BRIAN: (10, 18), NEST: (25, 45)}),
    *_ratios("Brunel 12,500", "brunel-12500", {BRIAN: (15, 28), NEST: (30, 60)}),
    *_ratios("Brunel 12,500, own weights and delays, to the peers' constant ones",
             "brunel-12500-own",
             {f"brunel-12500/{BRIAN}": (8, 12), f"brunel-12500/{NEST}": (16, 25)}),
    *_ratios("recurrent STDP 3,125", "stdp-3125", {BRIAN: (17, 25), NEST: (22, 35)}),
    *_ratios("recurrent STDP 12,500", "stdp-12500", {BRIAN: (18, 29), NEST: (25, 40)}),
    *_ratios("Diehl-Cook 784-400", "digits-400", {BINDSNET: (300, 500), CYTHON: (40, 70)}),
    *_ratios("Diehl-Cook 784-1600", "digits-1600", {BINDSNET: (300, 500), CYTHON: (40, 70)}),
    *_ratios("microcircuit at 0.1", "microcircuit-0.1", {NEST: (60, 100)}),
    Goal("microcircuit, one core", "at most", _FULL, 2.0, 1.3, unit="CPU s/s"),
    Goal("microcircuit, two cores", "at most", f"{_FULL}-2threads", 1.15, 0.8,
         figure="wall_s_per_bio_s", unit="wall s/s"),
    Goal("microcircuit, resident memory", "at most", _FULL, 2048, 1350, figure="peak_rss_mb",
         unit="MB"),
    Goal("microcircuit, build on one core", "at most", _FULL, 6.0, 3.0, figure="build_cpu_s",
         unit="CPU s"),
    Goal("microcircuit, build on two cores", "at most", f"{_FULL}-2threads", 3.5, 1.5,
         figure="build_wall_s", unit="wall s"),
    Goal("microcircuit, rates against published ones", "rates", _FULL, 0.05, 0.02),
    Goal("build, 10 M synapses", "at most", "build-1e7", 30, 13, figure="build_ms_per_m",
         unit="CPU ms per M"),
    Goal("build, 100 M synapses", "at most", "build-1e8", 5.0, 1.5, figure="build_cpu_s",
         unit="CPU s"),
    Goal("build, 100 M synapses, memory", "at most", "build-1e8", 1024, 400, figure="build_mb",
         unit="MB"),
    Goal("two threads, 15.6 M synapses", "scaling", "brunel-12500-2threads", 1.6, 1.85,
         other="brunel-12500", unit="x"),
    Goal("bytes per synapse, constant weight and delay", "at most", "brunel-12500", 2.2, 2.0,
         figure="bytes_per_synapse", unit="B"),
    Goal("bytes per synapse, own weight and delay", "at most", _FULL, 5.0, 4.05,
         figure="bytes_per_synapse", unit="B"),
    Goal("bytes per synapse, plastic", "at most", "stdp-12500", 8.0, 6.0,
         figure="bytes_per_plastic_synapse", unit="B"),
)  # fmt: skip

RATE_TOLERANCE = 0.05
CV_TOLERANCE = 0.03
#: Benchmarks whose activity must be that of the peers. Not the digits: BindsNET lets one neuron
#: fire per step, which the other two do not.
SAME_ACTIVITY = tuple(c.name for c in CASES if c.peers and c.network != "digits")
