# SPDX-License-Identifier: Apache-2.0
"""The types of expressions, and the one rule that finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spikesim.core.text.operations import OPERATIONS, WHOLE_POWER, Kind, OperationForm
from spikesim.core.text.tree import Expression, Name, Number, Operation

__all__ = ["Kind", "fits", "form_of", "is_whole_power", "joined", "kind_of"]


def joined(kinds: Iterable[Kind]) -> Kind:
    """Type of what values of several types have in common.

    Examples
    --------
    >>> joined([Kind.LITERAL, Kind.INT]), joined([Kind.BOOL, Kind.FLOAT])
    (<Kind.INT: 'an int'>, <Kind.FLOAT: 'a float'>)
    """
    found = set(kinds)
    if found == {Kind.BOOL}:
        return Kind.BOOL
    if Kind.FLOAT in found:
        return Kind.FLOAT
    return Kind.INT if found & {Kind.INT, Kind.BOOL} else Kind.LITERAL


def fits(kind: Kind, wanted: Kind) -> bool:
    """Whether a value of one type may stand where another is wanted: never a float for an int."""
    if wanted is Kind.BOOL:
        return kind is Kind.BOOL
    return wanted is Kind.FLOAT or kind is not Kind.FLOAT


def is_whole_power(node: Operation) -> bool:
    """Whether a power is a few products: its exponent is written as a whole number >= 0."""
    exponent = node.operands[-1]
    return node.symbol == "**" and isinstance(exponent, Number) and type(exponent.value) is int


def form_of(node: Operation) -> OperationForm:
    """Give the types that an operation takes and gives."""
    return WHOLE_POWER if is_whole_power(node) else OPERATIONS[node.symbol]


def kind_of(node: Expression, kinds: Mapping[str, Kind]) -> Kind:
    """Type of an expression.

    Parameters
    ----------
    node : Expression
    kinds : mapping of str to Kind
        Types of the variables.
    """
    if isinstance(node, Name):
        return kinds[node.name]
    if isinstance(node, Number):
        literal = Kind.BOOL if isinstance(node.value, bool) else Kind.LITERAL
        return Kind.FLOAT if isinstance(node.value, float) else literal
    form = form_of(node)
    if form.gives is not None:
        return form.gives
    shared = [
        kind_of(operand, kinds)
        for operand, wanted in zip(node.operands, form.takes, strict=True)
        if wanted is None
    ]
    return joined(shared)
