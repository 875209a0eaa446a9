# SPDX-License-Identifier: Apache-2.0
"""Synapses that are drawn by a rule when they are asked for, and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.network.connect import Draw, Rule, Shape
from spikesim.network.distribution import Distribution
from spikesim.network.synapses import Filled, find_matrix

_WEIGHTS, _DELAYS = 1, 2  # purposes of the counters; 0 is the pairs
_SAMPLE, _TIGHT = 2**18, 1.3


@dataclass(frozen=True)
class DrawnSynapses:
    """The synapses of a rule, with one weight and delay for all or drawn for each.

    Parameters
    ----------
    rule : Rule
        Which pairs.
    shape : Shape
        Sizes of the populations.
    key : int
        64-bit key of all draws.
    weights : float or Distribution
        In the unit of the target's synaptic input.
    delays : int (ticks) or Distribution (seconds)
        Drawn delays are rounded to ticks, and at least ``least``.
    dt : float
        Tick in seconds.
    least : int
        Shortest legal delay in ticks: 1, or 0 from an input.

    Raises
    ------
    ValidationError
        If the rule cannot connect populations of these sizes.
    """

    rule: Rule
    shape: Shape
    key: int
    weights: float | Distribution
    delays: int | Distribution
    dt: float
    least: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", Shape(*self.shape))
        problems = self.rule.problems(self.shape)
        if problems:
            raise ValidationError(problems)

    @property
    def n_pre(self) -> int:
        """Number of sources."""
        return self.shape.n_pre

    @property
    def n_post(self) -> int:
        """Number of targets."""
        return self.shape.n_post

    @cached_property
    def degrees(self) -> npt.NDArray[np.int64]:
        """Synapses of each source as the rule counts them, see ``Rule.degrees``."""
        return self.rule.degrees(self.shape, self.key)

    @cached_property
    def indptr(self) -> npt.NDArray[np.int64]:
        """Row starts, int64 array of shape (n_pre + 1,)."""
        lengths = self.degrees.reshape(-1, self.n_pre).sum(axis=0)
        return np.concatenate([[0], np.cumsum(lengths)])

    @property
    def nnz(self) -> int:
        """Number of synapses; rules that do not know it count their draws once."""
        total = self.rule.total(self.shape, self.key)
        return int(self.indptr[-1]) if total is None else int(total)

    @property
    def weight(self) -> float | None:
        """One weight for all, or None."""
        return None if isinstance(self.weights, Distribution) else self.weights

    @property
    def delay(self) -> int | None:
        """One delay for all in ticks, or None."""
        return self.min_delay if self.min_delay == self.max_delay else None

    @cached_property
    def is_matrix(self) -> bool:
        """Whether every row holds every target once, in ascending order."""
        return find_matrix(self)

    @cached_property
    def _span(self) -> tuple[int, int]:
        if not isinstance(self.delays, Distribution):
            return self.delays, self.delays
        low, high = (max(round(s / self.dt), self.least) for s in self.delays.limits())
        return low, high

    @property
    def min_delay(self) -> int:
        """Shortest delay in ticks that the distribution can give."""
        return self._span[0]

    @property
    def max_delay(self) -> int:
        """Longest delay in ticks that the distribution can give."""
        return self._span[1]

    def weight_bound(self) -> float:
        """Bound of the magnitude of all weights, at most 1.3 times the largest.

        The limit of the distribution, if a sample comes near it; else all are drawn.
        """
        if self.nnz == 0:
            return 0.0
        if not isinstance(self.weights, Distribution):
            return abs(float(np.float32(self.weights)))
        limit = max(abs(value) for value in self.weights.limits()) * (1 + 1e-6)  # float32
        largest, seen = 0.0, 0
        for lo, hi in _ranges(self.indptr, _SAMPLE):
            weights = self._weights(self.weights, lo, self.indptr[lo : hi + 1])
            if weights.size:
                largest = max(largest, float(weights.max()), -float(weights.min()))
            seen += weights.size
            if limit <= _TIGHT * largest:
                return limit
        return largest

    def filler(self) -> DrawnFiller:
        """Open the rule for drawing."""
        return DrawnFiller(self, self.rule.open(self.shape, self.key, self.degrees))

    def _weights(
        self, drawn: Distribution, lo: int, indptr: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        out = np.empty(int(indptr[-1] - indptr[0]), dtype=np.float32)
        drawn.fill(self.key, _WEIGHTS, lo, indptr - indptr[0], out)
        return out

    def _delays(
        self, drawn: Distribution, lo: int, indptr: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int32]:
        out = np.empty(int(indptr[-1] - indptr[0]), dtype=np.int32)
        drawn.fill_ticks(self.key, _DELAYS, lo, indptr - indptr[0], self.dt, self.least, out)
        return out

    def __repr__(self) -> str:
        return f"DrawnSynapses({self.rule!r}, weights={self.weights!r}, delays={self.delays!r})"


class DrawnFiller:
    """Rows of drawn synapses; see ``Filler``."""

    def __init__(self, synapses: DrawnSynapses, draw: Draw) -> None:
        self._synapses, self._draw = synapses, draw

    def fill(self, lo: int, hi: int) -> Filled:
        """Rows of the sources lo <= s < hi; the same however the ranges are cut."""
        synapses = self._synapses
        indptr = synapses.indptr[lo : hi + 1] - synapses.indptr[lo]
        targets = np.empty(int(indptr[-1]), dtype=np.int32)
        if targets.size:
            self._draw(lo, hi, indptr, targets)
        weights, delays = synapses.weights, synapses.delays
        return Filled(
            indptr,
            targets,
            synapses._weights(weights, lo, indptr) if isinstance(weights, Distribution) else None,
            synapses._delays(delays, lo, indptr)
            if isinstance(delays, Distribution) and synapses.delay is None
            else None,
        )


def _ranges(indptr: npt.NDArray[np.int64], size: int) -> Iterator[tuple[int, int]]:
    lo = 0
    while lo < indptr.size - 1:
        hi = max(lo + 1, int(np.searchsorted(indptr, indptr[lo] + size, side="right")) - 1)
        yield lo, hi
        lo = hi
