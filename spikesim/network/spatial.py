# SPDX-License-Identifier: Apache-2.0
"""Rules for neurons that have a place: on a sheet, or on a ring."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spikesim.network.connect import (
    _NOTHING,
    Columns,
    Degrees,
    Draw,
    Rule,
    Shape,
    probability_problems,
)

# Reach in scales: beyond it lie 0.03 % (gaussian) and 0.05 % (exponential) of the synapses.
_REACH = {"gaussian": 4.0, "exponential": 10.0, "ball": 1.0}


@dataclass(frozen=True)
class DistanceDependent(Rule):
    """Each pair with a probability that falls with the distance of its neurons on a sheet.

    Both populations stand on grids that cover one sheet: neuron ``r * columns + c`` in the
    middle of cell (r, c). The probability at distance d is ``p_max`` times::

        gaussian     exp(-d**2 / (2 scale**2))
        exponential  exp(-d / scale)
        ball         1 for d <= scale, else 0

    Parameters
    ----------
    pre_grid, post_grid : tuple of two int
        Rows and columns of the two grids.
    scale : float
        Length of the profile, in the unit of ``extent``, > 0.
    profile : str
        ``"gaussian"``, ``"exponential"`` or ``"ball"``.
    p_max : float
        Probability at distance 0, 0 to 1.
    extent : tuple of two float
        Height and width of the sheet.
    periodic : bool
        Whether opposite borders touch.
    cutoff : float, optional
        Distance beyond which nothing is connected; default 4 scales (gaussian), 10
        (exponential), 1 (ball).
    allow_self : bool
        Whether a neuron of a recurrent projection may connect to itself.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> from spikesim.network import Network
    >>> net = Network(dt=1e-3)
    >>> sheet = net.add_population("sheet", 100, LIF(beta=0.9))
    >>> near = DistanceDependent((10, 10), (10, 10), scale=0.1, profile="ball", periodic=True)
    >>> net.connect(sheet, sheet, near, weight=1.0).nnz  # each to itself and four neighbors
    500
    """

    pre_grid: tuple[int, int]
    post_grid: tuple[int, int]
    scale: float
    profile: str = "gaussian"
    p_max: float = 1.0
    extent: tuple[float, float] = (1.0, 1.0)
    periodic: bool = False
    cutoff: float | None = None
    allow_self: bool = True

    def problems(self, shape: Shape) -> list[str]:
        """Refuses grids of another size than the populations, and what is no length."""
        problems = probability_problems(self._who("expected 0 <= p_max <= 1"), self.p_max)
        for name, grid, n in (
            ("pre_grid", self.pre_grid, shape.n_pre),
            ("post_grid", self.post_grid, shape.n_post),
        ):
            if len(grid) != 2 or min(grid) < 1 or math.prod(grid) != n:
                problems.append(
                    self._who(f"expected {name} as (rows, columns) of {n} neurons, got {grid}")
                )
        if self.profile not in _REACH:
            problems.append(
                self._who(f"expected profile as one of {list(_REACH)}, got {self.profile!r}")
            )
        lengths = {"scale": self.scale, "height": self.extent[0], "width": self.extent[1]}
        if self.cutoff is not None:
            lengths["cutoff"] = self.cutoff
        for name, value in lengths.items():
            if not (math.isfinite(value) and value > 0):
                problems.append(self._who(f"expected a finite {name} > 0, got {value!r}"))
        return problems

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """Draw once, only to count."""
        counts = np.zeros(shape.n_pre, dtype=np.int64)
        self._rows(shape, key, 0, counts, _NOTHING, counts)
        return counts

    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Each row from its own words."""

        def draw(lo: int, hi: int, indptr: Degrees, targets: Columns) -> None:
            self._rows(shape, key, lo, indptr, targets, np.empty(hi - lo, dtype=np.int64))

        return draw

    def _rows(
        self, shape: Shape, key: int, lo: int, indptr: Degrees, targets: Columns, counts: Degrees
    ) -> None:
        from spikesim.kernels.connect import grid_rows

        if self.p_max == 0:
            counts[:] = 0
            return
        reach = self.scale * _REACH[self.profile] if self.cutoff is None else self.cutoff
        # Cells stand at exact multiples of the pitch; the slack keeps those on the border.
        reach *= 1 + 1e-9
        if self.profile == "ball":
            reach = min(reach, self.scale * (1 + 1e-9))
        grids = np.array([*self.pre_grid, *self.post_grid], dtype=np.int64)
        extent = np.array(self.extent, dtype=np.float64)
        grid_rows(
            np.uint64(key), list(_REACH).index(self.profile), float(self.p_max),
            float(self.scale), float(reach), self.periodic, self._without_self(shape), grids,
            extent, lo, indptr, targets, counts,
        )  # fmt: skip


@dataclass(frozen=True)
class SmallWorld(Rule):
    """Directed small-world ring: near neighbors, some replaced by far ones.

    Each neuron of a ring connects to its ``k`` nearest, half on each side. Each of these
    synapses is moved, with probability ``p``, to a neuron drawn evenly among those that are
    neither the source nor its ring neighbors nor chosen already.

    Parameters
    ----------
    k : int
        Even, 0 <= k <= (n - 1) / 2.
    p : float
        Share of synapses that are moved, 0 to 1.

    References
    ----------
    D. J. Watts, S. H. Strogatz, Collective dynamics of small-world networks, Nature 1998.
    """

    k: int
    p: float

    def problems(self, shape: Shape) -> list[str]:
        """Refuses unequal sizes, odd or too many neighbors, what is no probability."""
        problems = probability_problems(self._who("expected 0 <= p <= 1"), self.p)
        if shape.n_pre != shape.n_post:
            problems.append(
                self._who(f"expected one ring, got {shape.n_pre} and {shape.n_post} neurons")
            )
        most = (shape.n_pre - 1) // 2
        if isinstance(self.k, bool) or not isinstance(self.k, (int, np.integer)):
            problems.append(self._who(f"expected k as an integer, got {self.k!r}"))
        elif not 0 <= self.k <= most or self.k % 2:
            problems.append(self._who(f"expected an even 0 <= k <= {most}, got k = {self.k}"))
        return problems

    def degrees(self, shape: Shape, key: int) -> Degrees:
        """All alike."""
        return np.full(shape.n_pre, self.k, dtype=np.int64)

    def total(self, shape: Shape, key: int) -> int:
        """Neurons times k."""
        return self.k * shape.n_pre

    def open(self, shape: Shape, key: int, degrees: Degrees) -> Draw:
        """Each row from its own words."""
        from spikesim.kernels.connect import rewire_rows

        def draw(lo: int, hi: int, indptr: Degrees, targets: Columns) -> None:
            rewire_rows(np.uint64(key), shape.n_pre, self.k, float(self.p), lo, indptr, targets)

        return draw
