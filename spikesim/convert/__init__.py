# SPDX-License-Identifier: Apache-2.0
"""Networks of other frameworks as networks of this one, and back.

Names are loaded on first use, so that a framework has to be installed only where it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikesim.convert.ann import Converted as Converted
    from spikesim.convert.ann import convert as convert

# Public name -> module that defines it.
_EXPORTS = {
    "Converted": "spikesim.convert.ann",
    "convert": "spikesim.convert.ann",
}

__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_EXPORTS))
