# SPDX-License-Identifier: Apache-2.0
"""Random programs and input that visit what a core can do, corners included.

Made directly from tables, without the compiler, so that a fault of the compiler cannot hide
one of an engine. Everything is drawn from the seed; equal seeds give equal programs.
"""

from __future__ import annotations

import numpy as np

from spikesim.hw.config import CoreConfig
from spikesim.hw.image import PARAM_DTYPE, POPULATION_DTYPE, SEGMENT_DTYPE
from spikesim.hw.program import Program

MAX_POPULATIONS = 5
MAX_ROW_SEGMENTS = 5

SMALL = CoreConfig(
    n_neurons=32,
    n_axons=96,
    lanes=4,
    delay_slots=8,
    n_segments=480,
    n_populations=8,
    weight_words=512,
    event_queue=256,
    spike_queue=64,
)
"""A core that a lock-step test runs through quickly."""


def random_program(seed: int, config: CoreConfig = SMALL) -> Program:
    """One random program.

    Parameters
    ----------
    seed : int
    config : CoreConfig
        Core it is made for.

    Returns
    -------
    Program
        Inputs named ``in``; populations ``p0``, ``p1``, ... with gaps between some of them.
    """
    rng = np.random.default_rng([seed, 0x5050])
    populations, groups = _populations(rng, config)
    params = _params(rng, config, populations)
    segments, weights = _rows(rng, config)
    names = tuple(groups)
    return Program(
        config=config,
        weights=weights,
        segments=segments,
        params=params,
        populations=populations,
        inputs={"in": (0, config.n_axons)},
        groups=groups,
        outputs=names[-1:],
        meta={"name": f"random {seed}", "tick_fs": 10**12},
    )


def random_events(seed: int, program: Program, steps: int) -> list[list[int]]:
    """Axons of each step, ascending: silence, single spikes, bursts of every axon.

    Returns
    -------
    list of list of int, length steps
    """
    rng = np.random.default_rng([seed, 0xEE])
    n = program.config.n_axons
    room = min(n, program.config.event_queue - 1)
    events = []
    for _ in range(steps):
        rate = rng.choice([0.0, 0.02, 0.1, 0.4, 1.0], p=[0.15, 0.3, 0.3, 0.2, 0.05])
        events.append([int(a) for a in np.flatnonzero(rng.random(n) < rate)[:room]])
    return events


def events_raster(program: Program, events: list[list[int]]) -> np.ndarray:
    """Give the same events as a bool array of shape (steps, n_axons)."""
    raster = np.zeros((len(events), program.config.n_axons), dtype=bool)
    for step, axons in enumerate(events):
        raster[step, axons] = True
    return raster


