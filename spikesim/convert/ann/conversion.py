# SPDX-License-Identifier: Apache-2.0
"""From a trained artificial net to spikes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, fx

from spikesim import nn
from spikesim.convert.ann.calibration import (
    batches_of,
    check_batch_axis,
    check_output,
    check_same,
)
from spikesim.convert.ann.core import on_core
from spikesim.convert.ann.correcting import room, run_corrected
from spikesim.convert.ann.measuring import Batch, Measured, measure, sequence
from spikesim.convert.ann.output import with_output_neurons
from spikesim.convert.ann.reading import AnnGraph, read
from spikesim.convert.ann.refining import REFINEMENTS, second_start
from spikesim.convert.ann.report import Report
from spikesim.convert.ann.spiking import binary, for_core, signed, spiking
from spikesim.convert.ann.thresholds import Activity, observe
from spikesim.convert.ann.tuning import TunedBlock, tune
from spikesim.convert.ann.watching import watched
from spikesim.errors import ValidationError

Neuron = Literal["binary", "signed"]
Output = Literal["sum", "spikes"]
Refinement = Literal["offset", "srp"]
_NEURONS = {"binary": binary, "signed": signed}
_LEAST, _QCFS = "least squares", "QCFS"
_RULES: tuple[float | str, ...] = (99.0, 99.9, 100.0, _LEAST)
_TUNED = 16
"""Calibration samples, at least, that a net can be fine-tuned on."""
_JUDGED = 256
"""Calibration samples, at most, by which start values and a rule of thresholds are chosen."""


@dataclass(frozen=True)
class Converted:
    """A spiking net, and how well it stands for the one that it was made of.

    Attributes
    ----------
    net : torch.fx.GraphModule
        For `nn.run`, with the same input in every tick. Its output, summed over ticks, is what
        `scores` reads.
    report : Report
    steps : int
        Ticks T that it was made for.
    head : torch.nn.Module or None
        A softmax, which is applied to the mean over all ticks.
    factor, offset : float
        By which the mean output is multiplied, and what is taken off; 1 and 0 for a sum.
    refine : {"offset", "srp"} or None
        What a second run makes of the first.
    """

    net: fx.GraphModule
    report: Report
    steps: int
    head: torch.nn.Module | None = None
    factor: float = 1.0
    offset: float = 0.0
    refine: Refinement | None = None

    def scores(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Give what the artificial net would for input (B, ...), from a run of T ticks."""
        n = self.steps if steps is None else steps
        with torch.no_grad():
            start = second_start(self.net, self.steps, self.refine)(x)
            out, _ = nn.run(self.net, sequence(x, n), start)
            return self.read_out(out.sum(0), n)

    def read_out(self, total: Tensor, steps: int) -> Tensor:
        """Scores from the sum of the output over ticks."""
        mean = total / steps * self.factor - self.offset
        return mean if self.head is None else self.head(mean)


