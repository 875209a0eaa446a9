# SPDX-License-Identifier: Apache-2.0
"""Synapses between slices of two populations, as synapses between the populations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows
from spikesim.errors import ValidationError
from spikesim.network.drawn import DrawnSynapses
from spikesim.network.synapses import Arena, Filled, Filler, GivenRows, Synapses
from spikesim.network.view import PopulationView


@dataclass(frozen=True)
class SlicePlace:
    """Where the neurons of a slice stand in their population.

    Parameters
    ----------
    first, step, n : int
        Every ``step``-th neuron from ``first`` on, ``n`` of them.
    of : int
        Neurons of the population.
    """

    first: int
    step: int
    n: int
    of: int

    def __post_init__(self) -> None:
        last = self.first + (self.n - 1) * self.step
        if not (0 <= self.first and self.step >= 1 and self.n >= 1 and last < self.of):
            raise ValidationError(f"slice: expected neurons below {self.of}, got {self}")

    @classmethod
    def of_view(cls, view: PopulationView) -> SlicePlace:
        """SlicePlace of a slice."""
        return cls(view.chosen.start, view.chosen.step, view.n, view.population.n)

    def before(self, neuron: int) -> int:
        """How many neurons of the slice come before a neuron of the population.

        Examples
        --------
        >>> place = SlicePlace(first=3, step=2, n=4, of=20)  # 3, 5, 7, 9
        >>> [place.before(neuron) for neuron in (0, 3, 4, 5, 9, 10, 20)]
        [0, 0, 1, 1, 3, 4, 4]
        """
        return min(max(-(-(neuron - self.first) // self.step), 0), self.n)


@dataclass(frozen=True)
class PartSynapses:
    """Drawn synapses of slices, seen from the whole populations.

    Parameters
    ----------
    drawn : DrawnSynapses
        Between the slices, by number within them.
    pre, post : SlicePlace
        Of the slices.

    Raises
    ------
    ValidationError
        If the sizes do not agree.
    """

    drawn: DrawnSynapses
    pre: SlicePlace
    post: SlicePlace

    def __post_init__(self) -> None:
        if (self.drawn.n_pre, self.drawn.n_post) != (self.pre.n, self.post.n):
            raise ValidationError(
                f"slice: expected synapses of {self.pre.n} x {self.post.n} neurons, got "
                f"{self.drawn.n_pre} x {self.drawn.n_post}"
            )

    @property
    def n_pre(self) -> int:
        """Number of sources, those outside the slice included."""
        return self.pre.of

    @property
    def n_post(self) -> int:
        """Number of targets, those outside the slice included."""
        return self.post.of

    @property
    def nnz(self) -> int:
        """Number of synapses."""
        return self.drawn.nnz

    @property
    def weight(self) -> float | None:
        """One weight for all, or None."""
        return self.drawn.weight

    @property
    def delay(self) -> int | None:
        """One delay for all in ticks, or None."""
        return self.drawn.delay

    @property
    def min_delay(self) -> int:
        """Lower bound of the delays in ticks."""
        return self.drawn.min_delay

    @property
    def max_delay(self) -> int:
        """Upper bound of the delays in ticks."""
        return self.drawn.max_delay

    @property
    def is_matrix(self) -> bool:
        """Whether every row holds every target once: not with neurons outside the slices."""
        whole = (self.pre.n, self.post.n) == (self.pre.of, self.post.of)
        return whole and self.drawn.is_matrix

    def weight_bound(self) -> float:
        """Bound of the magnitude of all weights."""
        return self.drawn.weight_bound()

    def weight_limits(self) -> tuple[float, float]:
        """Bounds of all weights, with their signs."""
        return self.drawn.weight_limits()

    def filler(self) -> PartFiller:
        """Open the rows for reading."""
        return PartFiller(self.drawn.filler(), self.pre, self.post)


class PartFiller:
    """Rows of synapses of slices; see ``Filler``."""

    def __init__(self, inner: Filler, pre: SlicePlace, post: SlicePlace) -> None:
        self._inner, self._pre, self._post = inner, pre, post

    @cached_property
    def indptr(self) -> npt.NDArray[np.int64]:
        """Row starts of all sources, shape (n_pre + 1,)."""
        return self._spread(self._inner.indptr, 0, self._pre.of)

    def fill(
        self, lo: int, hi: int, within: tuple[int, int] | None = None, arena: Arena | None = None
    ) -> Filled:
        """Rows of the sources lo <= s < hi; the same however the ranges are cut."""
        pre, post = self._pre, self._post
        own = None if within is None else (post.before(within[0]), post.before(within[1]))
        filled = self._inner.fill(pre.before(lo), pre.before(hi), own, arena)
        targets = filled.targets * np.int32(post.step) + np.int32(post.first)
        return Filled(self._spread(filled.indptr, lo, hi), targets, filled.weights, filled.delays)

    def _spread(self, indptr: npt.NDArray[np.int64], lo: int, hi: int) -> npt.NDArray[np.int64]:
        """Row starts of the sources lo <= s < hi, from those of the slice among them."""
        pre = self._pre
        lengths = np.zeros(hi - lo, dtype=np.int64)
        a, b = pre.before(lo), pre.before(hi)
        lengths[np.arange(a, b) * pre.step + pre.first - lo] = np.diff(indptr)
        return np.concatenate([[0], np.cumsum(lengths)])


def placed(synapses: Synapses, pre: PopulationView, post: PopulationView) -> Synapses:
    """Synapses of slices as synapses of their populations.

    Parameters
    ----------
    synapses : Synapses
        By number within the slices.
    pre, post : PopulationView
        Where they stand.

    Raises
    ------
    ValidationError
        If the synapses are for other sizes.
    """
    if pre.is_whole and post.is_whole:
        return synapses
    if (synapses.n_pre, synapses.n_post) != (pre.n, post.n):
        raise ValidationError(
            f"expected synapses of {pre.n} x {post.n} neurons, as {pre!r} and {post!r} have, got "
            f"{synapses.n_pre} x {synapses.n_post}"
        )
    places = SlicePlace.of_view(pre), SlicePlace.of_view(post)
    if isinstance(synapses, DrawnSynapses):
        return PartSynapses(synapses, *places)
    assert isinstance(synapses, GivenRows)
    rows = synapses.rows
    indptr, targets, _, _ = PartFiller(synapses, *places).fill(0, pre.population.n)
    return GivenRows(CsrRows(indptr, targets, rows.weights, rows.delays, post.population.n))
