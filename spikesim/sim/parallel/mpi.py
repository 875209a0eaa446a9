# SPDX-License-Identifier: Apache-2.0
"""Several processes that run one network together, each with its own blocks of neurons."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spikesim.errors import SpikesimError, ValidationError
from spikesim.kernels.exchange import inspect, pack, unpack
from spikesim.sim.parallel.farewell import Farewell
from spikesim.sim.run.spike_record import Record

_HEADER = 2
"""Words before a message: whether its rank failed, and its length."""
_LEAST_ROOM = 64

Words = npt.NDArray[np.int32]


class Communicator(Protocol):
    """What is used of an ``mpi4py`` communicator; anything with these methods will do."""

    def Get_rank(self) -> int:  # noqa: N802 (name of MPI)
        """Give the number of this process."""

    def Get_size(self) -> int:  # noqa: N802 (name of MPI)
        """Give the number of all processes."""

    def Allgather(self, sendbuf: Any, recvbuf: Any) -> None:  # noqa: N802 (name of MPI)
        """Give every process the arrays of all."""

    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Give process ``root`` the objects of all."""


class RankError(SpikesimError):
    """Another process of the run stopped with an error; the message is its own."""


class Ranks:
    """The processes of a run, and all that they say to each other.

    Every exchange is one ``share``. A process that fails takes part in the next share of the
    others with its error as the message, so they stop too instead of waiting for ever. One that
    ends with an error that nobody caught ends them all; see ``farewell``.

    Parameters
    ----------
    comm : Communicator, optional
        Default: this process alone.

    Attributes
    ----------
    rank, size : int
    shares, words : int
        Exchanges so far, and int32 words of this process's messages in them.
    """

    def __init__(self, comm: Communicator | None = None) -> None:
        self._comm = comm
        self.rank = 0 if comm is None else comm.Get_rank()
        self.size = 1 if comm is None else comm.Get_size()
        self.shares = self.words = 0
        self._depth = 0
        self._farewell = Farewell.of(comm, RankError)
        self._make_room(_LEAST_ROOM)

    @classmethod
    def of(cls, comm: Communicator | Ranks | str | None) -> Ranks:
        """Make ranks of what a user gives: None, ``"world"``, a communicator, or ranks.

        Raises
        ------
        ValidationError
            If ``mpi4py`` is missing, or the argument is none of these.
        """
        if isinstance(comm, Ranks):
            return comm
        if comm is None or all(hasattr(comm, name) for name in ("Allgather", "gather")):
            return cls(comm)  # type: ignore[arg-type]
        if comm != "world":
            raise ValidationError(
                f"simulate: expected comm as None, 'world' or an MPI communicator, got {comm!r}"
            )
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            raise ValidationError(
                f"simulate: comm='world' needs mpi4py and an MPI library, got {error}; "
                "pip install 'spikesim[mpi]'"
            ) from error
        return cls(MPI.COMM_WORLD)

    def share(self, words: Words, failed: bool = False) -> Words:
        """Give every rank the messages of all.

        One collective of equal parts; when a message does not fit, all ranks see it, make
        more room, and repeat.

        Returns
        -------
        int32 array, shape (size, 2 + room)
            By rank: failed, length, words. Valid until the next call.

        Raises
        ------
        RankError
            If another rank failed.
        """
        self.shares += 1
        self.words += words.size
        if self._farewell is not None:
            self._farewell.tell = self._leave
        while True:
            kept = min(words.size, self._sent.size - _HEADER)
            self._sent[0], self._sent[1] = failed, words.size
            self._sent[_HEADER : _HEADER + kept] = words[:kept]
            if self._comm is None:
                self._received[0] = self._sent
            else:
                self._comm.Allgather(self._sent, self._received)
            longest, first = inspect(self._received)
            if longest <= self._sent.size - _HEADER:
                break
            self._make_room(1 << int(longest).bit_length())
        if not failed and first >= 0:
            raise RankError(f"rank {first} of {self.size} stopped: {self._text(first)}")
        return self._received

    def agree(self, *values: float) -> list[float]:
        """Largest of each value over all ranks."""
        if self._comm is None:
            return [float(value) for value in values]
        received = self.share(np.array(values, dtype=np.float64).view(np.int32))
        mine = np.ascontiguousarray(received[:, _HEADER : _HEADER + 2 * len(values)])
        return [float(value) for value in mine.view(np.float64).max(axis=0)]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on some rank."""
        return self.agree(flag)[0] > 0

    def total(self, value: int) -> int:
        """Sum of an integer below 2**62 over all ranks."""
        received = self.share(np.array([value], dtype=np.int64).view(np.int32))
        mine = np.ascontiguousarray(received[:, _HEADER : _HEADER + 2])
        return int(mine.view(np.int64).sum())

    def every(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give every rank the integers of all, shape (size, n); as many on each."""
        received = self.share(values.view(np.int32))
        mine = np.ascontiguousarray(received[:, _HEADER : _HEADER + 2 * values.size])
        return mine.view(np.int64)

    def same(self, what: str, value: str) -> None:
        """Check that all ranks were given the same.

        Raises
        ------
        ValidationError
            On all ranks, if they were not.
        """
        self.share(_words(value))
        texts = [self._text(rank) for rank in range(self.size)]
        for rank, text in enumerate(texts):
            if text != texts[0]:
                raise ValidationError(
                    f"simulate: expected the same {what} in every process, got {texts[0]} in "
                    f"rank 0 and {text} in rank {rank}; build both from the same seed"
                )

    def join(self, part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Put arrays of all ranks side by side (last axis): whole on rank 0, else ``part``."""
        if self._comm is None:
            return part
        self.share(_NOTHING)  # whoever failed says so before the others wait for its part
        parts = self._comm.gather(part, root=0)
        return part if parts is None else np.concatenate(parts, axis=-1)

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Leave the block in the same way on all ranks: if one fails, all raise.

        Raises
        ------
        RankError
            If another rank failed.
        """
        return self._together() if self.size > 1 else contextlib.nullcontext()

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        self._depth += 1
        outermost = self._depth == 1
        try:
            yield
            if outermost:
                self.share(_NOTHING)
        except RankError:
            raise
        except BaseException as error:
            if outermost:
                self.share(_words(f"{type(error).__name__}: {error}"), failed=True)
            raise
        finally:
            self._depth -= 1

    def _leave(self) -> None:
        self.share(_words("its process ended before the run did"), failed=True)

    def _text(self, rank: int) -> str:
        words = self._received[rank, _HEADER : _HEADER + self._received[rank, 1]]
        return words.tobytes().rstrip(b"\0").decode()

    def _make_room(self, room: int) -> None:
        self._sent = np.zeros(_HEADER + room, dtype=np.int32)
        self._received = np.zeros((self.size, _HEADER + room), dtype=np.int32)


class SpikeExchange:
    """Moves the spikes of a batch of ticks from the own blocks into the record of all.

    Parameters
    ----------
    ranks : Ranks
    own : Record
        One line per block; row 0 is the first tick of the batch.
    record : Record
        One line: the spikes of all neurons.
    blocks : range
        Blocks of this rank.
    """

    def __init__(self, ranks: Ranks, own: Record, record: Record, blocks: range) -> None:
        self.ranks, self.own, self.record, self.blocks = ranks, own, record, blocks
        self._words = np.empty(own.fired.size + own.marks.size, dtype=np.int32)
        self._cursor = np.zeros(ranks.size, dtype=np.int64)

    def begin(self, tick: int) -> None:
        """Start a batch: its spikes replace those of the last."""
        self.own.clock[0] = tick

    def finish(self, n: int) -> None:
        """End a batch of ``n`` ticks: every rank gets the spikes of all."""
        own, record = self.own, self.record
        size = pack(n, own.fired, own.marks, self.blocks.start, self.blocks.stop, self._words)
        messages = self.ranks.share(self._words[:size])
        row = int(own.clock[0] - record.clock[0])
        unpack(n, messages, _HEADER, row, record.fired, record.marks, self._cursor)


def find_mpiexec() -> str:
    """Path of the program that starts the processes: beside this Python, or in PATH.

    Raises
    ------
    ValidationError
        If there is none, or no ``mpi4py``.
    """
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None or importlib.util.find_spec("mpi4py") is None:
        raise ValidationError(
            "simulate: expected mpiexec and mpi4py for more than one process, got none; "
            "pip install 'spikesim[mpi]'"
        )
    return found


_NOTHING: Words = np.zeros(0, dtype=np.int32)


def _words(text: str) -> Words:
    data = text.encode()
    return np.frombuffer(data + b"\0" * (-len(data) % 4), dtype=np.int32)