def convert(
    ann: torch.nn.Module,
    calibration: Any,
    *,
    steps: int | None = None,
    neuron: Neuron = "binary",
    thresholds: float | str | None = None,
    correct: bool = True,
    refine: Refinement | None = None,
    fine_tune: int = 0,
    output: Output = "sum",
    test: Any = None,
    batch_size: int = 128,
) -> Converted:
    """Make spikes of a trained net: neurons of its activations, the same weights between them.

    The forward method is traced (torch.fx), batch normalization folded, and every call of an
    activation becomes a population of integrate-and-fire neurons that start at half their
    threshold. A spike stands for the threshold, which is one per channel. The input is presented
    as it is in every tick; after T ticks a neuron has counted, at best, its activation in T
    levels. Max-pooling is of the counts so far. Both nets are run side by side for the report.

    Parameters
    ----------
    ann : torch.nn.Module
        In evaluation; it is left as it is. Activations: ReLU, ReLU6, Hardtanh(0, a), clamp(0, a),
        as modules, functions or methods, and `nn.QCFS`. Else what is linear, batch normalization,
        max-pooling, dropout, and a softmax at the end.
    calibration : tensor or array (N, ...), a pair with labels (N,), or batches of such
        Input of the kind it was trained on; a few hundred samples.
    steps : int, optional
        Ticks T to convert for; the levels of its QCFS by default, 32 for other nets.
    neuron : {"binary", "signed"}
        Spikes of 1, for `LIFLayer` and the core; or also of -1, which take back what was sent too
        early: about a quarter of the ticks.
    thresholds : float or "least squares", optional
        Percentile of the values of each channel, such as 99.9, or the threshold whose T levels
        are nearest to them. By default what gives the smallest error on calibration data. QCFS
        has its own.
    correct : bool
        Add to the start value of a channel what it counts too little on calibration data, layer
        after layer, if that makes the error of the output smaller. Not of the first neurons, whose
        input is the same in every tick: they count their activation in T levels.
    refine : {"offset", "srp"}, optional
        Run twice, the second time knowing how the first one ended: with start values that make up
        for a spike too few or too many, or with neurons silent that sent too many.
    fine_tune : int
        Steps, some 200, by which the weights of each block behind the first neurons are trained,
        on the calibration data, until its spikes count what the artificial net gives. Three of four
        samples are learned from; ``report.tuned`` tells before and after on the fourth. For few
        ticks, and with some hundreds of samples at least.
    output : {"sum", "spikes"}
        What the net gives in a tick: scores, to be summed; or spikes of output neurons, which can
        be exported whole. Neurons then have one threshold and start value, as the core keeps them,
        and corrections come in equal parts in every tick.
    test : as calibration, with labels, optional
        What is judged on; the calibration data by default.
    batch_size : int
        Samples that are run at once.

    Returns
    -------
    Converted
        Net and report. A warning is given where less than 95 % of classes agree.

    Raises
    ------
    ConversionError
        With everything in the net that has no counterpart in spikes, a line each.
    ValidationError
        For a net in training, data that are empty, not finite, of another shape or without the
        labels that were asked for, or unknown options.

    Examples
    --------
    >>> ann = torch.nn.Sequential(torch.nn.Linear(1, 2, bias=False), torch.nn.ReLU()).eval()
    >>> _ = ann[0].weight.data.copy_(torch.tensor([[1.0], [0.5]]))
    >>> made = convert(ann, torch.tensor([[1.0], [0.75]]), steps=4, thresholds=100.0)
    >>> made.scores(torch.tensor([[0.75]])).tolist()
    [[0.75, 0.375]]
    """
    ann = getattr(ann, "_orig_mod", ann)  # of torch.compile
    if steps is None:
        steps = max((m.levels for m in ann.modules() if isinstance(m, nn.QCFS)), default=32)
    _check_options(ann, steps, neuron, thresholds, refine, output, batch_size, fine_tune)
    device = next((p.device for p in ann.parameters()), torch.device("cpu"))
    data = batches_of("calibration", calibration, batch_size, device)
    judged = data if test is None else batches_of("test", test, batch_size, device)
    if test is not None and judged[0][1] is None:
        raise ValidationError("test: expected labels with the samples, test=(images, labels)")
    check_output(ann, data)
    with torch.no_grad():
        graph = read(ann, data[0][0])
        scores = graph.module(data[0][0])
        found = scores if graph.head is None else graph.head(scores)
        check_same(type(ann).__name__, ann(data[0][0].clone()), found)
    check_batch_axis(graph, data[0][0])
    offset = with_output_neurons(graph, [x for x, _ in data]) if output == "spikes" else None
    if fine_tune and sum(len(x) for x, _ in data) < _TUNED:
        raise ValidationError(
            f"convert: expected {_TUNED} samples or more for fine_tune; give some hundreds"
        )
    made = _Conversion(graph, steps, neuron, data, offset, correct, refine, fine_tune)
    return made.best(thresholds, judged, "calibration data" if test is None else "test data")