def _populations(rng, config):
    limit = min(MAX_POPULATIONS, config.n_populations, config.n_groups // 2)
    n_records = int(rng.integers(1, limit + 1))
    edges = np.sort(rng.choice(config.n_groups + 1, size=2 * n_records, replace=False))
    if rng.random() < 0.5:  # no gaps: the whole core is in use
        inner = rng.choice(np.arange(1, config.n_groups), size=n_records - 1, replace=False)
        cuts = [0, *np.sort(inner), config.n_groups]
        edges = np.array([edge for k in range(n_records) for edge in cuts[k : k + 2]])
    table = np.zeros(n_records, POPULATION_DTYPE)
    groups = {}
    rail = config.max_state
    for k, record in enumerate(table):
        first, stop = int(edges[2 * k]), int(edges[2 * k + 1])
        start = int(rng.choice([0, 0, 0, 1, 2, 5]))
        record["first"], record["last"], record["valid"] = first, stop - 1, 1
        record["hold"], record["record"] = rng.random() < 0.4, rng.random() < 0.8
        record["reset"], record["gain"] = rng.integers(0, 4), rng.choice([0, 0, 1, 2, 4, 7])
        record["alpha_v"] = rng.choice([0, 1, 2048, 3700, 4095, 4096, rng.integers(0, 4097)])
        record["alpha_i"] = rng.choice([0, 0, 0, 2048, 3000, 4096])
        record["reset_value"] = rng.choice([0, 0, 50, -50, rail, -rail - 1])
        record["v_floor"] = rng.choice([-rail - 1, -rail - 1, 0, -100, 100])
        record["v_init"] = rng.choice([0, 0, 30, -3000, rail, -rail - 1])
        record["start_tick"] = start
        groups[f"p{k}"] = (first * config.lanes, (stop - first) * config.lanes, start)
    return table, groups


def _params(rng, config, populations):
    n, rail = config.n_neurons, config.max_state
    params = np.zeros(n, PARAM_DTYPE)
    params["v_th"] = rail  # neurons outside every population
    for record in populations:
        chosen = slice(record["first"] * config.lanes, (record["last"] + 1) * config.lanes)
        k = params[chosen].size
        reach = int(rng.choice([4, 300, 3000, 60000])) << int(record["gain"])
        v_th = rng.integers(1, max(2, min(reach, rail)), size=k)
        odd = rng.random(k)
        v_th = np.where(odd < 0.03, rail, np.where(odd < 0.06, -rail - 1, v_th))
        v_th = np.where((odd > 0.06) & (odd < 0.1), rng.choice([0, -5, 1]), v_th)
        bias = np.where(rng.random(k) < 0.6, 0, rng.integers(-reach, reach, size=k) // 8)
        bias = np.where(rng.random(k) < 0.02, rng.choice([rail, -rail - 1]), bias)
        refr = np.where(rng.random(k) < 0.5, 0, rng.choice([1, 2, 3, 7, 255], size=k))
        params["v_th"][chosen] = v_th
        params["bias"][chosen] = np.clip(bias, -rail - 1, rail)
        params["refr_len"][chosen] = refr
    return params


def _rows(rng, config):
    """Rows of zero to five segments that overlap, leave holes and differ in delay."""
    segments = np.zeros(config.n_segments, SEGMENT_DTYPE)
    with_row = rng.random(config.n_sources) < rng.choice([0.3, 0.7, 1.0])
    spare = [*np.flatnonzero(~with_row), *range(config.n_sources, config.n_segments)]
    rng.shuffle(spare)
    used = 0
    if rng.random() < 0.25:  # everything meets in one group and slot: accumulators saturate
        return _converging_rows(rng, config, segments, with_row, spare)
    for source in np.flatnonzero(with_row):
        entry = int(source)
        segments[entry]["valid"] = 1
        for piece in range(int(rng.integers(1, MAX_ROW_SEGMENTS + 1))):
            room = min(config.n_groups, config.weight_words - used)
            if piece > 0:
                if not spare or room < 1:
                    break
                following = int(spare.pop())
                segments[entry]["more"], segments[entry]["next"] = 1, following
                entry = following
            count = int(rng.integers(1, max(1, room) + 1)) if rng.random() < 0.5 else 1
            count = min(count, max(1, room), 8)
            used += _fill_segment(rng, config, segments[entry], used, count)
    used = min(used, config.weight_words)
    return segments, _weights(rng, config, used)


def _converging_rows(rng, config, segments, with_row, spare):
    meeting = int(rng.integers(0, config.n_groups))
    delay = int(rng.choice([0, config.delay_slots - 1]))
    n_words = min(8, config.weight_words)
    for source in np.flatnonzero(with_row):
        chain = [int(source), *(int(spare.pop()) for _ in range(min(4, len(spare))))]
        for k, entry in enumerate(chain):
            segment = segments[entry]
            segment["base"], segment["first"] = rng.integers(0, n_words), meeting
            segment["delay"], segment["valid"] = delay, k == 0
            if k + 1 < len(chain):
                segment["more"], segment["next"] = 1, chain[k + 1]
    low, high = -config.max_weight - 1, config.max_weight
    signs = rng.choice([low, high, high], size=config.lanes)
    weights = np.where(rng.random((n_words, config.lanes)) < 0.9, signs, -signs - 1)
    return segments, weights.astype(np.int16)


def _fill_segment(rng, config, segment, used, count):
    shared = used >= config.weight_words or (used > 64 and rng.random() < 0.1)
    base = int(rng.integers(0, min(used, config.weight_words) - count + 1)) if shared else used
    segment["base"], segment["count"] = base, count - 1
    segment["first"] = rng.integers(0, config.n_groups - count + 1)
    slots = config.delay_slots
    segment["delay"] = rng.choice([0, 0, min(1, slots - 1), slots - 1, rng.integers(0, slots)])
    return 0 if shared else count


def _weights(rng, config, n_words):
    low, high = -config.max_weight - 1, config.max_weight
    style = rng.integers(0, 3)
    shape = (n_words, config.lanes)
    if style == 0:  # anything
        return rng.integers(low, high + 1, size=shape).astype(np.int16)
    if style == 1:  # all at the rails: accumulators saturate, order matters
        return rng.choice([low, high, high, 0], size=shape).astype(np.int16)
    weights = rng.normal(high / 8, high / 4, size=shape)  # mostly excitatory, sparse
    weights[rng.random(shape) < 0.4] = 0
    return np.clip(np.rint(weights), low, high).astype(np.int16)
