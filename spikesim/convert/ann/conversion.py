# SPDX-License-Identifier: Apache-2.0
"""From a trained artificial net to spikes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, fx

from spikesim import nn
from spikesim.convert.ann.calibration import batches_of, check_output, check_same
from spikesim.convert.ann.measuring import Batch, Measured, measure, sequence
from spikesim.convert.ann.output import with_output_neurons
from spikesim.convert.ann.reading import AnnGraph, read
from spikesim.convert.ann.report import Report
from spikesim.convert.ann.spiking import binary, signed, spiking
from spikesim.convert.ann.thresholds import Activity, observe
from spikesim.errors import ValidationError

Neuron = Literal["binary", "signed"]
Output = Literal["sum", "spikes"]
_NEURONS = {"binary": binary, "signed": signed}
_LEAST = "least squares"
_RULES: tuple[float | str, ...] = (99.0, 99.9, 100.0, _LEAST)
_JUDGED = 256
"""Calibration samples by which a rule of thresholds is chosen."""


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
    """

    net: fx.GraphModule
    report: Report
    steps: int
    head: torch.nn.Module | None = None
    factor: float = 1.0
    offset: float = 0.0

    def scores(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Give what the artificial net would for input (B, ...), from a run of T ticks."""
        n = self.steps if steps is None else steps
        with torch.no_grad():
            out, _ = nn.run(self.net, sequence(x, n))
            return self.read_out(out.sum(0), n)

    def read_out(self, total: Tensor, steps: int) -> Tensor:
        """Scores from the sum of the output over ticks."""
        mean = total / steps * self.factor - self.offset
        return mean if self.head is None else self.head(mean)


def convert(
    ann: torch.nn.Module,
    calibration: Any,
    *,
    steps: int = 32,
    neuron: Neuron = "binary",
    thresholds: float | str | None = None,
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
    steps : int
        Ticks T to convert for.
    neuron : {"binary", "signed"}
        Spikes of 1, for `LIFLayer` and the core; or also of -1, which take back what was sent too
        early: about a quarter of the ticks.
    thresholds : float or "least squares", optional
        Percentile of the values of each channel, such as 99.9, or the threshold whose T levels
        are nearest to them. By default what gives the smallest error on calibration data. QCFS
        has its own.
    output : {"sum", "spikes"}
        What the net gives in a tick: scores, to be summed; or spikes of output neurons, which can
        be exported whole.
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
    _check_options(ann, steps, neuron, thresholds, output, batch_size)
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
    offset = 0.0
    if output == "spikes":
        offset = with_output_neurons(graph, [x for x, _ in data])
    return _Conversion(graph, steps, neuron, data, offset, output == "spikes").best(
        thresholds, judged, "calibration data" if test is None else "test data"
    )


class _Conversion:
    """One net and its data, from which nets with other thresholds are made."""

    def __init__(
        self, graph: AnnGraph, steps: int, neuron: Neuron, data: list[Batch], offset: float,
        to_spikes: bool,
    ) -> None:  # fmt: skip
        self.graph, self.steps, self.neuron, self.data = graph, steps, neuron, data
        self.offset, self.to_spikes = offset, to_spikes
        self.activity = observe(graph, [x for x, _ in data])
        self.shapes = {path: activity.shape for path, activity in self.activity.items()}

    def best(
        self, rule: float | str | None, judged: list[Batch], name: str
    ) -> Converted:
        """Choose a rule where none was asked for, and report on the net that it gives."""
        few, chosen = _first(self.data, _JUDGED), {}
        if rule is None:
            errors = {one: self._measure(self.made(one), one, few).error for one in self._rules()}
            rule = min(errors, key=errors.__getitem__)
            chosen = {_name(one): error for one, error in errors.items()}
        made = self.made(rule)
        measured = self._measure(made, rule, judged)
        report = self._report(measured, rule, chosen, name)
        for text in report.warnings:
            warnings.warn(f"convert: {text}", stacklevel=3)
        return replace(made, report=report)

    def made(self, rule: float | str) -> Converted:
        """Give the net by a rule of thresholds, without a report."""
        thresholds = self.thresholds(rule)
        net = spiking(
            self.graph, self.shapes, thresholds, _NEURONS[self.neuron], self.to_spikes
        )
        last = float(thresholds[list(thresholds)[-1]][0]) if self.to_spikes else 1.0
        return Converted(net, None, self.steps, self.graph.head, last, self.offset)  # type: ignore[arg-type]

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
            return torch.full_like(activity.largest, float(module.threshold.abs()))
        if rule == _LEAST:
            return activity.least_squares(self.steps)
        assert isinstance(rule, float | int)
        return activity.percentile(float(rule))

    def _rules(self) -> tuple[float | str, ...]:
        own = [isinstance(self.graph.module.get_submodule(p), nn.QCFS) for p in self.activity]
        return _RULES[-1:] if all(own) else _RULES

    def _measure(self, made: Converted, rule: float | str, batches: list[Batch]) -> Measured:
        return measure(
            self.graph, made.net, self.thresholds(rule), self.steps, batches, made.factor
        )

    def _report(
        self, measured: Measured, rule: float | str, chosen: Mapping[str, float], name: str
    ) -> Report:
        layers = tuple(
            replace(layer, n_dead=int(self.activity[layer.path].dead.sum()))
            for layer in measured.layers
        )
        return Report(
            f"{self.neuron} spikes, thresholds by {_name(rule)}, T = {self.steps}", chosen,
            measured.curve, measured.accuracy_ann, name, layers, measured.energy, self._core(),
        )  # fmt: skip

    def _core(self) -> tuple[str, ...]:
        found = []
        if self.neuron == "signed":
            found.append("spikes of -1 cannot be sent; convert with neuron='binary'")
        for path in self.graph.pools:
            found.append(f"{path}: counts of max-pooling are kept in no neuron; pool by average")
        if not self.to_spikes:
            found.append("the output is a sum, no spikes; convert with output='spikes'")
        found.append("what comes before the first neurons takes values, and runs on the host")
        return tuple(found)


def _name(rule: float | str) -> str:
    return rule if isinstance(rule, str) else f"{rule:g} % of channel"


def _first(batches: list[Batch], n: int) -> list[Batch]:
    found, left = [], n
    for x, labels in batches:
        if left > 0:
            found.append((x[:left], None if labels is None else labels[:left]))
            left -= len(x)
    return found


def _check_options(
    ann: torch.nn.Module, steps: int, neuron: str, thresholds: Any, output: str, batch_size: int
) -> None:
    problems = []
    training = [name or type(ann).__name__ for name, one in ann.named_modules() if one.training]
    if training:
        problems.append(
            f"{type(ann).__name__}: expected a net in evaluation, got {training[0]!r} in training; "
            "call ann.eval()"
        )
    if steps < 1 or batch_size < 1:
        problems.append(f"expected steps and batch_size of 1 or more, got {steps}, {batch_size}")
    if neuron not in _NEURONS:
        problems.append(f"expected neuron 'binary' or 'signed', got {neuron!r}")
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
