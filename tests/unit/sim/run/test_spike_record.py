# SPDX-License-Identifier: Apache-2.0
"""A record gives back what fired, however windows are cut and whenever the history moves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.kernels.loop import collect
from spikesim.sim.run.spike_record import Record

PARTS = (3, 1, 5)
FIRSTS = np.array([0, 3, 4], np.int64)
N = sum(PARTS)


def fire(record, tick, spikes):
    """Write one tick as the kernels of the neurons do, for two blocks of alternate parts."""
    lo = 0
    for block in range(record.fired.shape[0]):
        for part, n in enumerate(PARTS):
            first, last = FIRSTS[part] + n * block // 2, FIRSTS[part] + n * (block + 1) // 2
            if record.fired.shape[0] == 1:
                first, last = FIRSTS[part], FIRSTS[part] + n
            flags = np.zeros(64, np.uint8)
            flags[: last - first] = spikes[first:last]
            edges = np.array([0, last - first])
            collect(
                tick, flags, edges, np.array([first]), part, record.clock, record.fired[block],
                record.marks[block],
            )  # fmt: skip
        lo += 1


def history_of(record):
    """All (age, source) of the history, as a delivery looks for them."""
    found = set()
    for block in range(record.fired.shape[0]):
        for row in range(record.past().start, record.past().stop):
            lo, hi = record.marks[block, row, 0], record.marks[block, row, -1]
            found |= {(record.row - row, int(s)) for s in record.fired[block, lo:hi]}
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    blocks=st.sampled_from([1, 2]),
    history=st.sampled_from([1, 2, 7, 70]),
    window=st.integers(1, 90),
    most=st.sampled_from([None, 8 * N, 80 * N]),
    wishes=st.lists(st.integers(1, 60), min_size=1, max_size=12),
)
def test_windows_and_history_hold_what_fired(seed, blocks, history, window, most, wishes):
    rng = np.random.default_rng(seed)
    record = Record.empty(blocks, N, len(PARTS), history, window, most)
    raster = np.zeros((0, N), bool)
    for wish in wishes:
        tick = len(raster)
        n = record.open(min(wish, window))
        assert n <= min(wish, window)
        if n == 0:  # only where the room was cut below what the history may need
            assert most is not None
            return
        if most is None:
            assert n == min(wish, window)
        assert record.begin[0] == tick
        assert record.clock[0] + record.row == tick
        new = rng.random((n, N)) < rng.choice([0.0, 0.3, 1.0])
        for k in range(n):
            fire(record, tick + k, new[k])
        starts, times, sources = record.spikes(FIRSTS, n)
        for part, (first, size) in enumerate(zip(FIRSTS, PARTS, strict=True)):
            mine = slice(starts[part], starts[part + 1])
            at, who = np.nonzero(new[:, first : first + size])
            assert np.array_equal(times[mine], at + tick)
            assert np.array_equal(sources[mine], who)
        record.close(n)
        raster = np.concatenate([raster, new])
        late = raster[-history:]
        assert history_of(record) == {
            (len(late) - age, source) for age, source in zip(*np.nonzero(late), strict=True)
        }


@pytest.mark.parametrize("history", [1, 63, 64, 65, 300])
def test_single_ticks_move_the_history_rarely(history, monkeypatch):
    """Once in as many ticks as the history has, or 64: so no tick costs more than a few rows."""
    moved = []
    record = Record.empty(1, N, len(PARTS), history, 1000)
    compact = Record.compact
    monkeypatch.setattr(Record, "compact", lambda self: (moved.append(1), compact(self)))
    for _ in range(900):
        assert record.open(1) == 1
        record.close(1)
    assert len(moved) <= 900 / max(history, 64)


def test_a_forgotten_record_is_silent_and_counts_on():
    record = Record.empty(1, N, len(PARTS), 3, 5)
    assert record.open(5) == 5
    for tick in range(5):
        fire(record, tick, np.ones(N, bool))
    record.close(5)
    record.forget(5)
    assert history_of(record) == set()
    assert record.open(5) == 5
    assert record.begin[0] == 5


@pytest.mark.parametrize(
    ("parts", "history", "window"),
    [(1, 1, 4096), (2000, 1, 2096), (10**6, 1, 64), (10**6, 100, 100), (1, 10**6, 4096)],
)
def test_windows_of_many_populations_are_shorter(parts, history, window):
    assert Record.fitting_window(1, parts, history, 4096) == window
