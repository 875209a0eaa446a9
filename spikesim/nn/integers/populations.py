# SPDX-License-Identifier: Apache-2.0
"""A population of a net with the integers that the core would have, on float32 tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.fixed.constants import shared_by_run, shares_constants
from spikesim.fixed.quantize import ACC_BITS, ChannelWeights, QuantizedPopulation, quantize_lif
from spikesim.fixed.settings import Quantization
from spikesim.network import Convolution
from spikesim.neurons import LIF
from spikesim.nn.arithmetic import exact
from spikesim.nn.arithmetic.surrogate import Surrogate, spike
from spikesim.nn.functional import (
    LIFParams,
    LIFState,
    lif_check,
    lif_init,
    lif_refractory,
    lif_reset,
)
from spikesim.nn.graph.export import rule_of, with_drive
from spikesim.nn.graph.kernel import Kernel
from spikesim.nn.graph.reading import Layer
from spikesim.nn.graph.retiming import tap
from spikesim.nn.graph.spikemap import Part
from spikesim.nn.integers.fixed_ops import coded, decay, saturate
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.ops.event_linear import event_linear


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A population, the parts of its drive, and their integers.

    Attributes
    ----------
    layer : Layer
        As it was read; float64 weights of the drive keep their gradient.
    lif : LIFLayer
        Its neurons.
    parts : mapping of str to Part
        By source, or what it was some ticks ago (`Tap`), as the compiler is given them.
    q : QuantizedPopulation
        Weight codes in the order of the parts.
    whole : bool
        Whether all of its neurons have one scale.
    """

    layer: Layer
    lif: LIFLayer
    parts: Mapping[str, Part]
    q: QuantizedPopulation
    whole: bool

    @classmethod
    def of(
        cls,
        layer: Layer,
        model: torch.nn.Module,
        shapes: Mapping[str, tuple[int, ...]],
        settings: Quantization,
    ) -> IntegerLayer:
        """Choose integers as the compiler does for what `export` writes.

        Parameters
        ----------
        layer : Layer
        model : torch.nn.Module
            What it was read from.
        shapes : mapping of str to tuple of int
            Of the sources.
        settings : Quantization

        Raises
        ------
        ValidationError
            If it is not `trainable`, or the core has no integers for it.
        """
        lif, neuron = trainable(layer, model)
        drive = layer.drive
        parts = {
            key: _stored(part, shapes[tap(key)[0]], drive.shape, neuron)
            for key, part in drive.parts.items()
        }
        blocks = [_block(part, drive.n) for part in parts.values()]
        q = quantize_lif(blocks, drive.n, neuron, settings, name=layer.name)
        whole = settings.granularity == "population" or shares_constants(neuron)
        return cls(layer, lif, parts, q, whole)

    def start(self, n_batch: int) -> LIFState:
        """State before the first tick."""
        zeros = torch.zeros(n_batch, *self.layer.drive.shape)
        start = lif_init(zeros, self.lif.params())
        return start._replace(v=self._codes(self.q.v_init).expand(zeros.shape))

    def run(
        self, spikes: Mapping[str, Tensor], state: LIFState, membranes: list[Tensor] | None = None
    ) -> tuple[Tensor, LIFState]:
        """See `ArithmeticLayer`; membranes are in codes."""
        q, lif, shape = self.q, self.lif, self.layer.drive.shape
        drive = self.drive(spikes)
        drive = drive.reshape(*drive.shape[:2], *shape)
        refractory = torch.from_numpy(self.neuron.arrays(q.n)["refractory_ticks"]).reshape(shape)
        params = LIFParams(
            beta=0.0, v_th=self._codes(q.v_th), v_reset=float(q.v_reset), reset=lif.reset,
            reset_amount=self._codes(q.reset_amount), detach_reset=lif.detach_reset,
            refractory_ticks=refractory, refractory=lif.refractory,
        )  # fmt: skip
        lif_check(state, drive.new_zeros(drive.shape[1:]), lif.params())
        unit = 1.0 / torch.from_numpy(q.scale).float().reshape(shape)
        return _membrane(drive, q, self._bias(), params, unit, lif.surrogate, state, membranes)

    @property
    def neuron(self) -> LIF:
        """Give the neurons without the constant part of their drive."""
        assert isinstance(self.layer.neuron, LIF)
        return self.layer.neuron

    @property
    def gain(self) -> np.ndarray:
        """Gain of each neuron, float64 (n,)."""
        return np.broadcast_to(np.asarray(self.neuron.gain), (self.q.n,))

    @property
    def runs(self) -> int:
        """Equal runs of neurons with one scale each: channels, single neurons, or all."""
        if self.whole:
            return 1
        channels = [len(part.weights) for part in self.parts.values() if isinstance(part, Kernel)]
        return math.gcd(*channels) if channels else self.q.n

    def drive(self, spikes: Mapping[str, Tensor]) -> Tensor:
        """Weights of all spikes in codes of the state, float32 (T, B, n)."""
        acc = saturate(self._accumulated(spikes), ACC_BITS)
        return saturate(acc * float(2**self.q.gain_shift), self.q.state_bits)

    def peak(self, spikes: Mapping[str, Tensor]) -> Tensor:
        """Largest sum of weights of one sign in a tick, float32 (n,), in accumulator codes.

        Where that is no rail of the accumulator, no order of additions saturates.
        """
        found = torch.zeros(self.q.n)
        for sign in (1, -1):
            weights = tuple(np.maximum(sign * block, 0) for block in self.q.weights)
            of_sign = replace(self, q=replace(self.q, weights=weights))
            found = torch.maximum(found, of_sign._accumulated(spikes).amax((0, 1)))
        return found

    def _accumulated(self, spikes: Mapping[str, Tensor]) -> Tensor:
        """Weight codes of all spikes, (T, B, n); every sum is exact."""
        factor = torch.from_numpy(self.gain * self.q.weight_scale).float()
        total: Any = None
        for (source, part), block in zip(self.parts.items(), self.q.weights, strict=True):
            x = spikes[source]
            if part is None:
                term = x.flatten(2) * float_codes(block)
            elif isinstance(part, Kernel):
                term = _convolved(x, part, block, factor)
            else:
                weights = coded(part.T.float(), float_codes(block.T), factor[:, None])
                term = event_linear(x.flatten(2), weights)
            total = term if total is None else total + term
        if total is None:
            n_ticks, n_batch = next(iter(spikes.values())).shape[:2]
            return torch.zeros(n_ticks, n_batch, self.q.n)
        return total

    def _bias(self) -> Tensor:
        """Codes of the bias; the gradient is that of the neuron's bias and of what drives it."""
        codes, driven = self._codes(self.q.bias), self.layer.drive.bias
        if driven is None and "bias" not in self.lif.learned:
            return codes
        value: Any = self.lif.params().bias
        if isinstance(value, Tensor) and value.shape != codes.shape:
            value = exact.spread(value, codes.shape)
        if driven is not None:
            value = value + (torch.tensor(self.gain) * driven).reshape(codes.shape)
        return coded(
            value.float(), codes, torch.from_numpy(self.q.scale).float().reshape(codes.shape)
        )

    def _codes(self, codes: Any) -> Tensor:
        return float_codes(codes).reshape(self.layer.drive.shape)


