# SPDX-License-Identifier: Apache-2.0
"""From text and scope to a text that is sound: every name known, every type right."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from spikesim.core.text.messages import Source, choice
from spikesim.core.text.names import Scope, Variable, name_problems
from spikesim.core.text.parse import parse
from spikesim.core.text.tree import Assignment, Operation, names_of, walk
from spikesim.core.text.types import Kind, fits, form_of, joined, kind_of
from spikesim.errors import ValidationError


@dataclass(frozen=True)
class Text:
    """A text that is sound in its scope.

    Attributes
    ----------
    lines : tuple of Assignment
    kinds : mapping of str to Kind
        Types of all variables, temporaries among them: FLOAT, INT or BOOL.
    reads : frozenset of str
        Variables that the text reads.
    """

    lines: tuple[Assignment, ...]
    kinds: Mapping[str, Kind] = field(compare=False)
    reads: frozenset[str] = field(compare=False)


def read_text(text: str, scope: Scope) -> Text:
    """Read a text and check it.

    Parameters
    ----------
    text : str
        May be indented as a whole.
    scope : Scope
        What it may read and assign.

    Raises
    ------
    ValidationError
        With everything that is wrong: what is not in the language, unknown names and functions,
        variables that are read too early, never assigned or never read, and wrong types.

    Examples
    --------
    >>> scope = Scope("rule", (Variable("w", "the weight", writable=True),))
    >>> read_text("w = 0.5 * w", scope).reads
    frozenset({'w'})
    >>> read_text("w = 0.5 * v", scope)
    Traceback (most recent call last):
        ...
    spikesim.errors.ValidationError: rule, line 1: unknown name 'v'; known are w
        w = 0.5 * v
                  ^
    """
    if not isinstance(text, str):
        kind = type(text).__name__
        raise ValidationError(f"{scope.who}: expected a text, got {kind}: {text!r}")
    return _read(textwrap.dedent(text), scope)


@functools.lru_cache(maxsize=1024)
def _read(text: str, scope: Scope) -> Text:
    source = Source(scope.who, text)
    try:
        lines = parse(text, source)
        if not source.problems:
            _check_names(lines, scope, source)
        if not source.problems:
            kinds = _find_kinds(lines, scope)
            _check_kinds(lines, scope, kinds, source)
    except RecursionError:
        source.missing("expected shorter expressions; split them with temporaries")
    if source.problems:
        raise ValidationError(source.problems)
    reads = frozenset(name.name for line in lines for name in names_of(line.value))
    return Text(tuple(lines), MappingProxyType(kinds), reads)


def _check_names(lines: list[Assignment], scope: Scope, source: Source) -> None:
    known = {variable.name: variable for variable in scope.variables}
    assigned = {line.name: line.place.line for line in reversed(lines)}
    ready = {name for name, variable in known.items() if variable.given}
    for line in lines:
        for name in names_of(line.value):
            if name.name in ready:
                continue
            if name.name in assigned:
                sentence = f"{name.name!r} is read before it is assigned, in line "
                sentence += str(assigned[name.name])
            else:
                sentence = f"unknown name {name.name!r}; {choice(name.name, ready)}"
            source.problem(name.place, sentence)
        _check_target(line, known, source)
        ready.add(line.name)
    for variable in scope.variables:
        if not variable.given and variable.name not in assigned:
            source.missing(
                f"expected a line that assigns {variable.name!r}, {variable.role}; "
                f"assigned are {', '.join(sorted(assigned)) or 'none'}"
            )
    _check_temporaries(lines, known, source)


def _check_target(line: Assignment, known: dict[str, Variable], source: Source) -> None:
    variable = known.get(line.name)
    if variable is not None and not variable.writable:
        source.problem(
            line.place, f"{line.name!r} is {variable.role}, which the text may only read; "
            "assign another name",
        )  # fmt: skip
    if variable is None:
        for sentence in name_problems([(line.name, "a temporary")], {}):
            source.problem(line.place, sentence)


def _check_temporaries(lines: list[Assignment], known: dict[str, Variable], source: Source) -> None:
    """Refuse what is computed for nothing: mostly it is a variable with its name mistyped."""
    read = {name.name for line in lines for name in names_of(line.value)}
    writable = [name for name, variable in known.items() if variable.writable]
    for line in lines:
        if line.name not in known and line.name not in read:
            source.problem(
                line.place,
                f"{line.name!r} is assigned and never read; {choice(line.name, writable)}",
            )


def _find_kinds(lines: list[Assignment], scope: Scope) -> dict[str, Kind]:
    """Types of all variables: that of a temporary is what its values have in common."""
    given = {variable.name: variable.kind for variable in scope.variables}
    kinds = given | {line.name: Kind.LITERAL for line in lines if line.name not in given}
    changed = True
    while changed:  # types only ever get wider
        changed = False
        for name in kinds.keys() - given.keys():
            kind = joined(kind_of(line.value, kinds) for line in lines if line.name == name)
            changed |= kind is not kinds[name]
            kinds[name] = kind
    return {name: Kind.INT if kind is Kind.LITERAL else kind for name, kind in kinds.items()}


def _check_kinds(
    lines: list[Assignment], scope: Scope, kinds: dict[str, Kind], source: Source
) -> None:
    roles = {variable.name: variable.role for variable in scope.variables}
    for line in lines:
        for part in walk(line.value):
            if isinstance(part, Operation):
                _check_operands(part, kinds, source)
        kind, wanted = kind_of(line.value, kinds), kinds[line.name]
        if not fits(kind, wanted):
            what = f"{line.name!r}, {roles[line.name]}" if line.name in roles else repr(line.name)
            want = "a comparison" if wanted is Kind.BOOL else wanted.value
            floats = {n.name for n in names_of(line.value) if kinds[n.name] is Kind.FLOAT}
            why = f", as {', '.join(map(repr, sorted(floats)))} is" if floats else ""
            source.problem(
                line.value.place, f"expected {want} for {what}, got {_as_found(kind)}{why}"
            )


def _check_operands(node: Operation, kinds: dict[str, Kind], source: Source) -> None:
    for operand, wanted in zip(node.operands, form_of(node).takes, strict=True):
        kind = kind_of(operand, kinds)
        if wanted is Kind.BOOL and kind is not Kind.BOOL:
            where = {"if": "after 'if'", "not": "after 'not'"}.get(
                node.symbol, f"on both sides of {node.symbol}, in parentheses"
            )
            source.problem(operand.place, f"expected a comparison {where}, got {_as_found(kind)}")


def _as_found(kind: Kind) -> str:
    return "a number" if kind is Kind.LITERAL else kind.value
