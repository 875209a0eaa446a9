# SPDX-License-Identifier: Apache-2.0
"""The floating-point engine: lay out a network, drive it, step it, record it."""

from spikesim.recording import Rate, Trace, Weights
from spikesim.sim.explain import explain
from spikesim.sim.inputs import InhomogeneousPoisson, Poisson
from spikesim.sim.inputs.currents import NoiseCurrent, Sinusoid, StepCurrent, TimedArray
from spikesim.sim.record.sink import MemorySink
from spikesim.sim.record.sink_hdf5 import HDF5Sink
from spikesim.sim.session import FloatSession
from spikesim.sim.simulator import Simulator, simulate

__all__ = [
    "HDF5Sink",
    "InhomogeneousPoisson",
    "MemorySink",
    "NoiseCurrent",
    "Poisson",
    "Rate",
    "FloatSession",
    "Simulator",
    "Sinusoid",
    "StepCurrent",
    "TimedArray",
    "Trace",
    "Weights",
    "explain",
    "simulate",
]
