# SPDX-License-Identifier: Apache-2.0
"""Speed of plasticity and delivery alone: ``python -m benchmarks.plastic_kernel``.

10,000 sources onto 10,000 targets, 10 M synapses, fixed spike trains, dt 0.1 ms. An update is
one pre event or one post event of a synapse. CPU clock; the first 50 ms (compiling, caches) do
not count. The median over ticks stands beside the mean, since a neighbor on the machine
spoils the mean. Sources at 20 Hz onto targets at 1 Hz is where "immediate" is meant to pay.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import product

import numpy as np

from spikesim.kernels.plastic import METHODS, PlasticBlock
from spikesim.learning import PairSTDP, TripletSTDP
from spikesim.learning.rule import PlasticityRule

DT = 1e-4
DRIVES = (("regular", 32, 32), ("poisson", 32, 32), ("poisson", 5, 5), ("poisson", 20, 1))
RULES = {
    "additive": PairSTDP(1.0),
    "multiplicative": PairSTDP(1.0, mu_plus=1.0, mu_minus=1.0),
    "nearest": PairSTDP(1.0, pairing="nearest"),
    "triplet": TripletSTDP(1.0),
}


def trains(kind: str, rate: float, n: int, ticks: int, seed: int) -> list[np.ndarray]:
    """Who spikes in each tick: every neuron regularly with its own phase, or Poisson."""
    rng = np.random.default_rng(seed)
    period = round(1 / (rate * DT))
    phase = rng.integers(0, period, n)
    found = []
    for tick in range(ticks):
        spikes = (tick - phase) % period == 0 if kind == "regular" else rng.random(n) < rate * DT
        found.append(np.flatnonzero(spikes))
    return found


def block_of(rule: PlasticityRule, n: int, fan_out: int, method: str) -> PlasticBlock:
    """Random targets without repetition, start weights below half of the largest."""
    rng = np.random.default_rng(0)
    # A random sample by stride: sorted, without repetition, quick.
    gaps = rng.integers(1, 2 * n // fan_out, (n, fan_out))
    targets = (np.cumsum(gaps, axis=1) + rng.integers(0, n, (n, 1))) % n
    targets.sort(axis=1)
    weights = rng.random(n * fan_out, dtype=np.float32) * 0.5
    start = np.arange(n + 1) * fan_out
    columns = targets.ravel().astype(np.uint16)
    return PlasticBlock(rule, DT, start, columns, weights, n, method=method)


def measure(
    rule: PlasticityRule, method: str, kind: str, rates: tuple[float, float], n: int, ticks: int
) -> tuple[float, float]:
    """Measure updates per second, from all ticks and from the median one."""
    fan_out = n // 10
    block = block_of(rule, n, fan_out, method)
    pre, post = (trains(kind, rate, n, ticks, seed) for seed, rate in enumerate(rates, 1))
    lo, hi, slot = np.zeros((3, n), np.int64)
    fired, acc = np.zeros(n, np.int32), np.zeros(n, np.int32)
    n_pieces, n_fired = np.zeros((2, 1), np.int64)
    calls = [
        block.arrive(lo, hi, slot, n_pieces, acc, 0, 2.0**10),
        *block.history.post(fired, n_fired),
    ]
    spent, updates = [], []
    for tick in range(ticks):
        n_pieces[0], n_fired[0] = pre[tick].size, post[tick].size
        slot[: n_pieces[0]], fired[: n_fired[0]] = pre[tick], post[tick]
        lo[: n_pieces[0]] = pre[tick] * fan_out
        hi[: n_pieces[0]] = lo[: n_pieces[0]] + fan_out
        begin = time.process_time()
        for function, args in calls:
            function(tick, *args)
        spent.append(time.process_time() - begin)
        updates.append((n_pieces[0] + n_fired[0]) * fan_out)
    times, counts = np.array(spent[500:]), np.array(updates[500:])
    busy = counts > 0
    return counts.sum() / times.sum(), float(np.median(counts[busy] / times[busy]))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, default=10_000)
    parser.add_argument("--ticks", type=int, default=3_000)
    parser.add_argument("--methods", nargs="*", default=["deferred"], choices=METHODS[:2])
    parser.add_argument("--rules", nargs="*", default=list(RULES), choices=list(RULES))
    options = parser.parse_args(argv)
    print(
        f"{'rule':16}{'method':12}{'trains':10}{'pre Hz':>7}{'post Hz':>8}{'G updates/s':>13}"
        f"{'median':>8}"
    )
    for name, (kind, *rates), method in product(options.rules, DRIVES, options.methods):
        mean, median = measure(
            RULES[name], method, kind, (rates[0], rates[1]), options.neurons, options.ticks
        )
        print(
            f"{name:16}{method:12}{kind:10}{rates[0]:7}{rates[1]:8}{mean / 1e9:13.2f}"
            f"{median / 1e9:8.2f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
