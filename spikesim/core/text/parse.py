# SPDX-License-Identifier: Apache-2.0
"""From text to a tree: Python reads it, and only what belongs to the language is kept."""

from __future__ import annotations

import ast
import math
from typing import Any

from spikesim.core.text.messages import Source, choice
from spikesim.core.text.operations import FUNCTIONS
from spikesim.core.text.tree import Assignment, Expression, Name, Number, Operation, Place

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|", ast.USub: "negative", ast.Not: "not",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_INSTEAD: dict[type[ast.AST], str] = {
    ast.BoolOp: "write & for 'and', | for 'or', with each side in parentheses",
    ast.BitXor: "write ** for a power",
    ast.Invert: "write not",
    ast.If: "write 'x = a if condition else b'",
    ast.Attribute: "write the bare name, such as exp",
    ast.Subscript: "every variable is one number",
    ast.Tuple: "assign one variable in a line",
}
_LARGEST = 2**31
_OTHERWISE = "a text is made of assignments of expressions"


def parse(text: str, source: Source) -> list[Assignment]:
    """Read a text; what does not belong to the language is noted in ``source``."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        what = getattr(error, "msg", None) or str(error) or "too many parentheses"
        source.problem(
            Place(line, column - 1, column), f"expected assignments as in Python: {what}"
        )
        return []
    reader = _Reader(source)
    return [line for node in body if (line := reader.line(node)) is not None]


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source

    def line(self, node: ast.stmt) -> Assignment | None:
        """Read one statement."""
        if isinstance(node, ast.AugAssign):
            target: ast.expr = node.target
            value: Expression = self._operation(node.op, (node.target, node.value), node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            value = self.expression(node.value) if isinstance(target, ast.Name) else _NOTHING
        else:
            self._refuse(node)
            return None
        if not isinstance(target, ast.Name):
            self._refuse(target)
            return None
        return Assignment(target.id, value, self._place(target))

    def expression(self, node: ast.expr) -> Expression:
        """Read an expression."""
        place = self._place(node)
        if isinstance(node, ast.Name):
            return Name(node.id, place)
        if isinstance(node, ast.Constant):
            return self._number(node)
        if isinstance(node, ast.BinOp):
            return self._operation(node.op, (node.left, node.right), node)
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.UAdd):
                return self.expression(node.operand)
            return self._operation(node.op, (node.operand,), node)
        if isinstance(node, ast.IfExp):
            parts = (node.test, node.body, node.orelse)
            return Operation("if", tuple(self.expression(part) for part in parts), place)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        self._refuse(node)
        return _NOTHING

    def _number(self, node: ast.Constant) -> Expression:
        value = node.value
        if not isinstance(value, (bool, int, float)):
            self._refuse(node)
            return _NOTHING
        if not math.isfinite(value) or (isinstance(value, int) and abs(value) >= _LARGEST):
            self.source.problem(
                self._place(node),
                "expected a finite float, or a whole number below 2**31; write 3e9 for 3000000000",
            )
        return Number(value, self._place(node))

    def _operation(
        self, operator: ast.AST, operands: tuple[ast.expr, ...], node: ast.stmt | ast.expr
    ) -> Expression:
        symbol = _SYMBOLS.get(type(operator))
        read = tuple(self.expression(operand) for operand in operands)
        if symbol is None:
            self._refuse(node, _INSTEAD.get(type(operator)))
            return _NOTHING
        return Operation(symbol, read, self._place(node))

    def _comparison(self, node: ast.Compare) -> Expression:
        """Read ``a < b < c`` as ``(a < b) & (b < c)``: nothing is computed twice by it."""
        sides = [node.left, *node.comparators]
        place = self._place(node)
        pairs = [
            self._operation(operator, (sides[k], sides[k + 1]), node)
            for k, operator in enumerate(node.ops)
        ]
        whole = pairs[0]
        for pair in pairs[1:]:
            whole = Operation("&", (whole, pair), place)
        return whole

    def _call(self, node: ast.Call) -> Expression:
        operands = [self.expression(part) for part in node.args]
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        form = FUNCTIONS.get(name)
        if form is None:
            bare = name.rpartition(".")[2]
            self.source.problem(
                self._place(node.func), f"no function {name!r}; {choice(bare, FUNCTIONS)}"
            )
            return _NOTHING
        want = len(form.takes)
        if node.keywords or (len(operands) < want or (len(operands) > want and not form.repeats)):
            count = f"at least {want}" if form.repeats else str(want)
            values = "value" if want == 1 else "values"
            got = len(operands) + len(node.keywords)
            self.source.problem(
                self._place(node), f"expected {count} {values} for {name}, got {got}"
                + (" by keyword" if node.keywords else ""),
            )  # fmt: skip
            return _NOTHING
        place = self._place(node)
        whole = Operation(name, tuple(operands[:want]), place)
        for operand in operands[want:]:
            whole = Operation(name, (whole, operand), place)
        return whole

    def _refuse(self, node: ast.AST, instead: str | None = None) -> None:
        what = ast.unparse(node).splitlines()[0]
        hint = instead or _INSTEAD.get(type(node), _OTHERWISE)
        self.source.problem(self._place(node), f"{what!r} is not allowed; {hint}")

    def _place(self, node: ast.AST) -> Place:
        """Place of a node; columns of the parser count bytes."""
        at: Any = node
        line, start = at.lineno, at.col_offset
        text = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
        end = at.end_col_offset if at.end_lineno == line else len(text.encode())
        data = text.encode()
        return Place(line, len(data[:start].decode()), len(data[:end].decode()))


# Stands for what has been refused.
_NOTHING = Number(0, Place(1, 0, 0))
