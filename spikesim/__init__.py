# SPDX-License-Identifier: Apache-2.0
"""One spiking network, many engines: simulate, train, quantize, run on an FPGA, bit for bit.

Names listed in ``__all__`` are loaded on first use, so ``import spikesim`` stays far below half a
second and never loads torch, numba or matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikesim.core import LIF as LIF
    from spikesim.core import Clock as Clock
    from spikesim.core import CsrRows as CsrRows
    from spikesim.core import Recording as Recording
    from spikesim.core import SpikeTrains as SpikeTrains
    from spikesim.engines import explain as explain
    from spikesim.engines import run as run
    from spikesim.errors import SpikesimError as SpikesimError
    from spikesim.errors import ValidationError as ValidationError
    from spikesim.network import Network as Network
    from spikesim.network import Population as Population
    from spikesim.network import Projection as Projection
    from spikesim.sim import Poisson as Poisson
    from spikesim.sim import simulate as simulate

__version__ = "0.1.0"

# Public name -> module that defines it.
_EXPORTS = {
    "run": "spikesim.engines",
    "explain": "spikesim.engines",
    "Network": "spikesim.network",
    "Population": "spikesim.network",
    "Projection": "spikesim.network",
    "LIF": "spikesim.core",
    "Clock": "spikesim.core",
    "CsrRows": "spikesim.core",
    "SpikeTrains": "spikesim.core",
    "Recording": "spikesim.core",
    "Poisson": "spikesim.sim",
    "simulate": "spikesim.sim",
    "SpikesimError": "spikesim.errors",
    "ValidationError": "spikesim.errors",
}

# Packages reachable as attributes without an import statement of their own.
_SUBPACKAGES = frozenset({"core", "data", "fixed", "hw", "network", "nn", "sim", "units", "viz"})

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    """Load a public name or a sub-package when it is first asked for."""
    if name in _EXPORTS:
        value = getattr(importlib.import_module(_EXPORTS[name]), name)
        globals()[name] = value
        return value
    if name in _SUBPACKAGES:
        return importlib.import_module(f"spikesim.{name}")
    raise AttributeError(f"module 'spikesim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBPACKAGES])
