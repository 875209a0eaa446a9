# SPDX-License-Identifier: Apache-2.0
"""What numba compiled, kept between processes in files that are checked before they run.

numba's own cache believes its files: a wrong bit in one ends the process or changes results, and
a full disk ends the run. This takes its place behind the interface that numba's dispatchers know.
One file holds one signature, and its name says all that its code depends on, so there is no index
to get out of step, and processes that write the same file at once write the same.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import sigutils
from numba.core.caching import _Cache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from spikesim.kernels.cache import cache_folder, load_code, save_code

Function = TypeVar("Function", bound=Callable[..., Any])


class KernelCache(_Cache):
    """Keeps the compiled signatures of one function.

    Parameters
    ----------
    function : function
        As it was before compiling.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._enabled = function, True

    @property
    def cache_path(self) -> str:
        """Folder, as numba's statistics show it."""
        return str(cache_folder())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Compiled code of a signature; None if it has to be compiled."""
        target_context.refresh()
        name = self._name(sig, target_context.codegen())
        code = load_code(name) if self._enabled and name is not None else None
        return None if code is None else CompileResult._rebuild(target_context, *pickle.loads(code))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, unless it holds addresses of this process."""
        lasting = not data.library.has_dynamic_globals and all(x.can_cache for x in data.lifted)
        name = self._name(sig, data.codegen)
        if self._enabled and lasting and name is not None:
            save_code(name, dumps(data._reduce()))

    def enable(self) -> None:
        """Load and keep from now on."""
        self._enabled = True

    def disable(self) -> None:
        """Neither load nor keep from now on."""
        self._enabled = False

    def flush(self) -> None:
        """Do nothing: what is compiled anew replaces what was kept."""

    def _name(self, sig: Any, codegen: Any) -> str | None:
        """Name of a file that says all its code depends on; None where that is not known."""
        function = self._function
        source = _source(function.__code__.co_filename)
        if source is None:
            return None
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
        depends = (
            function.__module__, function.__qualname__, function.__code__.co_firstlineno, source,
            str(sig), codegen.magic_tuple(), dumps(closure) if closure else b"",
        )  # fmt: skip
        key = hashlib.blake2b(repr(depends).encode(), digest_size=12).hexdigest()
        return f"{function.__name__}-{key}.code"


def compiled(function: Function, **flags: Any) -> Function:
    """Compile a function when it is called, once for all processes; flags are those of numba."""
    made = numba.njit(function, **flags)
    if not numba.config.DISABLE_JIT:
        made._cache = KernelCache(function)
    return made  # type: ignore[no-any-return]  # numba has no types


def entry_point(signature: str, **flags: Any) -> Callable[[Callable[..., Any]], CFunc]:
    """Compile the decorated function to one that C calls by its ``address``, as above."""

    def compile_now(function: Callable[..., Any]) -> CFunc:
        made: Any = CFunc(
            function, sigutils.normalize_signature(signature), locals={}, options=flags
        )
        made._cache = KernelCache(function)
        made.compile()
        return made  # type: ignore[no-any-return]  # numba has no types

    return compile_now


@functools.cache
def _source(place: str) -> str | None:
    """Digest of the file a function stands in; the name itself where it was generated."""
    if place.startswith("<spikesim_generated_"):
        return place  # that name is a digest of the text
    try:
        return hashlib.blake2b(Path(place).read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return None  # typed at a prompt