def float_codes(codes: Any) -> Tensor:
    """Give integers as float32, which holds all that the core has."""
    return torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32))


def trainable(layer: Layer, model: torch.nn.Module) -> tuple[LIFLayer, LIF]:
    """Give a layer as torch has it, and as the compiler is given it.

    Raises
    ------
    ValidationError
        For neurons other than a `LIFLayer`, learned constants other than the bias, and a constant
        drive that has no bias to go to.
    """
    lif, bias = None if layer.path is None else model.get_submodule(layer.path), layer.drive.bias
    if not isinstance(lif, LIFLayer):
        raise ValidationError(f"expected a LIFLayer, got {type(lif).__name__}")
    more = sorted(set(lif.learned) - {"bias"})
    if more:
        raise ValidationError(
            f"only weights and bias can be trained with integers, got learned {more}"
        )
    return lif, with_drive(layer.neuron, None if bias is None else bias.numpy(force=True))


def _stored(part: Part, source: Sequence[int], target: Sequence[int], neuron: LIF) -> Part:
    """Give a part as it goes to the compiler, which may need a kernel as a matrix."""
    if not isinstance(part, Kernel):
        return part
    rule = rule_of(part, tuple(source), tuple(target))
    kept = isinstance(rule, Convolution) and shared_by_run(neuron.gain, len(rule.kernel))
    return part if kept else part.matrix()


def _block(part: Part, n: int) -> Any:
    if part is None:
        return np.ones(n), np.arange(n)
    if isinstance(part, Kernel):
        return ChannelWeights.of(part.rule.kernel)
    return part.numpy(force=True).astype(np.float32)


def _convolved(x: Tensor, kernel: Kernel, block: np.ndarray, factor: Tensor) -> Tensor:
    channels = len(kernel.weights)
    by_channel = factor[:: len(factor) // channels].reshape(-1, *[1] * (kernel.weights.ndim - 1))
    codes = float_codes(block.T).reshape(kernel.weights.shape)
    weights = coded(kernel.weights.float(), codes, by_channel)
    around = kernel.stride, kernel.padding, kernel.dilation, kernel.groups
    out = exact.conv(x.reshape(-1, *kernel.in_shape), weights, *around)
    return out.reshape(*x.shape[:2], math.prod(kernel.out_shape))


def _membrane(
    drive: Tensor, q: QuantizedPopulation, bias: Tensor, params: LIFParams, unit: Tensor,
    surrogate: Surrogate, state: LIFState, membranes: list[Tensor] | None,
) -> tuple[Tensor, LIFState]:  # fmt: skip
    """Integer LIFLayer over time; ``unit`` turns codes into float membranes for the surrogate."""
    bias = exact.spread(bias, drive.shape[1:])
    v, i, refr = state
    rail = -(2 ** (q.state_bits - 1))
    spikes = []
    for tick in drive.unbind(0):
        current = tick
        if i is not None:
            current = i = saturate(decay(i, q.alpha) + tick, q.state_bits)
        u = saturate(decay(v, q.beta) + current + bias, q.state_bits)
        if q.v_floor > rail:
            u = u.clamp(min=float(q.v_floor))
        free = None if refr is None else refr == 0
        if free is not None and params.refractory == "hold":
            u = torch.where(free, u, v)
        s = spike((u - params.v_th) * unit, surrogate)
        s = s if free is None else s * free
        v = lif_reset(u, s, params)
        if params.reset == "soft":
            v = saturate(v, q.state_bits)
        refr = lif_refractory(refr, s, params)
        spikes.append(s)
        if membranes is not None:
            membranes.append(v)
    out = torch.stack(spikes) if spikes else torch.zeros_like(drive)
    return out, LIFState(v, i, refr)
