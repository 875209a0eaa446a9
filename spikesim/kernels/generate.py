# SPDX-License-Identifier: Apache-2.0
"""From the update of one neuron, as text, to a compiled loop over a population."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikesim.kernels.generated import load_generated

_FUNCTIONS = {"exp": "exp", "sqrt": "math.sqrt", "abs": "abs"}
_TEXT = '''# SPDX-License-Identifier: Apache-2.0
"""Generated: update of one neuron model."""
import math

import numpy as np
from spikesim.kernels.elementary import {exp} as exp
from spikesim.kernels.jit import kernel


@kernel
def update(tick, start_tick, slots, stride, acc, flags{arguments}):
    n = flags.size
    shift = (tick & (slots - 1)) * stride
{views}
    if tick < start_tick:
        flags[:] = 0
{freeze}
        return
    for k in range(n):
{loads}
{body}
{stores}
        flags[k] = spike
{clear}
'''


def update_kernel(
    template: str,
    states: Sequence[str],
    counters: Sequence[str],
    n_receptors: int,
    constants: Mapping[str, Any],
    dtype: str,
) -> Any:
    """Compile the update of a neuron model for a population.

    Parameters
    ----------
    template : str
        See ``neurons.NeuronModel.template``.
    states, counters : sequences of str
        Float and int32 state variables.
    n_receptors : int
        Inputs ``in_0`` … of the template.
    constants : mapping of str to scalar or array
        Only kind and rank matter here: float or int, one for all or one per neuron.
    dtype : {"float32", "float64"}
        Type of all floats.

    Returns
    -------
    kernel
        ``update(tick, start_tick, slots, stride, acc, flags, base_0, scale_0, …, *states,
        *counters, *constants)``. Input r of neuron k is
        ``acc[(tick mod slots) * stride + base_r + k] * scale_r``, which is cleared.
        ``flags`` (uint8) is 1 where a neuron fires.

    Raises
    ------
    SyntaxError
        If the template is not in the language that ``template`` documents.
    """
    return load_generated(
        update_text(template, states, counters, n_receptors, constants, dtype)
    ).update


def update_text(
    template: str,
    states: Sequence[str],
    counters: Sequence[str],
    n_receptors: int,
    constants: Mapping[str, Any],
    dtype: str,
) -> str:
    """Source of the kernel that ``update_kernel`` compiles."""
    forms = []
    for name, value in constants.items():
        array = np.asarray(value)
        forms.append((name, "f" if array.dtype.kind == "f" else "i", array.ndim > 0))
    return _text(template, tuple(states), tuple(counters), n_receptors, tuple(forms), dtype)


@functools.cache
def _text(
    template: str,
    states: tuple[str, ...],
    counters: tuple[str, ...],
    n_receptors: int,
    forms: tuple[tuple[str, str, bool], ...],
    dtype: str,
) -> str:
    """Write the source; ``forms`` are name, kind, and one value per neuron of each constant."""
    inputs = [f"in_{r}" for r in range(n_receptors)]
    kinds = dict.fromkeys([*states, *inputs], "f") | dict.fromkeys(counters, "i")
    kinds |= {name: kind for name, kind, _ in forms}
    per_neuron = [name for name, _, many in forms if many]
    real = f"np.{dtype}"
    body = ast.unparse(_Typed(kinds, real).visit(ast.parse(template)))
    arguments = [f"base_{r}, scale_{r}" for r in range(n_receptors)]
    held = [*states, *counters]
    arguments += [f"all_{name}" for name in held]
    arguments += [f"all_{name}" if many else name for name, _, many in forms]
    loads = [f"{name} = {real}(acc_{r}[k]) * scale_{r}" for r, name in enumerate(inputs)]
    loads += [f"{name} = all_{name}[k]" for name in [*held, *per_neuron]]
    # Slices of known length let the compiler drop index checks and prove what overlaps.
    views = [
        f"acc_{r} = acc[shift + base_{r} : shift + base_{r} + n]" for r in range(n_receptors)
    ] or ["pass"]
    clear = [f"acc_{r}[k] = 0" for r in range(n_receptors)] or ["pass"]
    freeze = [f"acc_{r}[:] = 0" for r in range(n_receptors)] or ["pass"]
    return _TEXT.format(
        exp=f"exp_{dtype}",
        arguments="".join(f", {text}" for text in arguments),
        views=_indent(views, 1),
        clear=_indent(clear, 2),
        freeze=_indent(freeze, 2),
        loads=_indent(loads, 2),
        body=_indent(body.splitlines(), 2),
        stores=_indent([f"all_{name}[k] = {name}" for name in held], 2),
    )


def _indent(lines: Sequence[str], depth: int) -> str:
    return "\n".join("    " * depth + line for line in lines)


class _Typed(ast.NodeTransformer):
    """Give literals the type of what they meet: one float64 would widen a whole loop."""

    def __init__(self, kinds: dict[str, str], real: str) -> None:
        self.kinds, self.real = kinds, real

    def kind(self, node: ast.AST) -> str:
        """``f`` float, ``i`` integer, ``b`` bool, ``?`` a literal that takes any type."""
        if isinstance(node, ast.Constant):
            return "f" if isinstance(node.value, float) else "?"
        if isinstance(node, ast.Name):
            if node.id not in self.kinds:
                raise SyntaxError(f"neuron template: unknown name {node.id!r}")
            return self.kinds[node.id]
        if isinstance(node, ast.Compare):
            return "b"
        if isinstance(node, ast.Call):
            found = [self.kind(arg) for arg in node.args]
            name = getattr(node.func, "id", "")
            return "f" if name in ("exp", "sqrt") or "f" in found else found[0]
        if isinstance(node, ast.IfExp):
            found = [self.kind(node.body), self.kind(node.orelse)]
        elif isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Div):
                return "f"
            found = [self.kind(node.left), self.kind(node.right)]
        elif isinstance(node, ast.UnaryOp):
            found = [self.kind(node.operand)]
        else:
            raise SyntaxError(f"neuron template: {ast.unparse(node)!r} is not allowed")
        return "f" if "f" in found else next((k for k in found if k != "?"), "?")

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Assign and remember what kind the new name has."""
        if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            raise SyntaxError(f"neuron template: {ast.unparse(node)!r} is not allowed")
        name = node.targets[0].id
        kind = self.kind(node.value)
        want = "f" if kind == "f" or self.kinds.get(name) == "f" else "i"
        node.value = self.typed(node.value, want)
        self.kinds[name] = kind if kind == "b" else self.kinds.get(name, want)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Refuse every other statement."""
        if isinstance(node, ast.Module):
            return super().generic_visit(node)
        raise SyntaxError(f"neuron template: {ast.unparse(node)!r} is not allowed")

    def typed(self, node: Any, want: str) -> Any:
        """Rewrite an expression whose literals take the type ``want`` where they can."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool):
                return node
            cast = self.real if want == "f" else "np.int32"
            return ast.parse(f"{cast}({node.value!r})", mode="eval").body
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            inner = "f" if any(self.kind(side) == "f" for side in sides) else "i"
            node.left = self.typed(node.left, inner)
            node.comparators = [self.typed(side, inner) for side in node.comparators]
        elif isinstance(node, ast.IfExp):
            node.test = self.typed(node.test, "i")
            node.body, node.orelse = self.typed(node.body, want), self.typed(node.orelse, want)
        elif isinstance(node, ast.BinOp):
            inner = "f" if self.kind(node) == "f" else want
            node.left, node.right = self.typed(node.left, inner), self.typed(node.right, inner)
        elif isinstance(node, ast.UnaryOp):
            node.operand = self.typed(node.operand, want)
        elif isinstance(node, ast.Call):
            return self._call(node, want)
        return node

    def _call(self, node: ast.Call, want: str) -> ast.AST:
        name = getattr(node.func, "id", "")
        inner = "f" if self.kind(node) == "f" else want
        args = [self.typed(arg, inner) for arg in node.args]
        if name in ("min", "max") and len(args) == 2:
            # As a select: the builtins branch, which keeps the loop from being vectorized.
            a, b = (ast.unparse(arg) for arg in args)
            sign = "<" if name == "min" else ">"
            return ast.parse(f"(({a}) if ({a}) {sign} ({b}) else ({b}))", mode="eval").body
        if name not in _FUNCTIONS:
            raise SyntaxError(f"neuron template: no function {name!r}")
        return ast.parse(
            f"{_FUNCTIONS[name]}({', '.join(ast.unparse(arg) for arg in args)})", mode="eval"
        ).body
