# SPDX-License-Identifier: Apache-2.0
"""What a text is once it is read: assignments of expressions, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    """Where something stands: line, counted from 1, and columns, counted from 0 in characters."""

    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Number:
    """A literal: bool, int or float."""

    value: float
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Name:
    """A variable that is read."""

    name: str
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Operation:
    """An operator or function, by its symbol in ``operations.OPERATIONS``, of its operands."""

    symbol: str
    operands: tuple[Expression, ...]
    place: Place = field(compare=False)


Expression = Number | Name | Operation


@dataclass(frozen=True)
class Assignment:
    """One line: the variable ``name`` becomes ``value``; ``place`` is that of the name."""

    name: str
    value: Expression
    place: Place = field(compare=False)


def walk(node: Expression) -> Iterator[Expression]:
    """Give an expression and all that it is made of, in the order of the text."""
    yield node
    if isinstance(node, Operation):
        for operand in node.operands:
            yield from walk(operand)


def names_of(node: Expression) -> Iterator[Name]:
    """Give the variables that an expression reads, one for each place."""
    return (part for part in walk(node) if isinstance(part, Name))
