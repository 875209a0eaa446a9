# SPDX-License-Identifier: Apache-2.0
"""The one way a kernel is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function on arrays and scalars with the flags all kernels share.

    No fast-math: sums keep the order they are written in, so a result is the same for
    every run and every machine with IEEE arithmetic (measured: it would save at most 5 %,
    since the update loops vectorize without it). nogil: callers may run kernels in Python
    threads. cache: the second process starts without compiling. With NUMBA_DISABLE_JIT=1
    the plain Python function runs.

    Kernels that call each other must stand in one file: the compile cache watches only the
    file of the outermost function and would miss a change elsewhere.
    """
    compiled: Function = numba.njit(
        function, nogil=True, cache=True, fastmath=False, error_model="numpy", boundscheck=False
    )
    return compiled
