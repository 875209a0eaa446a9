# SPDX-License-Identifier: Apache-2.0
"""The form a decoded JSON document has to have, stated as one.

A form is a type (``str``, ``bool``, ``int``, ``float`` for any finite number, ``dict``, ``object``
for anything), a ``range`` for an integer in it, a ``dict`` of forms by key (``"key?"``
may be absent), ``EachOf`` for a mapping of any keys, a list of one form for
any number of them, a tuple of forms for a list of just these, or ``Or`` for alternatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

COUNT = range(2**53)
"""Sizes and ticks."""


@dataclass(frozen=True)
class Or:
    """One of several forms."""

    forms: tuple[Any, ...]

    def __init__(self, *forms: Any) -> None:
        object.__setattr__(self, "forms", forms)


@dataclass(frozen=True)
class EachOf:
    """A mapping whose values are all of one form."""

    form: Any


def shape_problems(value: Any, form: Any, where: str = "header") -> list[str]:
    """Every place where a document is of another form.

    Examples
    --------
    >>> shape_problems({"n": -1, "name": 3}, {"n": COUNT, "name": str})
    ['header.n: expected an integer >= 0, got -1', 'header.name: expected str, got 3']
    >>> shape_problems([[1, 2], [3]], [(int, int)])
    ['header[1]: expected a list of 2, got [3]']
    """
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return [_problem(where, "a mapping", value)]
        problems = []
        for key, part in form.items():
            name = key.removesuffix("?")
            if name in value:
                problems += shape_problems(value[name], part, f"{where}.{name}")
            elif name == key:
                problems.append(f"{where}: expected {key!r}, which is missing")
        return problems
    if isinstance(form, EachOf):
        return (
            shape_problems(value, dict.fromkeys(value, form.form), where)
            if isinstance(value, dict)
            else [_problem(where, "a mapping", value)]
        )
    if isinstance(form, (list, tuple)):
        exact = isinstance(form, tuple)
        if not isinstance(value, list) or (exact and len(value) != len(form)):
            return [_problem(where, f"a list of {len(form)}" if exact else "a list", value)]
        forms = form if exact else form * len(value)
        return [
            text
            for k, (one, part) in enumerate(zip(forms, value, strict=True))
            for text in shape_problems(part, one, f"{where}[{k}]")
        ]
    if isinstance(form, Or):
        each = [shape_problems(value, one, where) for one in form.forms]
        return [] if [] in each else each[-1]
    return [] if _is(value, form) else [_problem(where, _word(form), value)]


def _is(value: Any, form: Any) -> bool:
    if form is None or form is object:
        return form is object or value is None
    if isinstance(form, range):
        return _is(value, int) and value in form
    if form is float:
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1000
        return whole or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, form) and (form is bool or not isinstance(value, bool))


def _word(form: Any) -> str:
    if isinstance(form, range):
        return f"an integer >= {form.start}"
    return "a finite number" if form is float else getattr(form, "__name__", "null")


def _problem(where: str, expected: str, value: Any) -> str:
    got = repr(value)
    return f"{where}: expected {expected}, got {got if len(got) <= 60 else got[:57] + '...'}"
