# SPDX-License-Identifier: Apache-2.0
"""Sums of rows in stripes: oracle in integers of NumPy."""

import numpy as np
import pytest

from spikesim.kernels.train import event


def lists(x):
    begin, index = np.empty(len(x) + 1, np.int64), np.empty(x.size, np.int32)
    spikes = event.list_events(x.reshape(-1), x.shape[1], begin, index)
    return begin, index, spikes


@pytest.mark.parametrize("n", [1, 63, 64, 65, 130])
def test_lists_name_what_is_not_0(n):
    x = (np.random.default_rng(n).random((9, n)) < 0.3).astype(np.float32)
    x[0], x[1] = 0, 1
    begin, index, spikes = lists(x)
    assert spikes
    for r, row in enumerate(x):
        assert np.flatnonzero(row).tolist() == index[begin[r] : begin[r + 1]].tolist()
    of_column, rows = np.empty(n + 1, np.int64), np.empty(begin[-1], np.int32)
    event.turn_lists(begin, index, of_column, rows)
    for c, column in enumerate(x.T):
        assert np.flatnonzero(column).tolist() == rows[of_column[c] : of_column[c + 1]].tolist()


@pytest.mark.parametrize("n", [5, 64, 100])
@pytest.mark.parametrize("odd", [2.0, -1.0, 1e-45, np.nan])
def test_any_other_number_is_seen(n, odd):
    for place in (0, n - 1):
        x = np.zeros((3, n), np.float32)
        x[1, place] = odd
        begin, index, spikes = lists(x)
        assert not spikes
        assert [0, 0, 1, 1] == begin.tolist()
        assert place == index[0]


@pytest.mark.parametrize("width", [1, 63, 64, 65, 200])
def test_stripes_hold_every_entry_once_and_rounded_to_even(width):
    matrix = np.random.default_rng(width).integers(-99, 99, (5, width)) / 2
    table = event.table_for(5, width, np.int32)
    event.stripes_of(matrix.reshape(-1), 5, width, 1.0, np.zeros(64), table)
    stripes = table.reshape(-1, 5, 64)
    found = np.concatenate(stripes, 1)
    np.testing.assert_array_equal(np.rint(matrix), found[:, :width])
    assert not found[:, width:].any()
    assert 0 == table.ctypes.data % 64


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_sums_are_those_of_integers(dtype):
    rng = np.random.default_rng(0)
    height, width = 300, 70
    matrix = rng.integers(-1000, 1000, (height, width)).astype(np.float64)
    x = (rng.random((6, height)) < 0.6).astype(np.float64)
    x[0] = 0
    begin, index, _ = lists(x)
    lanes, table = event.lanes_of(dtype), event.table_for(height, width, dtype)
    row = np.zeros(lanes, np.float64 if dtype == np.int32 else dtype)
    event.stripes_of(matrix.astype(row.dtype).reshape(-1), height, width, 1.0, row, table)
    part = np.empty(lanes, dtype)
    total = np.empty(lanes, np.int64 if dtype == np.int32 else dtype)
    kind = np.float64 if dtype == np.int32 else dtype
    out = np.empty(6 * width, kind)
    event.event_sums(table, height, width, index, begin, 0.5, part, total, out)
    np.testing.assert_array_equal(x @ matrix * 0.5, out.reshape(6, width))
    if dtype != np.int32:
        weighted = (x * rng.integers(1, 9, x.shape)).astype(dtype)
        out = np.empty(6 * width, dtype)
        event.scaled_sums(
            table, height, width, weighted.reshape(-1), index, begin, part, total, out
        )
        np.testing.assert_array_equal(weighted @ matrix, out.reshape(6, width))
