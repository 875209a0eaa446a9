# SPDX-License-Identifier: Apache-2.0
"""From a network to integers on a core: compile, golden model, link, device, RTL runs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikesim.hw.compile import CompileResult as CompileResult
    from spikesim.hw.compile import Quantization as Quantization
    from spikesim.hw.compile import compile_network as compile_network
    from spikesim.hw.config import CoreConfig as CoreConfig
    from spikesim.hw.golden import GoldenCore as GoldenCore
    from spikesim.hw.program import Program as Program

# Public name -> module that defines it; loaded on first use, so a driver of a board pays for
# neither compiler nor models.
_EXPORTS = {
    "CompileResult": "spikesim.hw.compile",
    "CoreConfig": "spikesim.hw.config",
    "GoldenCore": "spikesim.hw.golden",
    "Program": "spikesim.hw.program",
    "Quantization": "spikesim.hw.compile",
    "compile_network": "spikesim.hw.compile",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'spikesim.hw' has no attribute {name!r}")
