# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind, the same for every engine: in memory, in files, for other tools."""

from spikesim.recording.items import Rate, Trace, Weights
from spikesim.recording.recording import Recording
from spikesim.recording.request import Item, Monitor, Monitors, Recordable, parse_record

__all__ = [
    "Item",
    "Monitor",
    "Monitors",
    "Rate",
    "Recordable",
    "Recording",
    "Trace",
    "Weights",
    "parse_record",
]
