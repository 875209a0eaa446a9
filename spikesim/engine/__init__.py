# SPDX-License-Identifier: Apache-2.0
"""The contract of all engines: make a network ready, open a session, run batches."""

from spikesim.engine.batch import Batch
from spikesim.engine.contract import Engine, Prepared, Session
from spikesim.engine.sources import EventSource, event_source
from spikesim.engine.variables import Variables

__all__ = [
    "Batch",
    "Engine",
    "EventSource",
    "Prepared",
    "Session",
    "Variables",
    "event_source",
]
