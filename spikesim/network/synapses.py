# SPDX-License-Identifier: Apache-2.0
"""Where the synapses of a projection come from: given rows, or a rule that draws them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows
from spikesim.errors import ValidationError


class Filled(NamedTuple):
    """Rows of a range of sources.

    Parameters
    ----------
    indptr : int64 array, shape (hi - lo + 1,)
        Row starts in the columns; begins with 0.
    targets : int32 array, shape (nnz,)
        Postsynaptic neuron.
    weights : float32 array, shape (nnz,), or None
        None when ``Synapses.weight`` holds for all.
    delays : int32 array, shape (nnz,), ticks, or None
        None when ``Synapses.delay`` holds for all.
    """

    indptr: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32] | None
    delays: npt.NDArray[np.int32] | None


class Arena:
    """Memory for arrays that are all given up at once, kept for the next ones.

    Memory from the system costs as much to touch first as synapses do to draw.

    Examples
    --------
    >>> arena = Arena(1 << 10)
    >>> arena.take(100, np.float32).size
    100
    """

    def __init__(self, nbytes: int) -> None:
        self._memory = np.empty(nbytes, dtype=np.uint8)
        self._used = 0

    def take(self, size: int, kind: type) -> npt.NDArray[Any]:
        """Array whose content is not defined, from elsewhere if there is no room."""
        begin, end = self._used, self._used + size * np.dtype(kind).itemsize
        if end > self._memory.size:
            return np.empty(size, dtype=kind)
        self._used = -(-end // 64) * 64
        return self._memory[begin:end].view(kind)

    def clear(self) -> None:
        """Take back all arrays."""
        self._used = 0


class Filler(Protocol):
    """Hands out rows range by range, in any order and from several threads at once."""

    @property
    def indptr(self) -> npt.NDArray[np.int64]:
        """Row starts of all sources, shape (n_pre + 1,)."""
        ...

    def fill(
        self, lo: int, hi: int, within: tuple[int, int] | None = None, arena: Arena | None = None
    ) -> Filled:
        """Rows of the sources lo <= s < hi; the same however the ranges are cut.

        Parameters
        ----------
        within : (first, last), optional
            Only synapses onto targets first <= t < last; they are those of the whole rows.
        arena : Arena, optional
            Gives the memory of the columns, which are good until it is cleared.
        """
        ...


class Synapses(Protocol):
    """The synapses of one projection, by source; equal ones compare equal.

    Attributes
    ----------
    n_pre, n_post : int
        Neurons on both sides.
    weight : float or None
        The weight of all synapses; None if they have their own.
    delay : int or None, ticks
        The delay of all synapses; None if they have their own.
    min_delay, max_delay : int, ticks
        Bounds; legal values for a projection without synapses too.
    """

    @property
    def n_pre(self) -> int:
        """Number of sources."""
        ...

    @property
    def n_post(self) -> int:
        """Number of targets."""
        ...

    @property
    def nnz(self) -> int:
        """Number of synapses."""
        ...

    @property
    def weight(self) -> float | None:
        """One weight for all, or None."""
        ...

    @property
    def delay(self) -> int | None:
        """One delay for all in ticks, or None."""
        ...

    @property
    def min_delay(self) -> int:
        """Lower bound of the delays in ticks."""
        ...

    @property
    def max_delay(self) -> int:
        """Upper bound of the delays in ticks."""
        ...

    @property
    def is_matrix(self) -> bool:
        """Whether every row holds every target once, in ascending order."""
        ...

    def weight_bound(self) -> float:
        """Bound of the magnitude of all weights; at most 1.3 times the largest."""
        ...

    def weight_limits(self) -> tuple[float, float]:
        """Smallest and largest weight there can be; 0 and 0 without synapses."""
        ...

    def filler(self) -> Filler:
        """Open the rows for reading."""
        ...


class GivenRows:
    """Synapses that stand in memory.

    Parameters
    ----------
    rows : CsrRows
        Weights and delays, one row per source neuron; kept in float32.

    Examples
    --------
    >>> given = GivenRows(CsrRows.from_dense([[0.0, 0.5], [0.5, 0.0]], delay=2))
    >>> given.weight, given.delay, given.filler().fill(1, 2).targets.tolist()
    (0.5, 2, [0])
    """

    def __init__(self, rows: CsrRows) -> None:
        self.rows = rows if rows.dtype == "float32" else replace(rows, dtype="float32")
        self.n_pre, self.n_post, self.nnz = rows.n_pre, rows.n_post, rows.nnz

    @cached_property
    def weight(self) -> float | None:
        """One weight for all, or None."""
        weights = self.rows.weights
        if not self.nnz:
            return 0.0
        return float(weights[0]) if weights.min() == weights.max() else None

    @cached_property
    def _span(self) -> tuple[int, int]:
        # Without synapses any delay would do; one tick is legal everywhere.
        return (int(self.rows.delays.min()), int(self.rows.delays.max())) if self.nnz else (1, 1)

    @property
    def delay(self) -> int | None:
        """One delay for all in ticks, or None."""
        return self.min_delay if self.min_delay == self.max_delay else None

    @property
    def min_delay(self) -> int:
        """Shortest delay in ticks."""
        return self._span[0]

    @property
    def max_delay(self) -> int:
        """Longest delay in ticks."""
        return self._span[1]

    @cached_property
    def is_matrix(self) -> bool:
        """Whether every row holds every target once, in ascending order."""
        return find_matrix(self)

    def weight_limits(self) -> tuple[float, float]:
        """Smallest and largest weight."""
        weights = self.rows.weights
        return (float(weights.min()), float(weights.max())) if self.nnz else (0.0, 0.0)

    def weight_bound(self) -> float:
        """Largest magnitude of a weight."""
        return self._bound

    @cached_property
    def _bound(self) -> float:
        return float(max(-self.rows.weights.min(), self.rows.weights.max())) if self.nnz else 0.0

    def filler(self) -> GivenRows:
        """Itself."""
        return self

    @property
    def indptr(self) -> npt.NDArray[np.int64]:
        """Row starts of all sources, shape (n_pre + 1,)."""
        return self.rows.indptr

    def fill(
        self, lo: int, hi: int, within: tuple[int, int] | None = None, arena: Arena | None = None
    ) -> Filled:
        """Rows of the sources lo <= s < hi, whole ones without a copy of the columns."""
        indptr = self.rows.indptr[lo : hi + 1]
        part: Any = slice(int(indptr[0]), int(indptr[-1]))
        indptr = indptr - indptr[0]
        if within is not None:
            targets = self.rows.targets[part]
            inside = (within[0] <= targets) & (targets < within[1])
            indptr = np.concatenate([[0], np.cumsum(inside)])[indptr]
            part = part.start + np.flatnonzero(inside)
        return Filled(
            indptr,
            self.rows.targets[part],
            None if self.weight is not None else self.rows.weights[part],
            None if self.delay is not None else self.rows.delays[part],
        )

    def __eq__(self, other: object) -> bool:
        return self.rows == other.rows if isinstance(other, GivenRows) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equality by content of arrays

    def __repr__(self) -> str:
        return f"GivenRows({self.rows!r})"


def find_matrix(synapses: Synapses) -> bool:
    """Look whether every row holds every target once, in ascending order."""
    n_pre, n_post = synapses.n_pre, synapses.n_post
    if synapses.nnz != n_pre * n_post:
        return False
    indptr, targets, _, _ = synapses.filler().fill(0, n_pre)
    whole = bool((np.diff(indptr) == n_post).all())
    return whole and bool((targets.reshape(n_pre, n_post) == np.arange(n_post)).all())


def rows_of(synapses: Synapses) -> CsrRows:
    """All synapses as rows in memory."""
    if isinstance(synapses, GivenRows):
        return synapses.rows
    indptr, targets, weights, delays = synapses.filler().fill(0, synapses.n_pre)
    if weights is None:
        weights = np.full(targets.size, synapses.weight, dtype=np.float32)
    if delays is None:
        delays = np.full(targets.size, synapses.delay, dtype=np.int32)
    return CsrRows(indptr, targets, weights, delays, synapses.n_post)


def row_ranges(
    indptr: npt.NDArray[np.int64], size: int, most: int | None = None
) -> Iterator[tuple[int, int]]:
    """Cut rows into ranges of at most ``size`` synapses and ``most`` rows, or single rows.

    Examples
    --------
    >>> list(row_ranges(np.array([0, 2, 4, 9, 10]), 4))
    [(0, 2), (2, 3), (3, 4)]
    """
    lo = 0
    while lo < indptr.size - 1:
        fitting = int(np.searchsorted(indptr, indptr[lo] + size, side="right")) - 1
        hi = max(lo + 1, fitting if most is None else min(fitting, lo + most))
        yield lo, hi
        lo = hi


def receptor_index(names: tuple[str, ...], receptor: str | int | None) -> int:
    """Find a receptor by name or number; None is the first.

    Raises
    ------
    ValidationError
        If there is no such receptor.

    Examples
    --------
    >>> receptor_index(("ex", "in"), "in")
    1
    """
    if receptor is None:
        return 0
    if isinstance(receptor, str) and receptor in names:
        return names.index(receptor)
    if is_integer(receptor) and 0 <= int(receptor) < len(names):
        return int(receptor)
    raise ValidationError(
        f"expected receptor as one of {list(names)} or a number below {len(names)}, "
        f"got {receptor!r}"
    )


def is_integer(value: Any) -> bool:
    """Whether it is an integer of Python or NumPy, and no truth value."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
