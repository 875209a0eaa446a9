# SPDX-License-Identifier: Apache-2.0
"""From a connection rule, weights and delays to the synapses of one projection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikesim.core import Clock, CsrRows, stream, stream_key
from spikesim.errors import ValidationError
from spikesim.network.connect import Rule, Shape
from spikesim.network.convolution import Convolution
from spikesim.network.distribution import Distribution
from spikesim.network.drawn import DrawnSynapses
from spikesim.network.explicit import PairList
from spikesim.network.synapses import GivenRows, Synapses, rows_of
from spikesim.network.view import PopulationView

Callback = Callable[[np.random.Generator, int], npt.ArrayLike]
Weights = float | npt.ArrayLike | Callback | Distribution
Delays = int | npt.ArrayLike | Callback
Array = npt.NDArray[Any]

_LARGEST = float(np.finfo(np.float32).max)


class _Pairs(NamedTuple):
    """Pairs in row order; ``order`` says which listed pair each was, where pairs were listed."""

    indptr: npt.NDArray[np.int64]
    targets: Array
    weights: Array | None = None
    order: Array | None = None


class _Place(NamedTuple):
    """What synapses are built for: sizes, tick, shortest delay, random path.

    ``after`` is how many ticks later than the delay in seconds says an input must come in, so
    that it acts when the delay says: a model that lets inputs act from the start of their tick
    takes what is to act at the end of one tick with the start of the next.
    """

    shape: Shape
    clock: Clock
    least: int
    after: int
    path: tuple[int, str, str]

    @property
    def least_drawn(self) -> int:
        """Shortest legal delay in seconds, as ticks."""
        return max(self.least - self.after, 0)

    @property
    def key(self) -> int:
        return stream_key(*self.path)


def build_synapses(
    pre: PopulationView,
    post: PopulationView,
    rule: Any,
    weight: Weights | None,
    delay: float | npt.ArrayLike | Distribution | None,
    delay_ticks: Delays | None,
    clock: Clock,
    path: tuple[int, str, str],
) -> Synapses:
    """Synapses of a projection; the arguments are those of ``Network.connect``.

    Rules with one weight or distribution, and one delay or distribution, stay rules. All
    else is made into rows at once.

    Raises
    ------
    ValidationError
        With every problem of the arguments, without the name of the projection.
    """
    problems: list[str] = []
    if pre != post and pre.overlaps(post) and not getattr(rule, "allow_self", True):
        problems.append(
            f"expected slices that are equal or apart for a rule with allow_self=False, got "
            f"{pre!r} and {post!r}, in which a neuron has two numbers; connect the overlap by "
            "itself"
        )
    if delay is not None and delay_ticks is not None:
        problems.append("expected delay (seconds) or delay_ticks, got both")
    if isinstance(rule, CsrRows):
        if weight is not None or delay is not None or delay_ticks is not None:
            problems.append("expected no weight and no delay beside rows, which bring their own")
        if problems:
            raise ValidationError(problems)
        return GivenRows(rule)
    problems += _who_weighs(rule, weight)
    least = 0 if pre.is_input else 1
    after = int(post.neuron is not None and post.neuron.acts_at == "start")
    place = _Place(Shape(pre.n, post.n, pre == post), clock, least, after, path)
    ticks: Any = least
    try:
        if isinstance(delay_ticks, Distribution):
            raise ValidationError("expected delay_ticks without distribution; pass delay= seconds")
        if delay_ticks is not None:
            ticks = delay_ticks
        elif isinstance(delay, Distribution):
            ticks = _long_enough(delay, clock)
        elif delay is not None:
            ticks = _ticks(delay, clock) + after
    except ValidationError as error:
        problems += error.problems
    drawn, found = isinstance(rule, Rule), list[str]()
    try:
        if isinstance(rule, Convolution):
            rule = rule.between(pre.shape, post.shape)
        found = rule.problems(place.shape) if drawn else []
    except ValidationError as error:
        found = list(error.problems)
    if drawn and not found and _is_one(weight) and _is_one(ticks):
        return _drawn(rule, weight, ticks, place, problems)
    try:
        pairs = _pairs(rule, place.shape, place.key, pre, post) if not found else None
    except ValidationError as error:
        found = list(error.problems)
        pairs = None
    if pairs is None:
        raise ValidationError([*problems, *found])
    return _with_columns(pairs, weight, ticks, place, problems)


def _who_weighs(rule: Any, weight: Any) -> list[str]:
    """Weights that are missing, or given beside what brings its own."""
    if isinstance(rule, (Rule, PairList)) and not isinstance(rule, Convolution):
        return ["expected a weight for the rule; pass weight="] if weight is None else []
    if weight is None:
        return []
    what = "a convolution" if isinstance(rule, Convolution) else "a matrix"
    return [f"expected no weight beside {what}, which brings its own"]


def _is_one(value: Any) -> bool:
    return isinstance(value, Distribution) or (not callable(value) and np.ndim(value) == 0)


def _drawn(
    rule: Rule, weight: Any, ticks: Any, place: _Place, problems: list[str]
) -> DrawnSynapses:
    if not isinstance(weight, Distribution) and weight is not None:
        problems += _value_problems("weight", np.asarray(weight))
        weight = None if problems else float(weight)
    elif weight is not None and max(map(abs, weight.limits())) > _LARGEST:
        problems.append(f"expected finite float32 weights, got {weight}")
    if not isinstance(ticks, Distribution):
        problems += _value_problems("delay", np.asarray(ticks))
        ticks = 0 if problems else int(ticks)
    if problems:
        raise ValidationError(problems)
    after = place.after if isinstance(ticks, Distribution) else 0
    least = place.least_drawn if isinstance(ticks, Distribution) else place.least
    return DrawnSynapses(rule, place.shape, place.key, weight, ticks, place.clock.dt, least, after)


def _pairs(rule: Any, shape: Shape, key: int, pre: PopulationView, post: PopulationView) -> _Pairs:
    if isinstance(rule, Convolution):
        rows = rows_of(DrawnSynapses(rule, shape, key, None, 1, 1.0, 0))
        return _Pairs(rows.indptr, rows.targets, rows.weights)
    if isinstance(rule, Rule):
        filled = DrawnSynapses(rule, shape, key, 0.0, 1, 1.0, 0).filler().fill(0, shape.n_pre)
        return _Pairs(filled.indptr, filled.targets)
    if isinstance(rule, PairList):
        problems = rule.problems(shape.n_pre, shape.n_post)
        if problems:
            raise ValidationError(problems)
        order = np.lexsort((rule.post, rule.pre))
        return _Pairs(_starts(rule.pre, shape.n_pre), rule.post[order], None, order)
    if hasattr(rule, "tocsr"):  # any scipy.sparse matrix or array
        sparse = rule.tocsr(copy=True)
        _matrix_problems(sparse.data, sparse.shape, shape, pre, post)
        sparse.sum_duplicates()
        sparse.eliminate_zeros()
        return _Pairs(sparse.indptr.astype(np.int64), sparse.indices, sparse.data)
    try:
        matrix = np.asarray(rule)
    except (ValueError, TypeError) as error:
        raise ValidationError(f"expected a weight matrix ({error})") from None
    if matrix.ndim != 2 or matrix.dtype.kind not in "iufb":
        raise ValidationError(
            f"expected a rule, rows or a weight matrix of shape ({pre.n}, {post.n}), got "
            f"{type(rule).__name__} of shape {matrix.shape}"
        )
    _matrix_problems(matrix, matrix.shape, shape, pre, post)
    source, targets = np.nonzero(matrix)
    return _Pairs(_starts(source, shape.n_pre), targets, matrix[source, targets])


def _matrix_problems(
    values: Array, found: Any, shape: Shape, pre: PopulationView, post: PopulationView
) -> None:
    problems = []
    expected = (shape.n_pre, shape.n_post)
    if tuple(found) != expected:
        hint = "; transpose it" if tuple(found)[::-1] == expected else ""
        problems.append(
            f"expected a weight matrix of shape {expected} for {pre.name!r} -> {post.name!r}, "
            f"got {tuple(found)}{hint}"
        )
    bad = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(0, dtype=np.bool_)
    if bad.any():
        first = np.argwhere(bad)[0].tolist()
        problems.append(
            f"expected finite weights, got {values[tuple(first)]} at {first} ({int(bad.sum())} in "
            "all)"
        )
    if problems:
        raise ValidationError(problems)


def _with_columns(
    pairs: _Pairs, weight: Any, ticks: Any, place: _Place, problems: list[str]
) -> GivenRows:
    rng = stream(*place.path)
    columns: list[Any] = []
    for what, given in (("weight", weight), ("delay", ticks)):
        if what == "weight" and (pairs.weights is not None or given is None):
            columns.append(pairs.weights)
            continue
        try:
            columns.append(_column(what, given, pairs, place, rng))
        except ValidationError as error:
            problems += error.problems
    if problems:
        raise ValidationError(problems)
    return GivenRows(
        CsrRows(pairs.indptr, pairs.targets, columns[0], columns[1], place.shape.n_post)
    )


def _column(what: str, given: Any, pairs: _Pairs, place: _Place, rng: np.random.Generator) -> Array:
    """One value per synapse in row order."""
    nnz = pairs.targets.size
    shape = (place.shape.n_pre, place.shape.n_post)
    if isinstance(given, Distribution):
        if what == "weight":
            out: Array = np.empty(nnz, dtype=np.float32)
            given.fill(place.key, 1, 0, pairs.indptr, out)
        else:
            out = np.empty(nnz, dtype=np.int32)
            given.fill_ticks(place.key, 2, 0, pairs.indptr, place.clock.dt, place.least_drawn, out)
            out += place.after
        return out
    values = np.asarray(given(rng, nnz) if callable(given) else given)
    problems = _value_problems(what, values)
    if callable(given) and values.shape != (nnz,):
        problems.append(f"expected {nnz} {what} values from the callable, got shape {values.shape}")
    listed = pairs.order is not None and values.shape == (nnz,)
    if not callable(given) and values.ndim and not listed and values.shape != shape:
        also = f" or ({nnz},)" if pairs.order is not None else ""
        problems.append(
            f"expected {what} as a scalar or of shape {shape}{also}, got {values.shape}"
        )
    if problems:
        raise ValidationError(problems)
    if values.ndim == 0:
        return np.full(nnz, values[()])
    if values.ndim == 2:
        source = np.repeat(np.arange(shape[0]), np.diff(pairs.indptr))
        return values[source, pairs.targets]
    return values if pairs.order is None else values[pairs.order]


def _value_problems(what: str, values: Array) -> list[str]:
    if values.ndim == 0 and values.dtype.kind in "if":
        # One for all, as most projections have: without the cost of array operations.
        value = values.item()
        if what == "weight" and abs(value) <= _LARGEST:
            return []
        if what == "delay" and values.dtype.kind == "i" and 0 <= value < 2**31:
            return []
    kinds = "iu" if what == "delay" else "iuf"
    if values.dtype.kind not in kinds:
        kind = "integer ticks" if what == "delay" else "numbers"
        return [f"expected {what} as {kind}, got dtype {values.dtype}"]
    if what == "weight":
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(values.astype(np.float32))
    else:
        bad = (values < 0) | (values >= 2**31)
    if not bad.any():
        return []
    expected = "finite weights" if what == "weight" else "delays as integers >= 0, < 2**31"
    first = values.reshape(-1)[np.argmax(bad)]
    return [f"expected {expected}, got {first} ({int(bad.sum())} of {values.size})"]


def _starts(source: Array, n_pre: int) -> npt.NDArray[np.int64]:
    counts = np.bincount(source, minlength=n_pre)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _long_enough(delay: Distribution, clock: Clock) -> Distribution:
    """Refuse a distribution of delays of which none reaches a tick, or that are too long."""
    high = delay.limits()[1]
    if high < clock.dt or high / clock.dt >= 2**31:
        raise ValidationError(
            f"delay: expected seconds from dt = {clock.dt:g} s to 2**31 ticks, got {delay}"
        )
    return delay


def _ticks(delay: float | npt.ArrayLike, clock: Clock) -> npt.NDArray[np.int64]:
    seconds = np.asarray(delay)
    if seconds.dtype.kind not in "iuf":
        raise ValidationError(f"expected delay as seconds, got {delay!r}")
    if seconds.ndim == 0:
        return np.array(clock.ticks(float(seconds), "delay"), dtype=np.int64)
    values, inverse = np.unique(seconds, return_inverse=True)
    problems: list[str] = []
    ticks = np.zeros(values.size, dtype=np.int64)
    for k, value in enumerate(values):
        try:
            ticks[k] = clock.ticks(float(value), "delay")
        except ValidationError as error:
            problems += error.problems
    if problems:
        shown = problems[:5]
        if len(problems) > len(shown):
            shown.append(f"delay: {len(problems) - len(shown)} further values are not legal either")
        raise ValidationError(shown)
    return ticks[inverse].reshape(seconds.shape)
