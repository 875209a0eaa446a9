# SPDX-License-Identifier: Apache-2.0
"""The same function at many points, over processes; a point that fails costs only itself."""

from __future__ import annotations

import inspect
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spikesim.core import stream
from spikesim.core.optional import optional_library
from spikesim.engine.progress import Progress, counting
from spikesim.errors import ValidationError
from spikesim.sim.parallel.sweep_workers import WORKERS, Call, PointOutcome

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

Grid = Mapping[str, Iterable[Any]] | Sequence[Mapping[str, Any]]
Point = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Results of a sweep.

    Attributes
    ----------
    rows : list of dict
        One per point that was run, in the order of the grid: the point's parameters, then
        ``seed``, ``error`` (None, or what went wrong) and ``seconds`` of wall time, then what the
        function returned: the entries of a mapping, or ``result``.
    n_points : int
        Points of the grid; more than rows after an interrupt.
    """

    rows: list[dict[str, Any]]
    n_points: int

    @property
    def complete(self) -> bool:
        """Whether every point was run, with or without success."""
        return len(self.rows) == self.n_points

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Rows with an error."""
        return [row for row in self.rows if row["error"] is not None]

    def to_pandas(self) -> pd.DataFrame:
        """Rows as a pandas table."""
        return optional_library("pandas", "to_pandas").DataFrame(self.rows)


def sweep(
    function: Callable[..., Any],
    grid: Grid,
    *,
    jobs: int | None = None,
    seed: int = 0,
    backend: str = "joblib",
    progress: Progress = False,
) -> Sweep:
    """Call a function at every point of a grid.

    Parameters
    ----------
    function : callable
        Called as ``function(**point)``; if it has an argument ``seed`` and the grid has none,
        with a seed of its own for each point. Lambdas and closures are fine.
    grid : mapping of str to values, or sequence of mappings
        All combinations, the last name running fastest; or the points themselves.
    jobs : int, optional
        Processes; default one per core. 1 runs in this process.
    seed : int
        Point k gets a seed that depends on this and k only, not on ``jobs`` or on the order in
        which points finish.
    backend : {"joblib", "ray"}
        ``"ray"`` uses Ray, which must be installed, and whatever cluster it is connected to.
    progress : bool or callable
        As for ``simulate``; a callable gets (points done, points).

    Returns
    -------
    Sweep
        With the error in the row of a point that raised one or whose process died. After an
        interrupt (SIGINT) with the points that were done.

    Raises
    ------
    ValidationError
        With every problem of the arguments, or if a library is not installed.

    Examples
    --------
    >>> done = sweep(lambda a, b: {"sum": a + b}, {"a": [1, 2], "b": [10]}, jobs=1)
    >>> [row["sum"] for row in done.rows]
    [11, 12]
    """
    points = _points(grid)
    jobs = (os.cpu_count() or 1) if jobs is None else jobs
    problems = [f"sweep: {text}" for text in _option_problems(function, jobs, backend)]
    if problems:
        raise ValidationError(problems)
    calls = [Call(function, point) for point in points]
    seeds = [_point_seed(seed, k, point) for k, point in enumerate(points)]
    if _takes_seed(function):
        calls = [
            Call(function, {"seed": s} | point) for s, point in zip(seeds, points, strict=True)
        ]
    run = WORKERS["here" if jobs == 1 and backend == "joblib" else backend]
    outcomes: dict[int, PointOutcome] = {}
    try:
        with counting(progress, "points") as report:
            for k, outcome in run(calls, jobs):
                outcomes[k] = outcome
                report(len(outcomes), len(points))
    except KeyboardInterrupt:
        _log.warning("sweep: interrupted after %d of %d points", len(outcomes), len(points))
    rows = [_row(points[k], seeds[k], outcomes[k]) for k in sorted(outcomes)]
    return Sweep(rows, len(points))


def _points(grid: Grid) -> list[Point]:
    if isinstance(grid, Mapping):
        wrong = [k for k, v in grid.items() if isinstance(v, str) or not isinstance(v, Iterable)]
        if wrong:
            raise ValidationError(
                f"sweep: expected a list of values for each name, got none for {wrong}; write "
                "[value] to keep one fixed"
            )
        return [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
    points = list(grid)
    if not all(isinstance(point, Mapping) for point in points):
        raise ValidationError(
            f"sweep: expected a mapping of names to values or a list of mappings, got {grid!r}"
        )
    return [dict(point) for point in points]


def _option_problems(function: object, jobs: object, backend: object) -> Iterator[str]:
    if not callable(function):
        yield f"expected a function, got {function!r}"
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        yield f"expected jobs as an integer >= 1, got {jobs!r}"
    if backend not in ("joblib", "ray"):
        yield f"expected backend 'joblib' or 'ray', got {backend!r}"


def _point_seed(seed: int, k: int, point: Point) -> int:
    drawn = int(stream(seed, "sweep", k).integers(2**63))
    return int(point["seed"]) if "seed" in point else drawn


def _takes_seed(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False
    return "seed" in parameters


def _row(point: Point, seed: int, outcome: PointOutcome) -> dict[str, Any]:
    row = {**point, "seed": seed, "error": outcome.error, "seconds": outcome.seconds}
    value = outcome.value
    if outcome.error is not None:
        return row
    named = dict(value) if isinstance(value, Mapping) else {"result": value}
    taken = sorted(set(named) & set(row), key=str)
    if taken:
        row["error"] = (
            f"sweep: expected results under names other than {list(row)}, got {taken}; rename them"
        )
        named = {name: value for name, value in named.items() if name not in taken}
    return row | named
