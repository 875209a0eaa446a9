# SPDX-License-Identifier: Apache-2.0
"""Kernels that are written by the program: text becomes a module."""

from __future__ import annotations

import hashlib
import linecache
import sys
import threading
from types import ModuleType

_PREFIX = "spikesim_generated_"
# A module is listed before it has run: another thread must not take it half made.
_LOADING = threading.RLock()


def load_generated(text: str) -> ModuleType:
    """Make a module of generated source; its name follows from the text.

    Parameters
    ----------
    text : str
        Python source. Equal text gives the same module; the code of its kernels is kept between
        processes as long as text and kernel sources stay the same.

    Returns
    -------
    module
    """
    name = _PREFIX + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    with _LOADING:
        if name in sys.modules:
            return sys.modules[name]
        # No file: there is nothing to go wrong with. linecache shows the lines in tracebacks.
        place = f"<{name}>"
        linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
        module = ModuleType(name)
        module.__file__ = place
        sys.modules[name] = module
        try:
            exec(compile(text, place, "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
        return module
