# SPDX-License-Identifier: Apache-2.0
"""The one way a kernel is compiled."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from spikesim.kernels.compiled import compiled

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function on arrays and scalars with the flags all kernels share.

    No fast-math: sums keep the order they are written in, so a result is the same for
    every run and every machine with IEEE arithmetic (measured: it would save at most 5 %,
    since the update loops vectorize without it). nogil: callers may run kernels in Python
    threads. forceinline: a call passes seven words per array, up to 0.1 us for a kernel
    (measured: a network of 800 neurons takes 0.8 times as long; compiling, 1.2 times).
    The second process starts without compiling. With NUMBA_DISABLE_JIT=1 the plain Python
    function runs.

    Kernels that call each other must stand in one file: the compile cache watches only the
    file of the outermost function and would miss a change elsewhere.
    """
    return compiled(
        function, nogil=True, forceinline=True, fastmath=False, error_model="numpy",
        boundscheck=False,
    )  # fmt: skip


def _postpone_blas() -> None:
    """Load numba's array functions without scipy.linalg.

    numba imports it there only to learn whether there is a BLAS, and looks again where a function
    that needs one is compiled, which no kernel is. It took 0.2 of the 0.75 s (CPU) from the start
    of a process to the first tick.
    """
    linalg: Any = importlib.import_module("numba.np.linalg")
    look = getattr(linalg, "ensure_blas", None)
    if look is None or "scipy.linalg" in sys.modules:
        return

    def installed() -> None:
        if importlib.util.find_spec("scipy") is None:
            raise ImportError("scipy")

    linalg.ensure_blas = installed
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look


_postpone_blas()