class _Conversion:
    """One net and its data, from which nets with other thresholds are made."""

    def __init__(
        self, graph: AnnGraph, steps: int, neuron: Neuron, data: list[Batch],
        offset: float | None, correct: bool, refine: Refinement | None, fine_tune: int,
    ) -> None:  # fmt: skip
        self.data, self.n_tuning = data, fine_tune
        self.graph, self.steps, self.neuron, self.refine = graph, steps, neuron, refine
        self.to_spikes, self.offset = offset is not None, offset or 0.0
        self.activity = observe(graph, [x for x, _ in data])
        self.shapes = {path: activity.shape for path, activity in self.activity.items()}
        self.corrected = self._uneven() if correct else set()
        largest = max(math.prod(shape) for shape in self.shapes.values())
        few = room(largest, steps, _JUDGED)
        self.x = torch.cat([x for x, _ in data[: -(-few // len(data[0][0]))]])[:few]
        self.wanted: dict[str, Tensor] = {}
        with torch.no_grad(), watched(graph.module, graph.activations, self._keep):
            self.scores = graph.module(self.x)

    def best(self, rule: float | str | None, judged: list[Batch], where: str) -> Converted:
        """Choose a rule where none was asked for, and report on the net that it gives."""
        rules = self._rules() if rule is None else (rule,)
        tried = {_name(one): (one, *self._made(one, self.corrected)) for one in rules}
        best = min(tried, key=lambda name: tried[name][2])
        if self.corrected:
            name, one = f"{best}, not corrected", tried[best][0]
            tried[name] = (one, *self._made(one, ()))
            best = min(best, name, key=lambda name: tried[name][2])
        rule, net, _ = tried[best]
        chosen = {name: error for name, (*_, error) in tried.items()}
        tuned = self._tuned(net, rule) if self.n_tuning else ()
        factor, start = self._factor(rule), second_start(net, self.steps, self.refine)
        measured = measure(
            self.graph, net, self.thresholds(rule), self.steps, judged, factor, start
        )
        report = self._report(measured, best, chosen, where, tuned, self._core(net))
        for text in report.warnings:
            warnings.warn(f"convert: {text}", stacklevel=3)
        return Converted(net, report, self.steps, self.graph.head, factor, self.offset, self.refine)

    def _keep(self, path: str, _: Tensor, out: Tensor) -> None:
        self.wanted[path] = out

    def _made(self, rule: float | str, correct: Collection[str]) -> tuple[fx.GraphModule, float]:
        """Give the net by a rule of thresholds, and the error of its output."""
        thresholds = self.thresholds(rule)
        core = self.to_spikes and self.neuron == "binary"
        make = for_core if core else _NEURONS[self.neuron]
        net = spiking(self.graph, self.shapes, thresholds, make, self.to_spikes)
        out = run_corrected(net, self.x, self.wanted, thresholds, correct, self.steps)
        apart = (out * self._factor(rule) - self.scores).square().sum()
        return net, float((apart / self.scores.square().sum()).sqrt())

    def _tuned(self, net: fx.GraphModule, rule: float | str) -> tuple[TunedBlock, ...]:
        x = torch.cat([x for x, _ in self.data])
        thresholds = self.thresholds(rule)
        return tune(self.graph, net, thresholds, self.steps, x, self.n_tuning)

    def _factor(self, rule: float | str) -> float:
        """By what the mean output is multiplied: spikes count thresholds."""
        return float(list(self.thresholds(rule).values())[-1][0]) if self.to_spikes else 1.0

    def _uneven(self) -> set[str]:
        """Neurons that need not count what their mean input says."""
        seeing = {str(node.target) for node in self.graph.seeing_spikes()}
        return {path for path in self.activity if path in seeing}

    def _is_qcfs(self, path: str) -> bool:
        return isinstance(self.graph.module.get_submodule(path), nn.QCFS)

    def thresholds(self, rule: float | str) -> dict[str, Tensor]:
        """Thresholds per channel of each activation."""
        found = {path: self._of(path, one, rule) for path, one in self.activity.items()}
        if self.to_spikes:  # counts of one scale, so that the largest is the class
            last = list(found)[-1]
            found[last] = found[last].max().expand_as(found[last]).clone()
        return found

    def _of(self, path: str, activity: Activity, rule: float | str) -> Tensor:
        module = self.graph.module.get_submodule(path)
        if isinstance(module, nn.QCFS):
            return torch.full_like(activity.largest, float(module.threshold.detach().abs()))
        if rule == _LEAST:
            return activity.least_squares(self.steps)
        assert isinstance(rule, float | int)
        return activity.percentile(float(rule))

    def _rules(self) -> tuple[float | str, ...]:
        return (_QCFS,) if all(map(self._is_qcfs, self.activity)) else _RULES

    def _report(
        self, measured: Measured, method: str, chosen: Mapping[str, float], where: str,
        tuned: tuple[TunedBlock, ...], core: tuple[str, ...],
    ) -> Report:  # fmt: skip
        layers = tuple(
            replace(layer, n_dead=int(self.activity[layer.path].dead.sum()))
            for layer in measured.layers
        )
        again = f", {self.n_tuning} steps of fine-tuning a block" if self.n_tuning else ""
        again += f", {self.refine} after a first run" if self.refine else ""
        return Report(
            f"{self.neuron} spikes, thresholds by {method}, T = {self.steps}{again}", chosen,
            measured.curve, measured.accuracy_ann, where, layers, measured.energy, core, tuned,
        )  # fmt: skip

    def _core(self, net: fx.GraphModule) -> tuple[str, ...]:
        found = []
        if self.neuron == "signed":
            found.append("spikes of -1 cannot be sent; convert with neuron='binary'")
        if self.refine:
            found.append("start values are of a first run of the sample; convert without refine")
        for path in self.graph.pools:
            found.append(f"{path}: counts of max-pooling are kept in no neuron; pool by average")
        if not self.to_spikes:
            found.append("the output is a sum, no spikes; convert with output='spikes'")
        return tuple(found) or on_core(net, self.x.shape[1:])


def _name(rule: float | str) -> str:
    return rule if isinstance(rule, str) else f"{rule:g} % of channel"


def _check_options(
    ann: torch.nn.Module,
    steps: int,
    neuron: str,
    thresholds: Any,
    refine: str | None,
    output: str,
    batch_size: int,
    fine_tune: int,
) -> None:
    problems = []
    if isinstance(ann, torch.jit.ScriptModule):
        problems.append(
            f"{type(ann).__name__}: expected a net of Python modules, got one of TorchScript, "
            "which cannot be traced; convert it before torch.jit"
        )
    training = [name or type(ann).__name__ for name, one in ann.named_modules() if one.training]
    if training:
        problems.append(
            f"{type(ann).__name__}: expected a net in evaluation, got {training[0]!r} in training; "
            "call ann.eval()"
        )
    if steps < 1 or batch_size < 1:
        problems.append(f"expected steps and batch_size of 1 or more, got {steps}, {batch_size}")
    if fine_tune < 0:
        problems.append(f"expected fine_tune as a number of steps, 0 or more, got {fine_tune}")
    if neuron not in _NEURONS:
        problems.append(f"expected neuron 'binary' or 'signed', got {neuron!r}")
    if refine not in (None, *REFINEMENTS) or (refine and neuron == "signed"):
        problems.append(
            f"expected refine 'offset' or 'srp', and those for binary spikes, got {refine!r} with "
            f"{neuron!r}"
        )
    if output not in ("sum", "spikes"):
        problems.append(f"expected output 'sum' or 'spikes', got {output!r}")
    number = isinstance(thresholds, float | int) and 0.0 < thresholds <= 100.0
    if not number and thresholds not in (None, _LEAST):
        problems.append(
            f"expected thresholds as a percentile above 0 and up to 100, or {_LEAST!r}, got "
            f"{thresholds!r}"
        )
    if problems:
        raise ValidationError([f"convert: {text}" for text in problems])
