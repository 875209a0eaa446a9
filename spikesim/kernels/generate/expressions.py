# SPDX-License-Identifier: Apache-2.0
"""From the lines of a text to the lines of a loop."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from spikesim.core.text import Expression, Kind, Name, Number, Operation, Text, kind_of
from spikesim.core.text.types import form_of, is_whole_power, joined

_CODE = {
    "exp": "exp({})",
    "sqrt": "sqrt({})",
    "abs": "abs({})",
    # As a select: the builtins branch, which keeps a loop from being vectorized.
    "min": "({0} if {0} < {1} else {1})",
    "max": "({0} if {0} > {1} else {1})",
    "if": "({1} if {0} else {2})",
    "not": "(not {})",
    "negative": "(-{})",
}
"""Code of operations; all others are infix operators by their symbol."""

IMPORTS = """from math import sqrt

import numpy as np
from spikesim.kernels.elementary import exp_{dtype} as exp
from spikesim.kernels.jit import kernel"""
"""What the lines need, for a type of floats."""


def own(name: str, part: str = "") -> str:
    """Name of a variable of a text in a loop, or of something that belongs to it.

    Examples
    --------
    >>> own("v"), own("v", "all")
    ('_v', 'all__v')
    """
    return f"{part}__{name}" if part else f"_{name}"


def code_lines(text: Text, dtype: str) -> list[str]:
    """Lines of a loop that do what a text says, with floats of one type.

    Literals get the type of what they meet, and ints become floats where they meet floats: one
    float64 would widen a whole loop.

    Examples
    --------
    >>> from spikesim.core.text import Scope, Variable, read_text
    >>> scope = Scope("rule", (Variable("w", "the weight", writable=True),))
    >>> code_lines(read_text("w = w - 0.5 * w ** 2", scope), "float32")
    ['_w = _w - np.float32(0.5) * _w ** 2']
    """
    casts = {Kind.FLOAT: f"np.{dtype}", Kind.INT: "np.int32"}
    lines = [
        f"{own(line.name)} = {_code(line.value, text.kinds[line.name], text.kinds, casts)}"
        for line in text.lines
    ]
    # Written once more by Python, which leaves out the parentheses that are not needed.
    return ast.unparse(ast.parse("\n".join(lines))).splitlines()


def _code(
    node: Expression, wanted: Kind, kinds: Mapping[str, Kind], casts: Mapping[Kind, str]
) -> str:
    """Code of an expression, as a value of the wanted type."""
    if isinstance(node, Number):
        cast = casts.get(wanted)
        return repr(node.value) if cast is None else f"{cast}({node.value!r})"
    kind = kind_of(node, kinds)
    # Arithmetic on nothing but literals is done in the type that is wanted.
    kind = wanted if kind is Kind.LITERAL else kind
    code = own(node.name) if isinstance(node, Name) else _operation(node, kind, kinds, casts)
    return code if kind is wanted else f"{casts[wanted]}({code})"


def _operation(
    node: Operation, kind: Kind, kinds: Mapping[str, Kind], casts: Mapping[Kind, str]
) -> str:
    takes = form_of(node).takes
    if is_whole_power(node):
        base, exponent = node.operands
        assert isinstance(exponent, Number)
        return f"({_code(base, kind, kinds, casts)} ** {exponent.value})"
    shared = _shared(node.operands, takes, kind, kinds)
    codes = [
        _code(operand, wanted or shared, kinds, casts)
        for operand, wanted in zip(node.operands, takes, strict=True)
    ]
    if node.symbol in _CODE:
        return _CODE[node.symbol].format(*codes)
    return f"({codes[0]} {node.symbol} {codes[1]})"


def _shared(
    operands: Sequence[Expression],
    takes: Sequence[Kind | None],
    kind: Kind,
    kinds: Mapping[str, Kind],
) -> Kind:
    """Type that the operands of no special type become."""
    found = joined(
        kind_of(operand, kinds)
        for operand, wanted in zip(operands, takes, strict=True)
        if wanted is None
    )
    if found is Kind.LITERAL:
        return Kind.INT if kind is Kind.BOOL else kind
    return found


def indent(lines: Sequence[str], depth: int) -> str:
    """Lines as one text, so many levels deep."""
    return "\n".join("    " * depth + line for line in lines)
