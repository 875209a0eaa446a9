# SPDX-License-Identifier: Apache-2.0
"""Kernels together with their arguments, callable by address from compiled code.

The step loop knows nothing but addresses, so a network of any models and rules runs without
compiling anything for that network: each kernel is compiled once and kept on disk.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from spikesim.kernels.generated import load_generated

_HEADER = '''# SPDX-License-Identifier: Apache-2.0
"""Generated: {name} with its arguments taken from a context."""
import numpy as np
from numba import carray, types
from spikesim.kernels.compiled import entry_point
from spikesim.kernels.intrinsics import as_float, pointer
from {module} import {name} as kernel


@entry_point("void(int64, int64)", error_model="numpy")
def entry(context, tick):
    c = carray(pointer(context), {size}, types.int64)
    kernel(tick, {arguments})
'''


_Form = tuple[str, int, "np.dtype[Any] | None"]
"""Kind of an argument; its value, if it is compiled in, or its axes; its type."""


@dataclass(frozen=True)
class Literal:
    """An integer argument that is compiled in, for shifts and masks in the innermost loop."""

    value: int


@dataclass(frozen=True, eq=False)
class Bound:
    """A kernel and its arguments.

    Attributes
    ----------
    function : compiled kernel ``f(tick, *args)``
    args : tuple
        Arrays, ints, floats. The arrays are kept alive, and read and changed in place.
    context : int64 array
        The arguments as compiled code reads them.
    address : int
        Of the C function ``void f(int64 context, int64 tick)``; 0 without compiler.
    """

    function: Callable[..., None]
    args: tuple[Any, ...]
    context: np.ndarray
    address: int

    def __call__(self, tick: int) -> None:
        """Run the kernel for one tick."""
        self.function(tick, *self.args)


def bind(function: Any, *args: Any) -> Bound:
    """Capture the arguments of a kernel ``f(tick, *args)``.

    Parameters
    ----------
    function : kernel
        Made by ``kernels.jit.kernel``; returns nothing.
    *args : array, int, float, NumPy scalar or Literal
        Arrays must be C-contiguous; a NumPy scalar keeps its type, a Python int is an
        int64 and a Python float a float64.

    Returns
    -------
    Bound
    """
    plain = tuple(arg.value if isinstance(arg, Literal) else arg for arg in args)
    if numba.config.DISABLE_JIT:
        return Bound(function, plain, np.zeros(0, np.int64), 0)
    words: list[int] = []
    forms = tuple([_form(arg, words) for arg in args])
    context = np.array(words or [0], dtype=np.int64)
    return Bound(function, plain, context, _address(function, forms, context.size))


def program(items: list[Bound]) -> np.ndarray:
    """Addresses and contexts of bound kernels, int64 array of shape (k, 2) for ``advance``."""
    rows = [(item.address, item.context.ctypes.data) for item in items]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 2)


def _form(arg: Any, words: list[int]) -> _Form:
    """Put one argument into the context; gives what it is, whatever its value."""
    if isinstance(arg, Literal):
        return "literal", int(arg.value), None
    if isinstance(arg, np.ndarray):
        assert arg.flags.c_contiguous, "kernels take C-contiguous arrays"
        words += [arg.ctypes.data, *arg.shape]
        return "array", arg.ndim, arg.dtype
    if isinstance(arg, (float, np.floating)):
        words.append(int(np.array(arg, np.float64).view(np.int64)))
        return "float", 0, None if isinstance(arg, float) else arg.dtype
    if isinstance(arg, np.integer):
        words.append(int(arg.astype(np.int64)))
        return "integer", 0, arg.dtype
    assert isinstance(arg, (int, bool)), f"no kernel argument: {arg!r}"
    words.append(int(arg))
    return "int", 0, None


@functools.cache
def _address(function: Any, forms: tuple[_Form, ...], size: int) -> int:
    """Compile a kernel for arguments of some forms; kept, since a network binds it often."""
    texts, at = [], 0
    for kind, number, dtype in forms:
        name = "float64" if dtype is None else dtype.name
        if kind == "literal":
            texts.append(str(number))
            continue
        if kind == "array":
            shape = "".join(f"c[{at + 1 + axis}], " for axis in range(number))
            texts.append(f"carray(pointer(c[{at}]), ({shape}), types.{name})")
        elif kind == "float":
            texts.append(f"np.{name}(as_float(c[{at}]))")
        else:
            texts.append(f"np.{name}(c[{at}])" if kind == "integer" else f"c[{at}]")
        at += 1 + number
    text = _HEADER.format(
        module=function.__module__, name=function.__name__, size=size, arguments=", ".join(texts)
    )
    return int(load_generated(text).entry.address)
