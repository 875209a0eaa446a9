# SPDX-License-Identifier: Apache-2.0
"""Plain data shared by all packages; NumPy only."""

from spikesim.core.archive import Content, read_archive, write_archive
from spikesim.core.clock import Clock
from spikesim.core.csr import CsrRows
from spikesim.core.random import stream, stream_key
from spikesim.core.spikes import SpikeTrains

__all__ = [
    "Clock",
    "Content",
    "CsrRows",
    "SpikeTrains",
    "read_archive",
    "stream",
    "stream_key",
    "write_archive",
]
