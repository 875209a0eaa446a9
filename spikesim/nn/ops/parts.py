# SPDX-License-Identifier: Apache-2.0
"""Kernels over parts of their elements, in as many threads as torch has."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch

_LEAST = 1 << 18
"""Operations that are worth a thread: a tenth of a millisecond of them."""


def in_parts(work: Callable[..., None], n: int, tile: int, cost: int, *args: Any) -> None:
    """Call ``work(lo, hi, tile, *args)`` for parts of 0 … n; results must not depend on the parts.

    Parameters
    ----------
    work : callable
        That leaves Python's lock, as kernels do.
    n : int
        Elements.
    tile : int
        A part begins at a multiple of it.
    cost : int
        Operations for an element.
    *args
        For ``work``.
    """
    tiles = -(-n // tile)
    threads = max(1, min(torch.get_num_threads(), tiles, n * cost // _LEAST))
    edges = [min(n, tiles * k // threads * tile) for k in range(threads + 1)]
    others = [
        _pool(threads - 1, os.getpid()).submit(work, lo, hi, tile, *args)
        for lo, hi in pairwise(edges[1:])
    ]
    work(0, edges[1], tile, *args)
    for other in others:
        other.result()


@functools.cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads of this process; one that was forked has none of its parent's."""
    return ThreadPoolExecutor(threads, "spikesim")
