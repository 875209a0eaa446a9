# SPDX-License-Identifier: Apache-2.0
"""Rules that say which neurons of two populations are connected.

A rule only picks pairs; weights and delays are given to ``Network.connect``. Every rule is a
frozen value, and what it draws depends on the seed and the name of the projection only: any
range of sources can be drawn alone, in any order and by any thread.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spikesim.core import stream

Degrees = npt.NDArray[np.int64]
Columns = npt.NDArray[np.int32]
# Writes the targets of the sources lo <= s < hi, given the row starts of that range.
Draw = Callable[[int, int, Degrees, Columns], None]

_NOTHING = np.zeros(0, dtype=np.int32)
_WORTH_A_THREAD = 10**5  # synapses; fewer are drawn before a thread has started
_LARGEST_DISTINCT = 10**9  # what numpy's hypergeometric takes


class Shape(NamedTuple):
    """Sizes of the two populations, and whether they are one."""

    n_pre: int
    n_post: int
    same: bool


class Rule(ABC):
    """Picks the connected pairs; subclasses are frozen dataclasses."""

    allow_self: bool = True

    def problems(self, shape: Shape) -> list[str]:
        """Why this rule cannot connect populations of these sizes; empty when it can."""
        return []

    @abstractmethod
    def degrees(self, shape: Shape, key: int) -> Degrees:
        """Synapses of each source, int64 array of shape (n_pre,).

        Or of shape (parts, n_pre), to be summed, where ``open`` can use the parts.
        """

    @abstractmethod
    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Prepare to draw targets; the function may be called by several threads at once."""

    def total(self, shape: Shape, key: int) -> int | None:
        """Count synapses where that needs no drawing, else None."""
        return None

    def _without_self(self, shape: Shape) -> bool:
        return shape.same and not self.allow_self

    def _who(self, text: str) -> str:
        return f"{type(self).__name__}: {text}"


@dataclass(frozen=True)
class AllToAll(Rule):
    """Every source to every target, in ascending order.

    Parameters
    ----------
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.
    """

    allow_self: bool = True

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """All targets, or all but the source."""
        return np.full(shape.n_pre, shape.n_post - self._without_self(shape), dtype=np.int64)

    def total(self, shape: Shape, key: int) -> int:
        """All pairs, or all but the diagonal."""
        return shape.n_pre * (shape.n_post - self._without_self(shape))

    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Rows are ranges."""

        def draw(lo: int, hi: int, indptr: Degrees, targets: Columns) -> None:
            block = targets.reshape(hi - lo, -1)
            block[:] = np.arange(block.shape[1], dtype=np.int32)
            if self._without_self(shape):
                block += block >= np.arange(lo, hi, dtype=np.int32)[:, None]

        return draw


@dataclass(frozen=True)
class OneToOne(Rule):
    """Neuron k to neuron k; both populations must have the same size."""

    def problems(self, shape: Shape) -> list[str]:
        """Refuses unequal sizes."""
        if shape.n_pre == shape.n_post:
            return []
        return [
            self._who(
                f"expected populations of one size, got {shape.n_pre} and {shape.n_post}; "
                "use another rule or a matrix"
            )
        ]

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """One each."""
        return np.ones(shape.n_pre, dtype=np.int64)

    def total(self, shape: Shape, key: int) -> int:
        """One each."""
        return shape.n_pre

    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Rows are single neurons."""

        def draw(lo: int, hi: int, indptr: Degrees, targets: Columns) -> None:
            targets[:] = np.arange(lo, hi)

        return draw


