# SPDX-License-Identifier: Apache-2.0
"""Plain data shared by all packages; NumPy only."""

from spikesim.core.archive import read_archive, write_archive
from spikesim.core.clock import Clock
from spikesim.core.csr import CsrRows
from spikesim.core.model import NeuronModel
from spikesim.core.neuron import LIF
from spikesim.core.random import stream, stream_key
from spikesim.core.recording import Recording
from spikesim.core.rule import PlasticityRule
from spikesim.core.spikes import SpikeTrains

__all__ = [
    "LIF",
    "Clock",
    "CsrRows",
    "NeuronModel",
    "PlasticityRule",
    "Recording",
    "SpikeTrains",
    "read_archive",
    "stream",
    "stream_key",
    "write_archive",
]
