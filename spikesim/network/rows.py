# SPDX-License-Identifier: Apache-2.0
"""From a connection rule, weights and delays to the rows of one projection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import Clock, CsrRows
from spikesim.errors import ValidationError
from spikesim.network.population import Population

Draw = Callable[[np.random.Generator, int], npt.ArrayLike]
Weights = float | npt.ArrayLike | Draw
Delays = int | npt.ArrayLike | Draw


def build_rows(
    pre: Population,
    post: Population,
    rule: Any,
    weight: Weights | None,
    delay: float | npt.ArrayLike | None,
    delay_ticks: Delays | None,
    clock: Clock,
    rng: np.random.Generator,
) -> CsrRows:
    """Rows of a projection; the arguments are those of ``Network.connect``.

    Raises
    ------
    ValidationError
        With every problem of the arguments, without the name of the projection.
    """
    problems: list[str] = []
    if delay is not None and delay_ticks is not None:
        problems.append("expected delay (seconds) or delay_ticks, got both")
    if isinstance(rule, CsrRows):
        if weight is not None or delay is not None or delay_ticks is not None:
            problems.append("expected no weight and no delay beside rows, which bring their own")
        if problems:
            raise ValidationError(problems)
        return rule
    if hasattr(rule, "pairs"):
        if weight is None:
            problems.append("expected a weight for the rule; pass weight=")
    elif weight is not None:
        problems.append("expected no weight beside a matrix, which brings its own")
    ticks: Delays = 0 if pre.is_input else 1
    try:
        if delay_ticks is not None:
            ticks = delay_ticks
        elif delay is not None:
            ticks = _ticks(delay, clock)
    except ValidationError as error:
        problems += error.problems
    if hasattr(rule, "pairs"):
        return _from_rule(pre, post, rule, weight, ticks, rng, problems)
    return _from_matrix(pre, post, rule, ticks, problems)


def _from_rule(
    pre: Population,
    post: Population,
    rule: Any,
    weight: Weights | None,
    ticks: Delays,
    rng: np.random.Generator,
    problems: list[str],
) -> CsrRows:
    try:
        source, target = rule.pairs(pre.n, post.n, pre == post, rng)
    except ValidationError as error:
        raise ValidationError([*problems, *error.problems]) from None
    columns = []
    for what, given in (("weight", weight), ("delay", ticks)):
        try:
            columns.append(_per_synapse(what, given, source, target, (pre.n, post.n), rng))
        except ValidationError as error:
            if given is not None:
                problems += error.problems
    if problems:
        raise ValidationError(problems)
    return CsrRows.from_coo(source, target, columns[0], columns[1], pre.n, post.n)


def _from_matrix(
    pre: Population, post: Population, matrix: Any, ticks: Delays, problems: list[str]
) -> CsrRows:
    try:
        weights = np.asarray(matrix)
    except (ValueError, TypeError) as error:
        raise ValidationError([*problems, f"expected a weight matrix ({error})"]) from None
    if weights.ndim != 2 or weights.dtype.kind not in "iufb":
        problems.append(
            f"expected a rule, rows or a weight matrix of shape ({pre.n}, {post.n}), got "
            f"{type(matrix).__name__} of shape {weights.shape}"
        )
        raise ValidationError(problems)
    if weights.shape != (pre.n, post.n):
        hint = "; transpose it" if weights.shape == (post.n, pre.n) else ""
        problems.append(
            f"expected a weight matrix of shape ({pre.n}, {post.n}) for {pre.name!r} -> "
            f"{post.name!r}, got {weights.shape}{hint}"
        )
    if weights.dtype.kind == "f" and not np.isfinite(weights).all():
        first = np.argwhere(~np.isfinite(weights))[0].tolist()
        count = int((~np.isfinite(weights)).sum())
        problems.append(
            f"expected finite weights, got {weights[tuple(first)]} at {first} ({count} in all)"
        )
    if callable(ticks):
        problems.append("expected a delay as a number or matrix beside a matrix, got a callable")
    else:
        delays = np.asarray(ticks)
        if delays.ndim and delays.shape != weights.shape:
            problems.append(
                f"expected delays as a scalar or of shape {weights.shape}, got {delays.shape}"
            )
        elif delays.dtype.kind not in "iu" or (delays < 0).any():
            problems.append(f"expected delay_ticks as integers >= 0, got {ticks!r}")
    if problems:
        raise ValidationError(problems)
    return CsrRows.from_dense(weights, np.asarray(ticks))


def _ticks(delay: float | npt.ArrayLike, clock: Clock) -> npt.NDArray[np.int64]:
    seconds = np.asarray(delay)
    if seconds.dtype.kind not in "iuf":
        raise ValidationError(f"expected delay as seconds, got {delay!r}")
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


def _per_synapse(
    what: str,
    given: Any,
    source: npt.NDArray[np.int64],
    target: npt.NDArray[np.int64],
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> npt.NDArray[Any]:
    """One value per chosen pair, from a scalar, a matrix or a callable."""
    values = np.asarray(given(rng, source.size) if callable(given) else given)
    kinds = "iu" if what == "delay" else "iuf"
    if values.dtype.kind not in kinds:
        raise ValidationError(
            f"expected {what} as {'integer ticks' if what == 'delay' else 'numbers'}, got "
            f"{values.dtype}"
        )
    if callable(given):
        if values.shape != source.shape:
            raise ValidationError(
                f"expected {source.size} {what} values from the callable, got shape {values.shape}"
            )
    elif values.ndim == 0:
        values = np.full(source.size, values[()])
    elif values.shape == shape:
        values = values[source, target]
    else:
        raise ValidationError(
            f"expected {what} as a scalar or of shape {shape}, got {values.shape}"
        )
    bad = ~np.isfinite(values) if what == "weight" else values < 0
    if bad.any():
        expected = "finite weights" if what == "weight" else "delays >= 0"
        raise ValidationError(
            f"expected {expected}, got {values[np.argmax(bad)]} ({int(bad.sum())} of {values.size})"
        )
    return values
