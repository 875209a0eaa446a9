# SPDX-License-Identifier: Apache-2.0
"""One spiking network, many engines: simulate, train, quantize, run on an FPGA, bit for bit.

Names listed in ``__all__`` are loaded on first use, so ``import spikesim`` stays far below half a
second and never loads torch, numba or matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikesim.core import Clock as Clock
    from spikesim.core import CsrRows as CsrRows
    from spikesim.core import SpikeTrains as SpikeTrains
    from spikesim.engines import explain as explain
    from spikesim.engines import prepare as prepare
    from spikesim.engines import run as run
    from spikesim.errors import SpikesimError as SpikesimError
    from spikesim.errors import ValidationError as ValidationError
    from spikesim.learning import PlasticityRule as PlasticityRule
    from spikesim.network import Network as Network
    from spikesim.network import Population as Population
    from spikesim.network import Projection as Projection
    from spikesim.neurons import LIF as LIF
    from spikesim.neurons import NeuronModel as NeuronModel
    from spikesim.neurons import ParametricModel as ParametricModel
    from spikesim.recording import Recording as Recording
    from spikesim.sim import InhomogeneousPoisson as InhomogeneousPoisson
    from spikesim.sim import NoiseCurrent as NoiseCurrent
    from spikesim.sim import Poisson as Poisson
    from spikesim.sim import Rate as Rate
    from spikesim.sim import Simulator as Simulator
    from spikesim.sim import Sinusoid as Sinusoid
    from spikesim.sim import StepCurrent as StepCurrent
    from spikesim.sim import TimedArray as TimedArray
    from spikesim.sim import Trace as Trace
    from spikesim.sim import Weights as Weights
    from spikesim.sim import simulate as simulate

__version__ = "0.1.0"

# Public name -> module that defines it.
_EXPORTS = {
    "run": "spikesim.engines",
    "explain": "spikesim.engines",
    "prepare": "spikesim.engines",
    "Network": "spikesim.network",
    "Population": "spikesim.network",
    "Projection": "spikesim.network",
    "LIF": "spikesim.neurons",
    "NeuronModel": "spikesim.neurons",
    "ParametricModel": "spikesim.neurons",
    "PlasticityRule": "spikesim.learning",
    "Clock": "spikesim.core",
    "CsrRows": "spikesim.core",
    "SpikeTrains": "spikesim.core",
    "Recording": "spikesim.recording",
    "Simulator": "spikesim.sim",
    "simulate": "spikesim.sim",
    "Poisson": "spikesim.sim",
    "InhomogeneousPoisson": "spikesim.sim",
    "StepCurrent": "spikesim.sim",
    "NoiseCurrent": "spikesim.sim",
    "Sinusoid": "spikesim.sim",
    "TimedArray": "spikesim.sim",
    "Trace": "spikesim.sim",
    "Rate": "spikesim.sim",
    "Weights": "spikesim.sim",
    "SpikesimError": "spikesim.errors",
    "ValidationError": "spikesim.errors",
}

# Packages reachable as attributes without an import statement of their own.
_SUBPACKAGES = frozenset(
    {
        "analysis", "convert", "core", "data", "engine", "engines", "fixed", "hw", "learning",
        "models", "network", "neurons", "nn", "recording", "sim", "units", "viz",
    }
)  # fmt: skip

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
