# SPDX-License-Identifier: Apache-2.0
"""Every picture of the demo, by name, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from spikesim.core import SpikeTrains, decode
from spikesim.viz.accuracy import accuracy
from spikesim.viz.agreement import agreement
from spikesim.viz.confusion import confusion
from spikesim.viz.cycles import cycle_counts
from spikesim.viz.evidence import Evidence
from spikesim.viz.memory import memory_map
from spikesim.viz.raster import spike_raster
from spikesim.viz.traces import membrane_traces

_ENGINES = {
    "float": "float simulator",
    "golden": "integer golden model",
    "rtl": "RTL, virtual board",
}
_QUANTITIES = {
    "spikes": "spikes",
    "v": "membrane v",
    "i": "current i",
    "refr": "refractory counter",
    "acc": "accumulators",
    "count": "spike counters",
    "cycles": "clock cycles",
}


@dataclass(frozen=True)
class Picture:
    """One picture of the report.

    Attributes
    ----------
    name : str
        File name without suffix.
    title, caption : str
        Heading, and what to see.
    draw : callable
        Evidence to Figure.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Evidence], Figure]


def _accuracy(evidence: Evidence) -> Figure:
    right = {
        _ENGINES[name]: np.array(list(map(decode.accuracy, values, evidence.labels)))
        for name, values in evidence.predicted.items()
    }
    return accuracy(right, evidence.labels.shape[1])


def _agreement(evidence: Evidence) -> Figure:
    seeds = evidence.result["seeds"]
    rows = list(_QUANTITIES)
    bad = np.array([[s["mismatches"][row] for s in seeds] for row in rows])
    of = np.array([[s["compared"][row] for s in seeds] for row in rows])
    columns = [f"seed {s['seed']}" for s in seeds]
    return agreement(list(_QUANTITIES.values()), columns, bad, of)


def _confusion(evidence: Evidence) -> Figure:
    predicted = evidence.predicted["rtl"]
    # Few images need not show every class; the network may take one for any of them.
    n_classes = int(max(evidence.labels.max(), predicted.max())) + 1
    seeds = "RTL, all seeds" if len(evidence.labels) > 1 else "RTL"
    return confusion(evidence.labels, predicted, n_classes, seeds)


def _raster(evidence: Evidence) -> Figure:
    record = evidence.example_rtl
    names = {name: name for name in record.spikes}
    layers: dict[str, SpikeTrains] = {names[name]: record.spikes[name] for name in record.spikes}
    label = int(evidence.example_float.meta.get("label", -1))
    return spike_raster(layers, record.dt, evidence.image, f"Spikes of one image, digit {label}")


def _traces(evidence: Evidence) -> Figure:
    counts = evidence.example_rtl.counts(evidence.program.outputs[0])
    # Outputs that never fire tie at no spike: of these, the ones that stay nearest the threshold.
    # The rest are driven down to the integer rail, which would set the scale of the picture.
    closest = evidence.trace_float.mean(axis=0)
    shown = np.sort(np.lexsort((-closest, -counts))[:3])
    title = "Membranes of the three leading outputs"
    return membrane_traces(
        evidence.trace_float[:, shown], evidence.trace_fixed[:, shown],
        [f"output {k}" for k in shown], evidence.example_rtl.dt, title=title,
        apart=_first_difference(evidence),
    )  # fmt: skip


def _first_difference(evidence: Evidence) -> int | None:
    """First tick in which float simulator and RTL spike differently anywhere."""
    a, b = evidence.example_float, evidence.example_rtl
    differ = np.zeros(b.steps, dtype=bool)
    for name in b.spikes:
        differ |= (a.raster(name) != b.raster(name)).any(axis=1)
    return int(np.argmax(differ)) if differ.any() else None


def _cycles(evidence: Evidence) -> Figure:
    return cycle_counts(
        evidence.step_predicted, evidence.step_measured, evidence.image_predicted.ravel(),
        evidence.image_measured.ravel(), float(evidence.result["clock_hz"]),
    )  # fmt: skip


PICTURES = (
    Picture(
        "accuracy", "Accuracy per engine",
        "The same trained weights read three ways: floats, the integers of the golden model, and "
        "the Verilog core behind its serial port. Every held-out image ran on all three.",
        _accuracy,
    ),
    Picture(
        "agreement", "Agreement of RTL and golden model",
        "Every spike of every run, every state word after the last step of every image, and the "
        "clock cycles of every image. State words are read one by one for the first images of each "
        "seed and compared by the CRC-32 of their windows for the others. A spike counts as "
        "compared when a neuron could have fired: images × steps × neurons.",
        _agreement,
    ),
    Picture(
        "confusion", "Confusion on the RTL",
        "Counts over all seeds; each seed holds out a fifth of its own. Blue is right, "
        "orange-red is wrong, each scaled to its own largest count.",
        _confusion,
    ),
    Picture(
        "raster", "Spikes of one image",
        "Input as sent over the link, hidden layer and output as read back from the core. The "
        "output starts one tick after the hidden layer: a spike takes a tick from population to "
        "population.",
        _raster,
    ),
    Picture(
        "traces", "Membrane in float and fixed point",
        "Lines are the float simulator, circles the 18-bit integers of the core divided by their "
        "scale. Until a spike anywhere falls in another tick they differ by rounding only; "
        "from there on the two runs receive different input. Far below the threshold "
        "the integers stop at their rail.",
        _traces,
    ),
    Picture(
        "memory", "Memory map",
        "How full the core's memories are, and which projection owns each word of the weight "
        "memory. A row of weights begins on a word of its own.",
        lambda evidence: memory_map(evidence.program),
    ),
    Picture(
        "cycles", "Clock cycles, predicted and measured",
        "The cycle count is part of the contract: the golden model predicts it, the core counts "
        "it, and the two must be equal for every image.",
        _cycles,
    ),
)  # fmt: skip
