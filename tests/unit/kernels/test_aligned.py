# SPDX-License-Identifier: Apache-2.0
"""Where arrays begin."""

import numpy as np
import pytest

from spikesim.kernels.aligned import aligned


@pytest.mark.parametrize(
    ("size", "unit"),
    [
        (1, 64), (4095, 64), (4096, 4096), ((1 << 20) - 1, 4096), (1 << 20, 1 << 21),
        (5_000_001, 1 << 21),
    ],
)  # fmt: skip
def test_arrays_begin_where_their_size_asks_for(size, unit):
    """Cache lines, pages from a page on, huge pages from a megabyte on."""
    array = aligned(size, np.uint8)
    assert array.size == size
    assert not array.any()
    assert array.ctypes.data % unit == 0


def test_large_arrays_outlive_what_they_were_cut_from():
    """Their memory belongs to the array, and is theirs alone."""
    arrays = [aligned(1 << 20, np.uint32) for _ in range(3)]
    for k, array in enumerate(arrays):
        array[:] = k
    assert [int(array.min()) for array in arrays] == [0, 1, 2]
    assert [int(array.max()) for array in arrays] == [0, 1, 2]
