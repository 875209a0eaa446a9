# SPDX-License-Identifier: Apache-2.0
"""Synapses of one projection: rows by source, with weight and delay columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError

_MAX_DELAY = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class CsrRows:
    """Compressed sparse rows, one row per presynaptic neuron.

    Row ``s`` is ``targets[indptr[s]:indptr[s + 1]]`` and the same slice of the other
    columns. The order inside a row is kept; several synapses between one pair are legal.

    Parameters
    ----------
    indptr : int64 array, shape (n_pre + 1,)
        Row starts; begins with 0, never falls, ends with the number of synapses.
    targets : int32 array, shape (nnz,)
        Postsynaptic neuron, 0 <= target < n_post.
    weights : array of ``dtype``, shape (nnz,)
        Finite weight, in the unit of the target's synaptic input.
    delays : int32 array, shape (nnz,), ticks
        Delay >= 0.
    n_post : int
        Number of postsynaptic neurons.
    dtype : {"float32", "float64"}
        Of the weights. A network keeps float32; what it learned in float64 comes back as that.

    Raises
    ------
    ValidationError
        With every problem found.

    Examples
    --------
    >>> rows = CsrRows.from_dense([[0.0, 0.5], [1.0, 0.0]], delay=1)
    >>> rows.indptr.tolist(), rows.targets.tolist(), rows.weights.tolist()
    ([0, 1, 2], [1, 0], [0.5, 1.0])
    """

    indptr: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[Any]
    delays: npt.NDArray[np.int32]
    n_post: int
    dtype: str = "float32"

    def __post_init__(self) -> None:
        problems: list[str] = []
        n_post = int(self.n_post)
        if not 0 <= n_post <= np.iinfo(np.int32).max:
            problems.append(f"rows: expected 0 <= n_post < 2**31, got {n_post}")
        if self.dtype not in ("float32", "float64"):
            problems.append(f"rows: expected dtype as float32 or float64, got {self.dtype!r}")
        indptr = _column(self.indptr, "indptr", "iu", problems).astype(np.int64)
        targets = _column(self.targets, "targets", "iu", problems)
        weights = _column(self.weights, "weights", "iuf", problems)
        delays = _column(self.delays, "delays", "iu", problems)
        if not problems:
            problems = _problems(indptr, targets, weights, delays, n_post)
        if problems:
            raise ValidationError(problems)
        columns = {
            "indptr": indptr,
            "targets": targets.astype(np.int32),
            "weights": weights.astype(self.dtype),
            "delays": delays.astype(np.int32),
        }
        for name, array in columns.items():
            array = np.ascontiguousarray(array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "n_post", n_post)

    @property
    def n_pre(self) -> int:
        """Number of rows (presynaptic neurons)."""
        return int(self.indptr.size - 1)

    @property
    def nnz(self) -> int:
        """Number of synapses."""
        return int(self.targets.size)

    @property
    def sources(self) -> npt.NDArray[np.int32]:
        """Presynaptic neuron of each synapse, int32 array of shape (nnz,)."""
        return np.repeat(np.arange(self.n_pre, dtype=np.int32), np.diff(self.indptr))

    @classmethod
    def from_dense(cls, matrix: npt.ArrayLike, delay: npt.ArrayLike = 1) -> CsrRows:
        """Rows from a weight matrix; a weight of exactly 0 is no synapse.

        Parameters
        ----------
        matrix : float array, shape (n_pre, n_post)
            Weights. (torch.nn.Linear stores the transpose.)
        delay : int or int array, shape (n_pre, n_post), ticks
            One delay for all, or one per entry.

        Raises
        ------
        ValidationError
            If the shapes differ or an entry is not legal.
        """
        weights = np.asarray(matrix)
        if weights.ndim != 2 or weights.dtype.kind not in "iufb":
            raise ValidationError(
                f"weight matrix: expected numbers of shape (n_pre, n_post), got dtype "
                f"{weights.dtype}, shape {weights.shape}"
            )
        delays = np.asarray(delay)
        if delays.ndim and delays.shape != weights.shape:
            raise ValidationError(
                f"delay matrix: expected shape {weights.shape} like the weights, got {delays.shape}"
            )
        pre, post = np.nonzero(weights)  # NaN counts as nonzero, so it reaches the validator
        chosen = delays[pre, post] if delays.ndim else np.full(pre.size, delays[()])
        return cls.from_coo(pre, post, weights[pre, post], chosen, *weights.shape)

    @classmethod
    def from_coo(
        cls,
        pre: npt.ArrayLike,
        post: npt.ArrayLike,
        weights: npt.ArrayLike,
        delays: npt.ArrayLike,
        n_pre: int,
        n_post: int,
    ) -> CsrRows:
        """Rows from one (pre, post, weight, delay) entry per synapse.

        Rows come out sorted by target; equal pairs keep their order. A scalar weight or
        delay is used for all.

        Raises
        ------
        ValidationError
            If the columns differ in length or an entry is not legal.
        """
        problems: list[str] = []
        source = _column(pre, "pre", "iu", problems)
        target = _column(post, "post", "iu", problems)
        if not problems and source.size != target.size:
            problems.append(f"rows: expected as many pre as post, got {source.size}, {target.size}")
        if problems:
            raise ValidationError(problems)
        outside = (source < 0) | (source >= n_pre)
        if outside.any():
            raise ValidationError(
                f"rows: expected 0 <= pre < n_pre = {n_pre}, got {int(source[np.argmax(outside)])} "
                f"({int(outside.sum())} entries outside)"
            )
        order = np.lexsort((target, source))
        columns = []
        for name, value in (("weights", weights), ("delays", delays)):
            column = np.asarray(value)
            if column.ndim == 0:
                column = np.full(source.size, column[()])
            if column.shape != source.shape:
                raise ValidationError(
                    f"rows: expected {name} of shape {source.shape} or a scalar, got {column.shape}"
                )
            columns.append(column[order])
        indptr = np.zeros(n_pre + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=n_pre), out=indptr[1:])
        return cls(indptr, target[order], columns[0], columns[1], n_post)

    def to_dense(self) -> npt.NDArray[Any]:
        """Weight matrix, array of ``dtype``, shape (n_pre, n_post); equal pairs are summed."""
        dense = np.zeros((self.n_pre, self.n_post), dtype=self.dtype)
        np.add.at(dense, (self.sources, self.targets), self.weights)
        return dense

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CsrRows):
            return NotImplemented
        names = ("indptr", "targets", "weights", "delays")
        return self.n_post == other.n_post and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in names
        )

    __hash__ = None  # type: ignore[assignment]  # equality by content of arrays

    def __repr__(self) -> str:
        return f"CsrRows(n_pre={self.n_pre}, n_post={self.n_post}, nnz={self.nnz})"


def _column(values: npt.ArrayLike, name: str, kinds: str, problems: list[str]) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.size == 0 and array.ndim == 1:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        expected = "integers" if "f" not in kinds else "numbers"
        problems.append(
            f"rows: expected {name} as {expected} with one axis, got dtype {array.dtype}, "
            f"shape {array.shape}"
        )
        return np.zeros(0, dtype=np.int64)
    return array


def _problems(
    indptr: npt.NDArray[np.int64],
    targets: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    delays: npt.NDArray[Any],
    n_post: int,
) -> list[str]:
    problems: list[str] = []
    nnz = targets.size
    if not weights.size == delays.size == nnz:
        problems.append(
            f"rows: expected columns of one length, got {nnz} targets, {weights.size} weights, "
            f"{delays.size} delays"
        )
    if indptr.size == 0 or indptr[0] != 0 or indptr[-1] != nnz or (np.diff(indptr) < 0).any():
        problems.append(
            f"rows: expected indptr that starts at 0, never falls and ends at {nnz}, got "
            f"{_ends(indptr)}"
        )
    checks = (
        (targets, (targets < 0) | (targets >= n_post), f"0 <= target < n_post = {n_post}"),
        (delays, (delays < 0) | (delays > _MAX_DELAY), "0 <= delay < 2**31 ticks"),
        (weights, ~np.isfinite(_as_float32(weights)), "finite float32 weights"),
    )
    for array, bad, expected in checks:
        if bad.any():
            at = int(np.argmax(bad))
            problems.append(
                f"rows: expected {expected}, got {array[at]} in synapse {at} "
                f"({int(bad.sum())} of {array.size})"
            )
    return problems


def _as_float32(weights: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        return weights.astype(np.float32)


def _ends(indptr: npt.NDArray[np.int64]) -> str:
    if indptr.size <= 8:
        return str(indptr.tolist())
    return f"{indptr[:3].tolist()} .. {indptr[-3:].tolist()}"
