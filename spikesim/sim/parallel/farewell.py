# SPDX-License-Identifier: Apache-2.0
"""A process of an MPI run that ends early takes the others with it, and says why.

The others wait for it in an exchange, and MPI lets no process end before all do: without a word
from this one, the run would stand still until somebody notices.
"""

from __future__ import annotations

import atexit
import sys
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

_OUTPUT_SECONDS = 0.5
"""How long mpiexec may take to pass on what was written; an abort drops what it has not."""
_GRACE_SECONDS = 3.0
"""How long a process that only passes on an error of another one leaves that one the word."""


class Farewell:
    """Takes the place of ``sys.excepthook``, and is called at the end of the process.

    Parameters
    ----------
    comm : mpi4py communicator
    secondary : type
        Errors that only tell of those of another process.

    Attributes
    ----------
    tell : callable or None
        Tells the other processes that this one ends, in the exchange they may be waiting in.
    """

    def __init__(self, comm: Any, secondary: type[BaseException]) -> None:
        self._comm, self._secondary = comm, secondary
        self.tell: Callable[[], None] | None = None

    @classmethod
    def of(cls, comm: Any, secondary: type[BaseException]) -> Farewell | None:
        """Give that of this process, made when first asked for; None without real processes."""
        if not hasattr(comm, "Abort") or comm.Get_size() == 1:
            return None
        if not isinstance(sys.excepthook, Farewell):
            sys.excepthook = made = cls(comm, secondary)
            atexit.register(made.at_exit)
        return sys.excepthook

    def __call__(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Print an error that nobody caught, with the rank, and end all processes."""
        sys.stdout.flush()
        lines = traceback.format_exception(kind, error, trace)
        # In one piece: the others may write at the same time.
        who = f"rank {self._comm.Get_rank()} of {self._comm.Get_size()}:\n"
        sys.stderr.write(who + "".join(lines))
        sys.stderr.flush()
        time.sleep(_GRACE_SECONDS if isinstance(error, self._secondary) else _OUTPUT_SECONDS)
        self._comm.Abort(1)

    def at_exit(self) -> None:
        """Meet the others a last time: those that did not come to their end learn that we did."""
        from mpi4py import MPI

        if self.tell is not None and not MPI.Is_finalized():
            self.tell()
