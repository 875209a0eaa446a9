# SPDX-License-Identifier: Apache-2.0
"""Synapses that are drawn by a rule when they are asked for, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.network.connect import Draw, Rule, Shape
from spikesim.network.convolution import Convolution
from spikesim.network.distribution import Distribution
from spikesim.network.synapses import Arena, Filled, find_matrix, row_ranges

_WEIGHTS, _DELAYS = 1, 2  # purposes of the counters; 0 is the pairs
_SAMPLE, _TIGHT = 2**16, 1.3
_ALL = np.zeros(0, dtype=np.int32)
_FillWeights = Callable[[int, npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.int32]], None]


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
    weights : float, Distribution or None
        In the unit of the target's synaptic input; None are those of a convolution's kernel.
    delays : int (ticks) or Distribution (seconds)
        Drawn delays are rounded to ticks, at least ``least``, and then ``after`` is added.
    dt : float
        Tick in seconds.
    least, after : int, ticks
        Only drawn delays look at them: see ``delays``.

    Raises
    ------
    ValidationError
        If the rule cannot connect populations of these sizes, or weights are missing or too many.
    """

    rule: Rule
    shape: Shape
    key: int
    weights: float | Distribution | None
    delays: int | Distribution
    dt: float
    least: int
    after: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", Shape(*self.shape))
        problems = self.rule.problems(self.shape)
        if isinstance(self.rule, Convolution) != (self.weights is None):
            problems.append(
                f"{type(self.rule).__name__}: expected weights beside a rule, none beside a "
                f"convolution, got {self.weights!r}"
            )
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
        lengths = self.degrees if self.degrees.ndim == 1 else self.degrees.sum(axis=0)
        starts = np.zeros(self.n_pre + 1, dtype=np.int64)
        lengths.cumsum(out=starts[1:])
        return starts

    @cached_property
    def nnz(self) -> int:
        """Number of synapses; rules that do not know it count their draws once."""
        total = self.rule.total(self.shape, self.key)
        return int(self.indptr[-1]) if total is None else int(total)

    @cached_property
    def weight(self) -> float | None:
        """One weight for all, or None."""
        if isinstance(self.rule, Convolution):
            low, high = self.rule.weight_limits()
            return low if low == high else None
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
        first, last = self.delays.tick_range(self.dt, self.least)
        return first + self.after, last + self.after

    @property
    def min_delay(self) -> int:
        """Shortest delay in ticks that the distribution can give."""
        return self._span[0]

    @property
    def max_delay(self) -> int:
        """Longest delay in ticks that the distribution can give."""
        return self._span[1]

    def weight_limits(self) -> tuple[float, float]:
        """Limits of the distribution or kernel, or the one weight."""
        if self.nnz == 0:
            return 0.0, 0.0
        if isinstance(self.rule, Convolution):
            return self.rule.weight_limits()
        if isinstance(self.weights, Distribution):
            return self.weights.limits()
        assert self.weights is not None
        return self.weights, self.weights

    def weight_bound(self) -> float:
        """Bound of the magnitude of all weights, at most 1.3 times the largest.

        The limit of the distribution, if a sample comes near it; else all are drawn.
        """
        return self._bound

    @cached_property
    def _bound(self) -> float:
        if self.nnz == 0:
            return 0.0
        if not isinstance(self.weights, Distribution):
            return max(abs(float(np.float32(value))) for value in self.weight_limits())
        limit = max(abs(value) for value in self.weights.limits()) * (1 + 1e-6)  # float32
        largest, seen = 0.0, 0
        for lo, hi in row_ranges(self.indptr, _SAMPLE):
            indptr = self.indptr[lo : hi + 1] - self.indptr[lo]
            weights = np.empty(int(indptr[-1]), dtype=np.float32)
            self.weights.fill(self.key, _WEIGHTS, lo, indptr, weights)
            if weights.size:
                largest = max(largest, float(weights.max()), -float(weights.min()))
            seen += weights.size
            if limit <= _TIGHT * largest:
                return limit
        return largest

    def filler(self) -> DrawnFiller:
        """Open the rule for drawing."""
        return DrawnFiller(self, self.rule.open(self.shape, self.key, self.degrees))

    def __repr__(self) -> str:
        return f"DrawnSynapses({self.rule!r}, weights={self.weights!r}, delays={self.delays!r})"


class DrawnFiller:
    """Rows of drawn synapses; see ``Filler``."""

    def __init__(self, synapses: DrawnSynapses, draw: Draw) -> None:
        self._synapses, self._draw = synapses, draw
        self.indptr = synapses.indptr
        delays = synapses.delays
        self._weights = None if synapses.weight is not None else _weight_source(synapses)
        self._delays = None
        if isinstance(delays, Distribution) and synapses.delay is None:
            self._delays = delays

    def fill(
        self, lo: int, hi: int, within: tuple[int, int] | None = None, arena: Arena | None = None
    ) -> Filled:
        """Rows of the sources lo <= s < hi; the same however the ranges are cut."""
        take, made = np.empty if arena is None else arena.take, self._synapses
        indptr = self.indptr[lo : hi + 1] - self.indptr[lo]
        targets: npt.NDArray[np.int32] = take(int(indptr[-1]), np.int32)
        if targets.size:
            self._draw(lo, hi, indptr, targets)
        places = _ALL
        if within is not None:
            from spikesim.kernels.connect import keep_between

            kept, places = np.empty_like(indptr), take(targets.size, np.int32)
            keep_between(*within, indptr, targets, kept, places)
            indptr, targets, places = kept, targets[: kept[-1]], places[: kept[-1]]
        weights = delays = None
        if self._weights is not None:
            weights = take(targets.size, np.float32)
            self._weights(lo, indptr, weights, places)
        if self._delays is not None:
            delays = take(targets.size, np.int32)
            self._delays.fill_ticks(
                made.key, _DELAYS, lo, indptr, made.dt, made.least, delays, places
            )
            if made.after:
                delays += made.after
        return Filled(indptr, targets, weights, delays)


def _weight_source(synapses: DrawnSynapses) -> _FillWeights:
    """Give what writes the weights of the rows from one on."""
    if isinstance(synapses.rule, Convolution):
        return synapses.rule.fill_weights
    assert isinstance(synapses.weights, Distribution)
    return partial(synapses.weights.fill, synapses.key, _WEIGHTS)
