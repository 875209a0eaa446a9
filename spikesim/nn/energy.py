# SPDX-License-Identifier: Apache-2.0
"""Operations of a net on given input, and the energy that papers make of them.

A multiplication with accumulation (MAC) is 4.6 pJ and an accumulation alone (AC) 0.9 pJ: 32-bit
float in 45 nm, 3.7 pJ for the product and 0.9 pJ for the sum. Two ways of counting are in use, and
differ several-fold:

paper
    Layers whose input is not spikes: a MAC for every weight of every output, in every tick. Layers
    whose input is 0 or 1: as many AC, times the mean of that input. Padding counts, neurons and
    biases do not. ``E = 4.6 T F_first + 0.9 T sum_l r_l F_l``.
strict
    Spikes: an AC for every connection that a spike really has, so fewer at borders. Other input: a
    MAC for every connection with a real pixel. Besides, a MAC for every state of every neuron in
    every tick (its decay; an AC where there is none) and an AC for every bias.

Neither counts memory traffic, which costs more than both on most machines.

References
----------
Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9.
Yao et al., "Spike-driven transformer V2", ICLR 2024, appendix, for the first way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from spikesim.errors import ValidationError
from spikesim.nn.graph.tracing import evaluated
from spikesim.nn.layers.conversion import SignedIF
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.running import run

Convention = Literal["paper", "strict"]
CONVENTIONS: tuple[Convention, ...] = ("paper", "strict")
PJ_MAC, PJ_AC = 4.6, 0.9
_CONVOLUTIONS = {
    torch.nn.Conv1d: functional.conv1d,
    torch.nn.Conv2d: functional.conv2d,
    torch.nn.Conv3d: functional.conv3d,
}
_TRANSPOSED = {
    torch.nn.ConvTranspose1d: functional.conv_transpose1d,
    torch.nn.ConvTranspose2d: functional.conv_transpose2d,
    torch.nn.ConvTranspose3d: functional.conv_transpose3d,
}
_COUNTED: tuple[type[torch.nn.Module], ...] = (
    torch.nn.Linear, LIFLayer, SignedIF, *_CONVOLUTIONS, *_TRANSPOSED,
)  # fmt: skip


@dataclass
class Ops:
    """Operations for one sample.

    Attributes
    ----------
    mac, ac : float
        Multiplications with accumulation, and accumulations; a mean over the samples.
    """

    mac: float = 0.0
    ac: float = 0.0

    def picojoules(self, mac: float = PJ_MAC, ac: float = PJ_AC) -> float:
        """Energy in pJ, with the energy of either operation in pJ.

        Examples
        --------
        >>> Ops(mac=10, ac=100).picojoules()
        136.0
        """
        return self.mac * mac + self.ac * ac


@dataclass
class LayerEnergy:
    """What one layer does for one sample.

    Attributes
    ----------
    kind : str
        Class of the module.
    rate : float
        Mean of its input where that is spikes, else NaN.
    paper, strict : Ops
        By either way of counting.
    """

    kind: str
    rate: float
    paper: Ops
    strict: Ops


@dataclass(frozen=True)
class EnergyReport:
    """Operations of a net for one sample, by layer.

    Attributes
    ----------
    layers : dict of str to LayerEnergy
        By the path in the net.
    ticks, samples : int
        Of the input; rates differ from sample to sample, so give it many.
    """

    layers: dict[str, LayerEnergy]
    ticks: int
    samples: int

    def total(self, convention: Convention) -> Ops:
        """Sum over the layers."""
        parts = [getattr(layer, convention) for layer in self.layers.values()]
        return Ops(sum(part.mac for part in parts), sum(part.ac for part in parts))

    def __str__(self) -> str:
        """Table of layers, and totals by either convention."""
        lines = [f"operations a sample, mean of {self.samples:,}, {self.ticks} ticks"]
        for path, layer in self.layers.items():
            rate = "analog" if layer.rate != layer.rate else f"rate {layer.rate:.4f}"
            lines.append(
                f"  {path or 'net'} ({layer.kind}), {rate}: paper {_shown(layer.paper)}; strict "
                f"{_shown(layer.strict)}"
            )
        for convention in CONVENTIONS:
            ops = self.total(convention)
            lines.append(f"{convention}: {_shown(ops)}, {ops.picojoules() / 1e3:,.4g} nJ")
        return "\n".join(lines)


class Meter:
    """Counts what a net does while it runs, however often.

    Parameters
    ----------
    model : torch.nn.Module
    spikes : collection of str, optional
        Paths of the layers whose input is spikes, be they of -1, times a constant, or sums of
        such: what is not 0 counts. By default those that only ever see 0 and 1.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3))
    >>> meter = Meter(net, spikes=["0"])
    >>> with meter.reading():
    ...     _ = net(torch.tensor([[0.0, -0.5]]))
    >>> meter.report(ticks=1, samples=1).total("paper")
    Ops(mac=0.0, ac=3.0)
    """

    def __init__(self, model: torch.nn.Module, spikes: Collection[str] | None = None) -> None:
        self.model, self.spikes = model, spikes
        self._found: dict[str, _Count] = {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count what is run within the block."""
        handles = []
        for path, module in self.model.named_modules():
            if isinstance(module, _COUNTED):
                known = None if self.spikes is None else path in self.spikes
                handles.append(module.register_forward_hook(_counting(self._found, path, known)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def report(self, ticks: int, samples: int) -> EnergyReport:
        """Give what was counted, by the sample."""
        layers = {path: count.layer(samples) for path, count in self._found.items()}
        return EnergyReport(layers, ticks, samples)


@torch.no_grad()
def energy(
    model: torch.nn.Module, x: Tensor, *, spikes: Collection[str] | None = None
) -> EnergyReport:
    """Count the operations of a net on input, by both conventions.

    Parameters
    ----------
    model : torch.nn.Module
        As for `nn.run`; counted as in evaluation, and left as it was. Linear layers, convolutions,
        `LIFLayer` and `SignedIF` are counted, others, and functions, are taken to be free. A pool
        of `nn.Conv2d` is free, what it throws away is not.
    x : float tensor, shape (T, B, ...)
    spikes : collection of str, optional
        Paths of the layers whose input is spikes, as of `Meter`.

    Raises
    ------
    ValidationError
        If nothing in it is counted, or there is no sample.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = nn.SpikingNet(nn.Linear(4, 3), nn.LIFLayer(3))
    >>> spikes = torch.zeros(10, 2, 4)
    >>> spikes[0, :, 0] = 1.0
    >>> report = energy(net, spikes)
    >>> report.total("paper"), report.total("strict")
    (Ops(mac=0.0, ac=3.0), Ops(mac=30.0, ac=3.0))
    """
    if x.ndim < 2 or not x.shape[1]:
        raise ValidationError(
            f"energy: expected input (T, B, ...) with at least one sample, got {tuple(x.shape)}"
        )
    meter = Meter(model, spikes)
    with meter.reading(), evaluated(model):
        run(model, x)
    report = meter.report(len(x), x.shape[1])
    if not report.layers:
        raise ValidationError(
            f"energy: expected linear layers, convolutions or LIFLayer, found none in "
            f"{type(model).__name__}"
        )
    return report


@dataclass
class _Count:
    """Sums over all ticks and samples."""

    kind: str
    known: bool | None = None
    spikes: bool = True
    active: float = 0.0
    inputs: float = 0.0
    dense: float = 0.0
    real: float = 0.0
    events: float = 0.0
    mac: float = 0.0
    ac: float = 0.0

    def layer(self, samples: int) -> LayerEnergy:
        if not self.inputs:
            strict = Ops(self.mac / samples, self.ac / samples)
            return LayerEnergy(self.kind, float("nan"), Ops(), strict)
        if self.spikes if self.known is None else self.known:
            rate = self.active / self.inputs
            paper, strict = Ops(0.0, rate * self.dense), Ops(0.0, self.events + self.ac)
        else:
            rate, paper, strict = float("nan"), Ops(self.dense), Ops(self.real, self.ac)
        for ops in (paper, strict):
            ops.mac, ops.ac = ops.mac / samples, ops.ac / samples
        return LayerEnergy(self.kind, rate, paper, strict)


def _counting(found: dict[str, _Count], path: str, known: bool | None) -> Callable[..., None]:
    reaches: dict[tuple[int, ...], tuple[Tensor, int]] = {}

    def count(module: torch.nn.Module, given: Any, out: Tensor) -> None:
        (x,) = given
        sums = found.setdefault(path, _Count(type(module).__name__, known))
        if isinstance(module, LIFLayer):
            params = module.params()
            decays = bool((torch.as_tensor(params.beta) != 1.0).any())
            sums.mac += (decays + params.has_current) * out.numel()
            sums.ac += (not decays) * out.numel()
            return
        if isinstance(module, SignedIF):
            sums.ac += out.numel()
            return
        samples = x.reshape(-1, *_sample(module, x))
        shape = tuple(samples.shape[1:])
        if shape not in reaches:
            reaches[shape] = _reach(module, shape)
        reach, outputs = reaches[shape]
        active = (samples != 0).sum(0, dtype=torch.float64)
        sums.spikes = sums.spikes and bool(((x == 0) | (x == 1)).all())
        sums.active, sums.inputs = sums.active + float(active.sum()), sums.inputs + x.numel()
        weight: Tensor = module.weight
        # The weights of one output, or of one input where the convolution is transposed.
        dense = math.prod(shape) if isinstance(module, tuple(_TRANSPOSED)) else outputs
        sums.dense += len(samples) * dense * weight[0].numel()
        sums.real += len(samples) * float(reach.sum())
        sums.events += float((active * reach).sum())
        sums.ac += len(samples) * outputs if module.bias is not None else 0

    return count


def _sample(module: Any, x: Tensor) -> tuple[int, ...]:
    """Shape of one sample; some modules are given one tick, some all at once."""
    axes = 1 if isinstance(module, torch.nn.Linear) else module.weight.ndim - 1
    return tuple(x.shape[-axes:])


def _reach(module: Any, shape: tuple[int, ...]) -> tuple[Tensor, int]:
    """Count the outputs that each input of a sample reaches, float64, and all outputs.

    They are the derivatives of the sum of the outputs where all weights are 1.
    """
    if isinstance(module, torch.nn.Linear):
        each = module.weight.new_full(shape, module.out_features, dtype=torch.float64)
        return each, module.out_features
    ones = torch.ones_like(module.weight, dtype=torch.float64)
    with torch.inference_mode(False), torch.enable_grad():
        x = ones.new_zeros((1, *shape)).requires_grad_()
        out = _convolved(module, x, ones.clone())
        (reach,) = torch.autograd.grad(out.sum(), x)
    return reach[0], out.numel()


def _convolved(module: Any, x: Tensor, weight: Tensor) -> Tensor:
    for kind, transposed in _TRANSPOSED.items():
        if isinstance(module, kind):
            found: Tensor = transposed(
                x, weight, None, module.stride, module.padding, module.output_padding,
                module.groups, module.dilation,
            )  # fmt: skip
            return found
    convolve = next(f for kind, f in _CONVOLUTIONS.items() if isinstance(module, kind))
    pads = module.padding
    if module.padding_mode != "zeros":
        x = functional.pad(x, module._reversed_padding_repeated_twice, "constant", 0.0)
        pads = 0
    out: Tensor = convolve(x, weight, None, module.stride, pads, module.dilation, module.groups)
    return out


def _shown(ops: Ops) -> str:
    return f"{ops.mac:,.4g} MAC, {ops.ac:,.4g} AC"
