# SPDX-License-Identifier: Apache-2.0
"""How far the integers of a net go astray from its floats, layer by layer and tick by tick."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.fixed.quantize import ACC_BITS
from spikesim.nn.decode import arg_max, spike_count
from spikesim.nn.graph.handlers import HANDLERS
from spikesim.nn.graph.reading import Reading, read
from spikesim.nn.integers.floats import FloatLayer
from spikesim.nn.integers.populations import IntegerLayer
from spikesim.nn.integers.quant import IntegerNet
from spikesim.nn.integers.walk import ArithmeticLayer, before_first, each_layer, heard, walk

_AT_ONCE = 128


@dataclass(frozen=True)
class LayerError:
    """Errors of one population, over all samples.

    Attributes
    ----------
    name : str
        Of the population, as exported.
    n : int
        Neurons.
    bits : int
        Of a weight.
    membrane_by_tick : tuple of float
        Root of the mean squared difference of the membrane after each tick, in its unit.
    disagreement_by_tick : tuple of float
        Share of neurons, 0..1, that fire in one of the nets only.
    rate_error : float
        Root of the mean squared difference of spikes per tick, over neurons and samples.
    rate_float, rate_integers : float
        Spikes of a neuron in a tick on average.
    accumulated : float
        Largest sum of weights of one sign in a tick, in shares of the rail of the accumulator.
        Below 1, the core, which saturates at every addition, has the same spikes.
    """

    name: str
    n: int
    bits: int
    membrane_by_tick: tuple[float, ...]
    disagreement_by_tick: tuple[float, ...]
    rate_error: float
    rate_float: float
    rate_integers: float
    accumulated: float

    @property
    def membrane(self) -> float:
        """Root of the mean squared difference of the membrane, over all ticks."""
        squares = [error**2 for error in self.membrane_by_tick]
        return math.sqrt(sum(squares) / len(squares))

    @property
    def disagreement(self) -> float:
        """Share of neurons and ticks, 0..1, in which one of the nets only fires."""
        return sum(self.disagreement_by_tick) / len(self.disagreement_by_tick)


@dataclass(frozen=True)
class TrajectoryError:
    """What `trajectory_error` found; ``print`` shows it as a table.

    Attributes
    ----------
    layers : tuple of LayerError
        In order.
    samples, steps : int
    accuracy_float, accuracy_integers : float or None
        Share of samples, 0..1, whose output with the most spikes is their label.
    """

    layers: tuple[LayerError, ...]
    samples: int
    steps: int
    accuracy_float: float | None = None
    accuracy_integers: float | None = None

    @property
    def exact(self) -> bool:
        """Whether the core is certain to have these spikes, whatever the order of additions."""
        return all(layer.accumulated < 1.0 for layer in self.layers)

    def __str__(self) -> str:
        """Table of the layers."""
        rows = [
            f"integers against floats: {self.samples} samples, {self.steps} ticks",
            "population        n  bits  membrane error  spikes that differ  rate error  "
            "rate  accumulator",
        ]
        rows += [
            f"{one.name:10} {one.n:8} {one.bits:5} {one.membrane:15.4f} "
            f"{100 * one.disagreement:17.2f} % {one.rate_error:11.4f} {one.rate_float:5.3f} "
            f"{100 * one.accumulated:10.0f} %"
            for one in self.layers
        ]
        if self.accuracy_float is not None and self.accuracy_integers is not None:
            rows.append(
                f"accuracy {100 * self.accuracy_float:.2f} % in float, "
                f"{100 * self.accuracy_integers:.2f} % with integers"
            )
        if not self.exact:
            rows.append("an accumulator may saturate on its way: run it on the golden model")
        return "\n".join(rows)


@torch.no_grad()
def trajectory_error(
    integers: IntegerNet,
    x: Tensor,
    labels: Tensor | None = None,
    *,
    against: torch.nn.Module | None = None,
) -> TrajectoryError:
    """Measure membranes, spikes and rates of integers against those of the float net.

    Each net goes its own way from the first tick on, so that errors of a layer contain those of
    the layers before it. The integers are those of the golden model and the core.

    Parameters
    ----------
    integers : IntegerNet
        Calibrated, trained, or neither.
    x : float32 tensor, shape (T, B, ...)
        Input spikes.
    labels : int tensor, shape (B,), optional
        Classes; for a net of one output.
    against : torch.nn.Module, optional
        Float net with the same populations; by default the one that shares its parameters with
        ``integers``, as it is now.

    Returns
    -------
    TrajectoryError

    Raises
    ------
    ValidationError
        If input or labels are not those of the net, or the other net has other populations.

    Examples
    --------
    >>> from spikesim.nn import LIFLayer, Linear, SpikingNet
    >>> net = SpikingNet(Linear(4, 3, scale=2.0), LIFLayer(3, beta=0.5))
    >>> error = trajectory_error(IntegerNet(net), torch.ones(5, 2, 4))
    >>> error.layers[0].disagreement, error.layers[0].membrane < 0.01
    (0.0, True)
    """
    _check(x, labels)
    reading, layers, given = integers.prepared(x)
    other = reading
    if against is not None:
        other = read(against, integers.input_shape or reading.input_shape, HANDLERS)
    model = integers.model if against is None else against
    floats = each_layer(other, lambda layer: FloatLayer.of(layer, model))
    axes = [[(one.layer.name, one.layer.drive.shape) for one in net] for net in (layers, floats)]
    if axes[0] != axes[1]:
        raise ValidationError(
            f"trajectory_error: expected a float net with populations {axes[0]}, got {axes[1]}"
        )
    output = None if labels is None else _output(reading.outputs)
    sums, right = [_Sums(one) for one in layers], [0, 0]
    for first in range(0, x.shape[1], _AT_ONCE):
        samples = slice(first, first + _AT_ONCE)
        runs = [_run(reading, net, given[:, samples]) for net in (floats, layers)]
        for one in sums:
            one.add(*runs)
        if labels is not None and output is not None:
            for k, (spikes, _) in enumerate(runs):
                classes = arg_max(spike_count(spikes[output].flatten(2)))
                right[k] += int((classes == labels[samples]).sum())
    shares = [None if labels is None else n / x.shape[1] for n in right]
    return TrajectoryError(
        tuple(one.error(len(x), x.shape[1]) for one in sums), x.shape[1], len(x), *shares
    )


Run = tuple[Mapping[str, Tensor], Mapping[str, list[Tensor]]]


def _run(reading: Reading, net: Sequence[ArithmeticLayer], x: Tensor) -> Run:
    """Spikes (T, B, ...) and membranes of all populations, from rest."""
    membranes: dict[str, list[Tensor]] = {one.layer.name: [] for one in net}
    now = [one.start(x.shape[1]) for one in net]
    return walk(net, x, now, before_first(reading, net, x.shape[1]), membranes), membranes


class _Sums:
    """What adds up over samples, for one population."""

    def __init__(self, layer: IntegerLayer) -> None:
        self.layer = layer
        self.squares = self.differ = torch.zeros(())
        self.rate_squares, self.fired, self.peak = 0.0, [0.0, 0.0], 0.0

    def add(self, of_floats: Run, of_integers: Run) -> None:
        """Take spikes and membranes of both nets."""
        name, q = self.layer.layer.name, self.layer.q
        scale = torch.from_numpy(q.scale)
        a, b = (run[0][name].flatten(2).double() for run in (of_floats, of_integers))
        v, codes = (torch.stack(run[1][name]).flatten(2) for run in (of_floats, of_integers))
        self.squares = self.squares + (codes.double() / scale - v).square().sum((1, 2))
        self.differ = self.differ + (a != b).double().sum((1, 2))
        self.rate_squares += float((b.sum(0) - a.sum(0)).square().sum())
        for k, spikes in enumerate((a, b)):
            self.fired[k] += float(spikes.sum())
        peak = q.acc_bound
        if not q.acc_exact:
            peak = int(self.layer.peak(heard(self.layer, of_integers[0])).max())
        self.peak = max(self.peak, peak)

    def error(self, steps: int, samples: int) -> LayerError:
        """Means of all."""
        n = self.layer.q.n
        each = samples * n
        return LayerError(
            name=self.layer.layer.name, n=n, bits=self.layer.q.weight_bits,
            membrane_by_tick=tuple((self.squares / each).sqrt().tolist()),
            disagreement_by_tick=tuple((self.differ / each).tolist()),
            rate_error=math.sqrt(self.rate_squares / each) / steps,
            rate_float=self.fired[0] / each / steps, rate_integers=self.fired[1] / each / steps,
            accumulated=self.peak / (2 ** (ACC_BITS - 1) - 1),
        )  # fmt: skip


def _output(outputs: tuple[str, ...]) -> str:
    if len(outputs) != 1:
        raise ValidationError(
            f"trajectory_error: expected labels for a net of one output, got {list(outputs)}; "
            "leave the labels out"
        )
    return outputs[0]


def _check(x: Tensor, labels: Tensor | None) -> None:
    problems = []
    if x.ndim < 3 or not (len(x) and x.shape[1]):
        problems.append(
            "trajectory_error: expected spikes (T, B, ...) of at least one sample and tick, got "
            f"{tuple(x.shape)}"
        )
    elif labels is not None and labels.shape != x.shape[1:2]:
        problems.append(
            f"trajectory_error: expected a label for each of {x.shape[1]} samples, got "
            f"{tuple(labels.shape)}"
        )
    if problems:
        raise ValidationError(problems)
