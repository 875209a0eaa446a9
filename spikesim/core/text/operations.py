# SPDX-License-Identifier: Apache-2.0
"""The one table of what a text can do: operators and functions, the types they take and give."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """Type of a value; LITERAL is a whole number, which takes the type of what it meets."""

    LITERAL = "a whole number"
    BOOL = "a bool"
    INT = "an int"
    FLOAT = "a float"


@dataclass(frozen=True)
class OperationForm:
    """Types of an operation.

    Parameters
    ----------
    takes : tuple of Kind or None
        Type of each operand. None is any number: all such operands become the type they have in
        common.
    gives : Kind or None
        Type of the result; None is that common type.
    repeats : bool
        Whether a function of two takes more: ``min(a, b, c)`` is ``min(min(a, b), c)``.
    """

    takes: tuple[Kind | None, ...]
    gives: Kind | None = None
    repeats: bool = False


_ONE, _TWO, _REAL = (None,), (None, None), (Kind.FLOAT,)
_ARITHMETIC = OperationForm(_TWO)
_COMPARISON = OperationForm(_TWO, Kind.BOOL)
_LOGIC = OperationForm((Kind.BOOL, Kind.BOOL), Kind.BOOL)

FUNCTIONS: dict[str, OperationForm] = {
    "exp": OperationForm(_REAL, Kind.FLOAT),
    "sqrt": OperationForm(_REAL, Kind.FLOAT),
    "abs": OperationForm(_ONE),
    "min": OperationForm(_TWO, repeats=True),
    "max": OperationForm(_TWO, repeats=True),
}
"""Functions by name, the same in every text."""

OPERATIONS: dict[str, OperationForm] = FUNCTIONS | {
    "+": _ARITHMETIC,
    "-": _ARITHMETIC,
    "*": _ARITHMETIC,
    "//": _ARITHMETIC,
    "%": _ARITHMETIC,
    "/": OperationForm((Kind.FLOAT, Kind.FLOAT), Kind.FLOAT),
    "**": OperationForm((Kind.FLOAT, Kind.FLOAT), Kind.FLOAT),
    "negative": OperationForm(_ONE),
    "<": _COMPARISON,
    "<=": _COMPARISON,
    ">": _COMPARISON,
    ">=": _COMPARISON,
    "==": _COMPARISON,
    "!=": _COMPARISON,
    "&": _LOGIC,
    "|": _LOGIC,
    "not": OperationForm((Kind.BOOL,), Kind.BOOL),
    "if": OperationForm((Kind.BOOL, None, None)),
}
"""All operations by symbol; of ``a if c else b`` the operands are c, a, b."""

WHOLE_POWER = OperationForm(_TWO)
"""``x ** 2``: a few products, of the type of x."""
