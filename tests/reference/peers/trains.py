# SPDX-License-Identifier: Apache-2.0
"""Fixed spike trains and delays on which the learning rules of simulators are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEED = 20
START = [[0.25, 0.375], [0.5, 0.625]]
"""Weights at the start, all different and exact in float32."""


@dataclass(frozen=True)
class Layout:
    """Two sources onto two targets.

    Attributes
    ----------
    dt : float, ms
    delays : list of list of int, ticks
        ``delays[i][j]`` from source i to target j.
    first, last : int, ticks
        Between which spikes are drawn; each source fires once more at the end, which shows
        the weight there.
    """

    dt: float
    delays: list[list[int]]
    first: int
    last: int


LAYOUTS = {
    "own delays": Layout(0.1, [[10, 14], [23, 18]], 60, 6000),
    "one delay": Layout(1.0, [[2, 2], [2, 2]], 30, 630),
}


def spike_trains(layout: Layout, ties: bool) -> tuple[list[list[int]], list[list[int]]]:
    """Ticks at which sources and targets fire.

    Without ``ties`` no spike of a source meets one of a target at a dendritic synapse, that is
    no pre = post + delay. With them, some spikes of each target meet axonal arrivals, that is
    post = pre + delay.
    """
    rng = np.random.default_rng(SEED)
    ticks = np.arange(layout.first, layout.last)
    pre = [np.append(_draw(rng, ticks, 22), layout.last + 100 + 3 * i) for i in range(2)]
    for i, train in enumerate(pre):
        train[0] = layout.first + i  # a first arrival before all spikes of the targets
    later = ticks[60:]
    post = []
    for j in range(2):
        delays = [layout.delays[i][j] for i in range(2)]
        met = [train + (d if ties else -d) for train, d in zip(pre, delays, strict=True)]
        free = np.setdiff1d(later, np.concatenate(met))
        some = np.concatenate([train[5:-5:4] for train in met]) if ties else []
        post.append(np.union1d(_draw(rng, free, 26), some).astype(int))
    return [train.tolist() for train in pre], [train.tolist() for train in post]


def reward_ticks(layout: Layout) -> list[int]:
    """Ticks at which dopamine rises."""
    rng = np.random.default_rng(SEED + 1)
    return _draw(rng, np.arange(layout.first + 20, layout.last), 6).tolist()


def _draw(rng: np.random.Generator, ticks: np.ndarray, n: int) -> np.ndarray:
    return np.sort(rng.choice(ticks, n, replace=False))
