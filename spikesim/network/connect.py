# SPDX-License-Identifier: Apache-2.0
"""Rules that say which neurons of two populations are connected.

A rule only picks pairs; weights and delays are given to ``Network.connect``. Every rule
is a frozen value, and its draws come from the stream it is handed, so a network built
twice from one seed is the same network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


class Rule(Protocol):
    """Picks the connected pairs of two populations."""

    def pairs(self, n_pre: int, n_post: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Pairs (pre, post), two int64 arrays; ``same``: both are one population."""
        ...


@dataclass(frozen=True)
class AllToAll:
    """Every source to every target.

    Parameters
    ----------
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.

    Examples
    --------
    >>> pre, post = AllToAll().pairs(2, 2, False, np.random.default_rng(0))
    >>> list(zip(pre.tolist(), post.tolist()))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """

    allow_self: bool = True

    def pairs(self, n_pre: int, n_post: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Pairs in row order."""
        pre = np.repeat(np.arange(n_pre), n_post)
        post = np.tile(np.arange(n_post), n_pre)
        return _without_self(pre, post, same and not self.allow_self)


@dataclass(frozen=True)
class OneToOne:
    """Neuron k to neuron k; both populations must have the same size."""

    def pairs(self, n_pre: int, n_post: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Pairs (k, k); raises ValidationError for unequal sizes."""
        if n_pre != n_post:
            raise ValidationError(
                f"OneToOne: expected populations of one size, got {n_pre} and {n_post}; "
                "use another rule or a matrix"
            )
        return np.arange(n_pre), np.arange(n_post)


@dataclass(frozen=True)
class FixedProbability:
    """Each pair independently with probability p.

    Parameters
    ----------
    p : float
        0 to 1.
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.

    Raises
    ------
    ValidationError
        If p is outside 0 to 1.
    """

    p: float
    allow_self: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.p <= 1.0:
            raise ValidationError(f"FixedProbability: expected 0 <= p <= 1, got {self.p!r}")

    def pairs(self, n_pre: int, n_post: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Pairs in row order; work grows with the pairs chosen, not with all pairs."""
        total = n_pre * n_post
        if self.p == 0.0 or total == 0:
            empty = np.zeros(0, dtype=np.int64)
            return empty, empty
        # The distance to the next chosen pair is geometric, so unchosen pairs cost nothing.
        chunks, last = [], -1
        while last < total:
            draws = int((total - last) * self.p * 1.1) + 16
            # A gap beyond the end means the same wherever it ends; the limit avoids overflow.
            gaps = np.minimum(rng.geometric(self.p, size=draws), total + 1)
            chunks.append(last + np.cumsum(gaps))
            last = int(chunks[-1][-1])
        flat = np.concatenate(chunks)
        flat = flat[flat < total]
        return _without_self(flat // n_post, flat % n_post, same and not self.allow_self)


@dataclass(frozen=True)
class FixedInDegree:
    """Each target draws k sources.

    Parameters
    ----------
    k : int
        Sources per target, >= 0.
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.
    multapses : bool
        Whether one source may be drawn twice.

    Raises
    ------
    ValidationError
        If k is negative, or there are fewer than k sources to draw distinct ones from.
    """

    k: int
    allow_self: bool = True
    multapses: bool = False

    def pairs(self, n_pre: int, n_post: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Pairs grouped by target."""
        skip = same and not self.allow_self
        drawn = _draw("FixedInDegree", self.k, n_pre, n_post, skip, self.multapses, rng)
        return drawn.reshape(-1), np.repeat(np.arange(n_post), self.k)


@dataclass(frozen=True)
class FixedOutDegree:
    """Each source draws k targets; the parameters are those of ``FixedInDegree``."""

    k: int
    allow_self: bool = True
    multapses: bool = False

    def pairs(self, n_pre: int, n_post: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Pairs grouped by source."""
        skip = same and not self.allow_self
        drawn = _draw("FixedOutDegree", self.k, n_post, n_pre, skip, self.multapses, rng)
        return np.repeat(np.arange(n_pre), self.k), drawn.reshape(-1)


def _without_self(pre: npt.NDArray[np.int64], post: npt.NDArray[np.int64], active: bool) -> Pairs:
    if not active:
        return pre, post
    keep = pre != post
    return pre[keep], post[keep]


def _draw(
    who: str,
    k: int,
    n_from: int,
    rows: int,
    skip_own: bool,
    multapses: bool,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """For each row, k of ``n_from`` candidates; int64 array of shape (rows, k)."""
    available = n_from - 1 if skip_own else n_from
    if k < 0 or (k > 0 and available == 0) or (k > available and not multapses):
        raise ValidationError(
            f"{who}: expected 0 <= k <= {available} distinct partners, got k = {k}; lower k or "
            "pass multapses=True"
        )
    if multapses:
        drawn = rng.integers(available, size=(rows, k)) if k else np.zeros((rows, 0), np.int64)
    elif 2 * k > available:
        drawn = rng.permuted(np.tile(np.arange(available), (rows, 1)), axis=1)[:, :k]
    else:
        drawn = _distinct(k, available, rows, rng)
    if skip_own:
        drawn = drawn + (drawn >= np.arange(rows)[:, None])
    return drawn


def _distinct(k: int, available: int, rows: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    # Redrawing repeats until none is left equals keeping the first k distinct draws, so all
    # sets are equally likely. With k at most half of the candidates it ends quickly.
    drawn = rng.integers(max(available, 1), size=(rows, k))
    while True:
        drawn.sort(axis=1)
        repeat = np.zeros(drawn.shape, dtype=np.bool_)
        repeat[:, 1:] = drawn[:, 1:] == drawn[:, :-1]
        count = int(repeat.sum())
        if count == 0:
            return drawn
        drawn[repeat] = rng.integers(available, size=count)
