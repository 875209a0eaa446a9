# SPDX-License-Identifier: Apache-2.0
"""The floating-point engine: lay out a network, drive it, step it, record it."""

from spikesim.sim.choice import explain
from spikesim.sim.currents import NoiseCurrent, Sinusoid, StepCurrent, TimedArray
from spikesim.sim.engine import Simulator, simulate
from spikesim.sim.inputs import InhomogeneousPoisson, Poisson
from spikesim.sim.monitor import Rate, Trace, Weights
from spikesim.sim.session import Session
from spikesim.sim.sink import MemorySink
from spikesim.sim.sink_hdf5 import HDF5Sink

__all__ = [
    "HDF5Sink",
    "InhomogeneousPoisson",
    "MemorySink",
    "NoiseCurrent",
    "Poisson",
    "Rate",
    "Session",
    "Simulator",
    "Sinusoid",
    "StepCurrent",
    "TimedArray",
    "Trace",
    "Weights",
    "explain",
    "simulate",
]
