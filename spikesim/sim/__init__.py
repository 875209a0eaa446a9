# SPDX-License-Identifier: Apache-2.0
"""The floating-point engine: lay out a network, step it, record it."""

from spikesim.sim.choice import explain
from spikesim.sim.engine import Simulator, simulate
from spikesim.sim.inputs import Poisson

__all__ = ["Poisson", "Simulator", "explain", "simulate"]
