# SPDX-License-Identifier: Apache-2.0
"""Pictures of runs and the HTML report; the only place that uses matplotlib."""

from spikesim.viz.accuracy import accuracy
from spikesim.viz.activity import activity, receptive_fields, weight_histogram
from spikesim.viz.agreement import agreement
from spikesim.viz.confusion import confusion, confusion_matrix
from spikesim.viz.cycles import cycle_counts
from spikesim.viz.evidence import Evidence
from spikesim.viz.history import plot_history
from spikesim.viz.memory import memory_map, memory_use, weight_word_owners
from spikesim.viz.pictures import PICTURES, Picture
from spikesim.viz.raster import plot_raster, spike_raster
from spikesim.viz.report import write_report
from spikesim.viz.style import inline_svg, save_png
from spikesim.viz.traces import membrane_traces, plot_traces

__all__ = [
    "PICTURES",
    "Evidence",
    "Picture",
    "accuracy",
    "activity",
    "agreement",
    "confusion",
    "confusion_matrix",
    "cycle_counts",
    "inline_svg",
    "membrane_traces",
    "memory_map",
    "memory_use",
    "plot_history",
    "plot_raster",
    "plot_traces",
    "receptive_fields",
    "save_png",
    "spike_raster",
    "weight_histogram",
    "weight_word_owners",
    "write_report",
]
