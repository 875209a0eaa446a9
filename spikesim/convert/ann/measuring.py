# SPDX-License-Identifier: Apache-2.0
"""Run both nets side by side, and count."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx

from spikesim import nn
from spikesim.convert.ann.reading import AnnGraph
from spikesim.convert.ann.report import ConvertedLayer, Energy, Point
from spikesim.convert.ann.watching import watched
from spikesim.nn.energy import Meter

Batch = tuple[Tensor, Tensor | None]
"""Input (B, ...) and labels, where they are known."""


@dataclass
class Measured:
    """What `measure` found; see `Report`."""

    curve: tuple[Point, ...]
    accuracy_ann: float | None
    layers: tuple[ConvertedLayer, ...]
    energy: Energy


def sequence(x: Tensor, steps: int) -> Tensor:
    """Give the same input in every tick, shape (T, B, ...)."""
    return x.expand(steps, *x.shape)


def points(steps: int) -> list[int]:
    """Numbers of ticks to look at: powers of two, and the last.

    Examples
    --------
    >>> points(12)
    [1, 2, 4, 8, 12]
    """
    return [2**k for k in range(steps.bit_length()) if 2**k < steps] + [steps]


def measure(
    ann: AnnGraph, net: fx.GraphModule, thresholds: Mapping[str, Tensor], steps: int,
    batches: Sequence[Batch], factor: float, start: Callable[[Tensor], Any],
) -> Measured:  # fmt: skip
    """Run both nets on batches.

    Parameters
    ----------
    ann, net : AnnGraph and GraphModule
    thresholds : mapping of str to float64 tensor, shape (channels,)
    steps : int
        Ticks T.
    batches : sequence of (input, labels or None)
    factor : float
        By which the mean output of the spiking net is multiplied.
    start : callable
        Input (B, ...) to the state that the spiking net begins with. What it runs to find that
        counts as operations, not as spikes.
    """
    tally = _Tally(ann, net, thresholds, steps)
    with torch.no_grad():
        for x, labels in batches:
            tally.add(x, labels, factor, start)
    return tally.result()


class _Tally:
    def __init__(
        self, ann: AnnGraph, net: fx.GraphModule, thresholds: Mapping[str, Tensor], steps: int
    ) -> None:
        self.ann, self.net, self.thresholds, self.steps = ann, net, thresholds, steps
        self.at = points(steps)
        self.n_images = self.n_classes = self.n_labels = self.right_ann = 0
        self.agreeing, self.right = [0] * len(self.at), [0] * len(self.at)
        self.squares = {path: [0.0, 0.0] for path in ann.activations}
        self.spikes = dict.fromkeys(ann.activations, 0.0)
        self.exact = dict.fromkeys(ann.activations, 0)
        self.n_values = dict.fromkeys(ann.activations, 0)
        self.size = dict.fromkeys(ann.activations, 0)
        seeing = {str(node.target) for node in ann.seeing_spikes()}
        self.meter_ann, self.meter = Meter(ann.module, ()), Meter(net, seeing)
        self.analogue = [path for path, _ in ann.module.named_modules() if path not in seeing]

    def add(
        self, x: Tensor, labels: Tensor | None, factor: float, start: Callable[[Tensor], Any]
    ) -> None:
        """Run a batch through both."""
        activations: dict[str, Tensor] = {}

        def keep(path: str, _: Tensor, out: Tensor) -> None:
            activations[path] = out

        before = watched(self.ann.module, self.ann.activations, keep)
        with before, self.meter_ann.reading():
            wanted = self.ann.module(x)
        counts: dict[str, Tensor] = {}

        def count(path: str, _: Tensor, out: Tensor) -> None:
            counts[path] = out.clone() if path not in counts else counts[path].add_(out)
            self.spikes[path] += float(out.abs().sum())

        with self.meter.reading():
            state = start(x)
            with watched(self.net, self.ann.activations, count):
                out, _ = nn.run(self.net, sequence(x, self.steps), state)
        sums = out.cumsum(0)
        self._outputs(wanted, [sums[t - 1] * (factor / t) for t in self.at], labels)
        for path, activation in activations.items():
            self._layer(path, activation, counts[path])
        self.n_images += len(x)

    def result(self) -> Measured:
        """Give the numbers of all batches so far."""
        known = self.n_labels > 0
        curve = tuple(
            Point(t, agree / self.n_classes, right / self.n_labels if known else None)
            for t, agree, right in zip(self.at, self.agreeing, self.right, strict=True)
        )
        layers = tuple(self._layer_report(path) for path in self.ann.activations)
        ann = self.meter_ann.report(1, self.n_images)
        spiking = self.meter.report(self.steps, self.n_images)
        once = {path: ann.layers[path] for path in self.analogue if path in ann.layers}
        energy = Energy(ann, replace(spiking, layers={**spiking.layers, **once}))
        accuracy = self.right_ann / self.n_labels if known else None
        return Measured(curve, accuracy, layers, energy)

    def _outputs(self, wanted: Tensor, found: list[Tensor], labels: Tensor | None) -> None:
        best = wanted.argmax(1)
        self.n_classes += best.numel()
        for k, out in enumerate(found):
            classes = out.argmax(1)
            self.agreeing[k] += int((classes == best).sum())
            if labels is not None:
                self.right[k] += int((classes == labels).sum())
        if labels is not None:
            self.n_labels += labels.numel()
            self.right_ann += int((best == labels).sum())

    def _layer(self, path: str, activation: Tensor, counts: Tensor) -> None:
        shape = (-1, *[1] * (activation.ndim - 2))
        thresholds = self.thresholds[path].to(activation.device).reshape(shape)
        levels = activation.double() * self.steps / thresholds
        levels = (levels + 0.5).floor().clamp(0, self.steps)
        self.exact[path] += int((levels == counts).sum())
        self.n_values[path] += counts.numel()
        self.size[path] = counts[0].numel()
        self._square(path, counts.double() * thresholds / self.steps, activation.double())

    def _square(self, key: str, found: Tensor, wanted: Tensor) -> None:
        self.squares[key][0] += float((found - wanted).square().sum())
        self.squares[key][1] += float(wanted.square().sum())

    def _layer_report(self, path: str) -> ConvertedLayer:
        thresholds, n = self.thresholds[path], self.n_values[path]
        return ConvertedLayer(
            path, self.ann.activations[path], self.size[path], 0,
            (float(thresholds.min()), float(thresholds.max())),
            self.spikes[path] / (n * self.steps), _share(*self.squares[path]),
            self.exact[path] / n,
        )  # fmt: skip


def _share(found: float, of: float) -> float:
    return math.sqrt(found / of) if of > 0.0 else math.sqrt(found)
