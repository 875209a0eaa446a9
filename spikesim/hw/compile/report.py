# SPDX-License-Identifier: Apache-2.0
"""A pass: what compiling lost and what it needs, the floats that a ``Program`` must not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spikesim.data.provenance import Provenance
from spikesim.fixed.quantize import QuantizedPopulation
from spikesim.hw.compile.calibrate import Calibration
from spikesim.hw.compile.check import lif_of
from spikesim.hw.compile.compilation import Compilation, made
from spikesim.hw.generated import DECAY_ONE
from spikesim.network import Network, Population

if TYPE_CHECKING:
    from spikesim.hw.timing import RunTime


@dataclass(frozen=True)
class LayerReport:
    """One population before and after quantization.

    Attributes
    ----------
    name : str
    n, synapses : int
        Neurons and synapses that end on them.
    scale_min, scale_max : float
        Codes per unit of membrane, over its neurons.
    gain_shift : int
    weight_error_max, weight_error_rms : float
        Weight after quantization minus before, relative to the largest weight.
    threshold_error_max : float
        Relative error of the threshold.
    decay_error : float
        Largest error of the two decay factors.
    acc_bound : int
        Largest accumulator code if every source fired at once.
    """

    name: str
    n: int
    synapses: int
    scale_min: float
    scale_max: float
    gain_shift: int
    weight_error_max: float
    weight_error_rms: float
    threshold_error_max: float
    decay_error: float
    acc_bound: int


@dataclass(frozen=True)
class CompileReport:
    """Everything worth knowing about one compilation.

    Attributes
    ----------
    program_text : str
        Memory, rows, groups and cycles, see ``Program.report``.
    layers : tuple of LayerReport
    scales : mapping of str to float64 array, shape (n,)
        Codes per unit of membrane: ``v_fx = v * scale``.
    warnings : tuple of str
    calibration : Calibration or None
    time : RunTime or None
        How long a step takes, and a run if its length is known.
    """

    program_text: str
    layers: tuple[LayerReport, ...]
    scales: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    calibration: Calibration | None = None
    time: RunTime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything but the scales, in a form that JSON can hold."""
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "warnings": list(self.warnings),
            "calibration": asdict(self.calibration) if self.calibration else None,
            "time": self.time.to_dict() if self.time else None,
        }

    def __str__(self) -> str:
        wide = max([10, *(len(layer.name) for layer in self.layers)])
        lines = [
            self.program_text, "",
            "quantization (errors of weights relative to the largest)",
            f"  {'population':<{wide}}{'n':>5}{'synapses':>10}{'codes per unit':>15}{'shift':>6}"
            f"{'w max':>8}{'w rms':>8}{'v_th':>8}{'decay':>8}",
        ]  # fmt: skip
        for layer in self.layers:
            ends = (layer.scale_min, layer.scale_max)
            span = "..".join(f"{x:.0f}" if x >= 1000 else f"{x:.4g}" for x in ends)
            errors = (
                layer.weight_error_max, layer.weight_error_rms, layer.threshold_error_max,
                layer.decay_error,
            )  # fmt: skip
            lines.append(
                f"  {layer.name:<{wide}}{layer.n:>5}{layer.synapses:>10} {span:>14}"
                f"{layer.gain_shift:>6}" + "".join(f"{error:>8.1e}" for error in errors)
            )
        if self.calibration is not None:
            c = self.calibration
            lines.append(
                f"samples: at most {c.events_per_step} input spikes a step, "
                f"{c.cycles_mean:.0f} cycles a step on average, {c.cycles_max} at most"
            )
            lines += [
                f"  {name}: membrane reaches {peak} of {c.rail}"
                + (
                    f", gain shift lowered to {c.gain_shifts[name]}"
                    if name in c.gain_shifts
                    else ""
                )
                for name, peak in c.peaks.items()
            ]
        if self.time is not None:
            lines.append(str(self.time))
        lines += [f"warning: {text}" for text in self.warnings]
        return "\n".join(lines)


def summarize(compilation: Compilation) -> Compilation:
    """Compare the integers with the network they stand for, and tell what a run takes."""
    from spikesim.hw.timing import RunTime  # knows the link, which the compiler else does not load

    net, found = compilation.net, compilation.calibration
    program = made(compilation.program, "allocate")
    quantized = made(compilation.quantized, "quantize")
    trained = Provenance.from_meta(net.meta)
    steps = compilation.steps or (found.steps if found is not None else None)
    if steps is None and trained is not None:
        steps = trained.steps + program.latency
    time = RunTime.expected(
        program,
        steps,
        cycles_per_step=None if found is None else found.cycles_mean,
        events_per_step=None if found is None else found.events_mean,
    )
    report = CompileReport(
        program_text=program.report(),
        layers=tuple(_layer(net, net.populations[name], q) for name, q in quantized.items()),
        scales={name: q.scale for name, q in quantized.items()},
        warnings=compilation.warnings,
        calibration=found,
        time=time,
    )
    return replace(compilation, report=report)


def _layer(net: Network, population: Population, q: QuantizedPopulation) -> LayerReport:
    neuron = lif_of(population)
    values = neuron.arrays(population.n)
    largest, worst, squares, count = 0.0, 0.0, 0.0, 0
    for projection, codes in zip(net.incoming(population), q.weights, strict=True):
        targets = projection.rows.targets
        exact = projection.rows.weights.astype(np.float64) * values["gain"][targets]
        error = codes / q.weight_scale[targets] - exact
        largest = max(largest, float(np.abs(exact).max(initial=0.0)))
        worst = max(worst, float(np.abs(error).max(initial=0.0)))
        squares += float(np.square(error).sum())
        count += error.size
    unit = largest or 1.0
    # The stored threshold is one code higher for "fires above"; that is no error.
    threshold = np.abs((q.v_th - int(neuron.strict)) / q.scale - values["v_th"])
    relative = threshold / np.maximum(np.abs(values["v_th"]), np.finfo(float).tiny)
    decays = [abs(float(values["beta"][0]) - q.beta / DECAY_ONE)]
    decays.append(abs(float(values["alpha"][0]) - q.alpha / DECAY_ONE))
    return LayerReport(
        name=population.name,
        n=population.n,
        synapses=count,
        scale_min=float(q.scale.min()),
        scale_max=float(q.scale.max()),
        gain_shift=q.gain_shift,
        weight_error_max=worst / unit,
        weight_error_rms=float(np.sqrt(squares / max(1, count))) / unit,
        threshold_error_max=float(np.where(values["v_th"] == 0, 0.0, relative).max()),
        decay_error=max(decays),
        acc_bound=q.acc_bound,
    )
