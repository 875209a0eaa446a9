# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from spikesim.kernels.connect import (
    BALL,
    conv_rows,
    grid_rows,
    keep_between,
    pick_rows,
    pick_sources,
    rewire_rows,
)
from spikesim.kernels.philox import OCTAVES, PIECE_BITS, fill_choices, fill_values, philox_block

KEY = np.uint64(0xFEDCBA9876543210)


def all_kernels():
    """Small runs of every kernel, as one list of numbers."""
    indptr = np.array([0, 3, 7, 7, 12])
    picked, few = np.zeros(12, np.int32), np.zeros(12, np.int32)
    pick_rows(KEY, 7, True, True, 0, indptr, picked)
    pick_rows(KEY, 30, False, False, 0, indptr, few)
    cursor, placed = np.array([0, 4, 8]), np.zeros(24, np.int32)
    pick_sources(KEY, 2, 3, False, True, 0, 6, cursor, placed)
    ring = np.zeros(12, np.int32)
    rewire_rows(KEY, 9, 4, 0.5, 2, np.array([0, 4, 8, 12]), ring)
    counts = np.zeros(4, np.int64)
    grids, extent = np.array([2, 2, 3, 3]), np.array([1.0, 1.0])
    grid_rows(
        KEY, BALL, 0.7, 0.6, 0.6, True, False, grids, extent, 0, counts,
        np.zeros(0, np.int32), counts,
    )  # fmt: skip
    everything = np.zeros(0, np.int32)
    plane = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)  # one zero, two groups
    lines = np.array([[0, -1], [1, 0], [-1, 1]]), np.array([[0, -1], [-1, 0]])
    reached = np.array([0, 0, 1, 2, 4, 5, 6, 7, 8, 10, 12, 13, 14])
    ends, weights = np.zeros(14, np.int32), np.zeros(4, np.float32)
    conv_rows(plane, 2, *lines, 2, 1, 0, reached, everything, True, ends)
    some = np.array([0, 1, 2, 3, 4]), np.array([0, 1, 0, 0], np.int32)
    conv_rows(plane, 2, *lines, 2, 1, 8, *some, False, weights)
    values = np.zeros(12)
    some = np.arange(3.0 * (2 * OCTAVES << PIECE_BITS)).reshape(3, -1) * 1e-9
    fill_values(some, -9.0, 9.0, KEY, 1, 0, indptr, everything, values)
    chosen, aliases = np.zeros(12, np.int32), np.arange(8, dtype=np.uint64) << np.uint64(29)
    fill_choices(aliases, 3, 2, KEY, 1, 0, indptr, everything, chosen)
    kept, places = np.zeros(5, np.int64), np.zeros(12, np.int32)
    keep_between(2, 9, indptr, few, kept, places)
    parts = (picked, few, cursor, placed, ring, counts, ends, weights, values, chosen, kept, places)
    return np.concatenate([part.astype(float) for part in parts]).tolist()


def test_without_compiling_the_kernels_give_the_same():
    script = (
        "import runpy, sys, json;print(json.dumps(runpy.run_path(sys.argv[1])['all_kernels']()))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", script, str(Path(__file__))],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    np.testing.assert_allclose(np.array(eval(run.stdout)), all_kernels(), rtol=1e-14)


def test_a_row_is_drawn_from_its_words_by_multiply_and_shift():
    # One target each: word 0 of (block 0, row, purpose 0), 32-bit, times 1000, high half.
    rows = 50
    targets = np.zeros(rows, np.int32)
    pick_rows(KEY, 1000, False, False, 0, np.arange(rows + 1), targets)
    block = np.zeros(4, np.uint64)
    for row in range(rows):
        counter = np.array([0, row, 0, 0], np.uint64)
        philox_block(counter, np.array([0x76543210, 0xFEDCBA98], np.uint64), block)
        assert int(block[0]) * 1000 >> 32 == targets[row]
