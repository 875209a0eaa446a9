# SPDX-License-Identifier: Apache-2.0
"""Processes of a run as threads of one, so that ranks can be tested without MPI."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_PATIENCE = 60
"""Seconds until a rank that waits alone is taken for a deadlock."""


class ThreadRank:
    """Communicator of one thread: the methods of mpi4py that the engine uses."""

    def __init__(self, rank, size, barrier, board):
        self._rank, self._size, self._barrier, self._board = rank, size, barrier, board

    def Get_rank(self):  # noqa: N802 (name of MPI)
        return self._rank

    def Get_size(self):  # noqa: N802 (name of MPI)
        return self._size

    def Allgather(self, sendbuf, recvbuf):  # noqa: N802 (name of MPI)
        for rank, part in enumerate(self._swap(sendbuf.copy())):
            recvbuf[rank] = part

    def gather(self, sendobj, root=0):
        everything = self._swap(np.copy(sendobj) if isinstance(sendobj, np.ndarray) else sendobj)
        return everything if self._rank == root else None

    def _swap(self, mine):
        self._board[self._rank] = mine
        self._barrier.wait(_PATIENCE)
        everything = list(self._board)
        self._barrier.wait(_PATIENCE)
        return everything


def run_ranks(size, work):
    """Call ``work(comm)`` in each of ``size`` ranks; gives results, or errors, by rank."""
    barrier, board = threading.Barrier(size), [None] * size

    def guarded(rank):
        try:
            return work(ThreadRank(rank, size, barrier, board))
        except Exception as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(guarded, range(size)))