class _DrawnBySource(Rule):
    """Every source draws evenly among the targets, as many as its degree."""

    def _distinct(self) -> bool:
        return True

    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Each row from its own words."""
        from spikesim.kernels.connect import pick_rows

        skip, distinct = self._without_self(shape), self._distinct()

        def draw(lo: int, hi: int, indptr: Degrees, targets: Columns) -> None:
            pick_rows(np.uint64(key), shape.n_post, skip, distinct, lo, indptr, targets)

        return draw


@dataclass(frozen=True)
class FixedProbability(_DrawnBySource):
    """Each pair independently with probability p.

    The number of targets of a source is drawn from the binomial distribution and then that
    many distinct targets evenly, which is the same law; pairs not chosen cost nothing.

    Parameters
    ----------
    p : float
        0 to 1.
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.
    """

    p: float
    allow_self: bool = True

    def problems(self, shape: Shape) -> list[str]:
        """Refuses what is no probability."""
        return probability_problems(self._who("expected 0 <= p <= 1"), self.p)

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """Binomial numbers."""
        available = shape.n_post - self._without_self(shape)
        drawn = stream(key, "degrees").binomial(available, self.p, size=shape.n_pre)
        return drawn.astype(np.int64)


@dataclass(frozen=True)
class FixedOutDegree(_DrawnBySource):
    """Each source draws k targets; the parameters are those of ``FixedInDegree``."""

    k: int
    allow_self: bool = True
    multapses: bool = False

    def _distinct(self) -> bool:
        return not self.multapses

    def problems(self, shape: Shape) -> list[str]:
        """Refuses k below 0, and more distinct targets than there are."""
        available = shape.n_post - self._without_self(shape)
        return count_problems(self._who(""), "k", self.k, available, self.multapses)

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """All alike."""
        return np.full(shape.n_pre, self.k, dtype=np.int64)

    def total(self, shape: Shape, key: int) -> int:
        """Multiply."""
        return self.k * shape.n_pre


@dataclass(frozen=True)
class FixedTotalNumber(_DrawnBySource):
    """Exactly ``n`` synapses, their pairs drawn evenly.

    Parameters
    ----------
    n : int
        Synapses in all, >= 0.
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.
    multapses : bool
        Whether one pair may be drawn more than once.
    """

    n: int
    allow_self: bool = True
    multapses: bool = True

    def _distinct(self) -> bool:
        return not self.multapses

    def problems(self, shape: Shape) -> list[str]:
        """Refuses n below 0, more distinct pairs than there are, and too many of them."""
        pairs = shape.n_pre * (shape.n_post - self._without_self(shape))
        problems = count_problems(self._who(""), "n", self.n, pairs, self.multapses)
        if not problems and not self.multapses and pairs >= _LARGEST_DISTINCT:
            problems.append(
                self._who(
                    f"expected fewer than {_LARGEST_DISTINCT:.0e} pairs to draw distinct ones "
                    f"from, got {pairs}; pass multapses=True or use FixedProbability"
                )
            )
        return problems

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """Multinomial numbers, hypergeometric ones for distinct pairs."""
        available = shape.n_post - self._without_self(shape)
        rng = stream(key, "degrees")
        if self.multapses:
            drawn = rng.multinomial(self.n, np.full(shape.n_pre, 1 / shape.n_pre))
        else:
            colors = np.full(shape.n_pre, available)
            drawn = rng.multivariate_hypergeometric(colors, self.n, method="marginals")
        return drawn.astype(np.int64)

    def total(self, shape: Shape, key: int) -> int:
        """Exactly n."""
        return self.n


@dataclass(frozen=True)
class FixedInDegree(Rule):
    """Each target draws k sources.

    Targets draw, but rows are kept by source: the draws are made twice, to count and to
    place, so that besides the result nothing grows with the synapses.

    Parameters
    ----------
    k : int
        Sources per target, >= 0.
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.
    multapses : bool
        Whether one source may be drawn twice.
    """

    k: int
    allow_self: bool = True
    multapses: bool = False

    def problems(self, shape: Shape) -> list[str]:
        """Refuses k below 0, and more distinct sources than there are."""
        available = shape.n_pre - self._without_self(shape)
        return count_problems(self._who(""), "k", self.k, available, self.multapses)

    def total(self, shape: Shape, key: int) -> int:
        """Targets times k."""
        return self.k * shape.n_post

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """Count the draws of each part of the targets by source."""
        parts = _threads() if self.k * shape.n_post > _WORTH_A_THREAD else 1
        counts = np.zeros((parts, shape.n_pre), dtype=np.int64)
        self._draw(shape, key, counts, _NOTHING)
        return counts

    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Place the targets of all sources, in ascending order in each row."""
        starts = np.concatenate([[0], np.cumsum(degrees.sum(axis=0))])
        # A part of the targets begins in each row where the parts before it end.
        cursors = starts[:-1] + np.cumsum(degrees, axis=0) - degrees
        targets = np.empty(int(starts[-1]), dtype=np.int32)
        self._draw(shape, key, cursors, targets)

        def draw(lo: int, hi: int, indptr: Degrees, out: Columns) -> None:
            out[:] = targets[starts[lo] : starts[hi]]

        return draw

    def _draw(self, shape: Shape, key: int, cursors: Degrees, targets: Columns) -> None:
        from spikesim.kernels.connect import pick_sources

        if self.k == 0:
            return
        ends = np.linspace(0, shape.n_post, len(cursors) + 1).astype(np.int64)

        def part(k: int) -> None:
            pick_sources(
                np.uint64(key), self.k, shape.n_pre, self._without_self(shape),
                not self.multapses, ends[k], ends[k + 1], cursors[k], targets,
            )  # fmt: skip

        if len(cursors) == 1:
            part(0)
        else:
            with ThreadPoolExecutor(len(cursors)) as pool:
                list(pool.map(part, range(len(cursors))))


def probability_problems(who: str, p: object) -> list[str]:
    """Problems of a probability."""
    if isinstance(p, (int, float, np.number)) and not isinstance(p, bool) and 0 <= float(p) <= 1:
        return []
    return [f"{who}, got {p!r}"]


def count_problems(who: str, name: str, k: object, available: int, multapses: bool) -> list[str]:
    """Problems of a number of partners."""
    if isinstance(k, (bool, np.bool_)) or not isinstance(k, (int, np.integer)):
        return [f"{who}expected {name} as an integer, got {k!r}"]
    if 0 <= k and (k == 0 or available > 0) and (k <= available or multapses):
        return []
    if k > 0 and available == 0:
        return [
            f"{who}expected {name} = 0 where nobody is left to be connected, got {name} = {k}; "
            "take allow_self=True or a larger population"
        ]
    wanted = f"{name} >= 0" if multapses else f"0 <= {name} <= {available} distinct partners"
    way_out = f"raise {name}" if k < 0 else f"lower {name} or pass multapses=True"
    return [f"{who}expected {wanted}, got {name} = {k}; {way_out}"]


def _threads() -> int:
    return min(len(os.sched_getaffinity(0)), 4) if hasattr(os, "sched_getaffinity") else 1
