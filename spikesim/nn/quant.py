# SPDX-License-Identifier: Apache-2.0
"""Train with the integers of the core in the loop.

`IntegerNet` wraps a float net and shares its parameters. Its forward pass chooses integers with
``fixed.quantize_lif``, the function the compiler calls, and runs the core's arithmetic on them,
so its spikes are those of the golden model and of the hardware. Its backward pass is that of the
float neuron.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.fixed.quantize import ACC_BITS, QuantizedPopulation, quantize_lif
from spikesim.fixed.settings import STATE_BITS, WEIGHT_BITS, Quantization
from spikesim.nn import exact
from spikesim.nn.chain import Stage, canonical, chain, weights
from spikesim.nn.fixed_ops import coded, decay, saturate
from spikesim.nn.functional import (
    LIFParams,
    LIFState,
    lif_check,
    lif_init,
    lif_refractory,
    lif_reset,
)
from spikesim.nn.ops.event_linear import event_linear
from spikesim.nn.stateful import Stateful
from spikesim.nn.surrogate import Surrogate, spike


class IntegerNet(Stateful):
    """A float net run with the integers the core would run.

    Parameters
    ----------
    model : torch.nn.Module
        A `chain`. Its parameters are shared: training this module trains the float net.
    settings : Quantization, optional
        As the compiler will be given; widths left open are 8 and 18 bits. Attribute
        ``settings`` has them filled in, so that a core of other widths is refused.

    Notes
    -----
    The accumulator of the core saturates at every addition. This module saturates the sum once,
    which is the same as long as no rail is reached; `exact` says whether that is certain.

    The state is a `LIFState` of codes for each population.

    Examples
    --------
    >>> from spikesim.nn import LIFLayer, Linear, SpikingNet
    >>> net = IntegerNet(SpikingNet(Linear(4, 3), LIFLayer(3)))
    >>> net(torch.ones(5, 2, 4)).shape, net.exact()
    (torch.Size([5, 2, 3]), True)
    """

    def __init__(self, model: torch.nn.Module, settings: Quantization | None = None) -> None:
        super().__init__()
        self.model = model
        self.settings = (settings or Quantization()).with_widths(WEIGHT_BITS, STATE_BITS)
        for depth, stage in enumerate(chain(model)):
            more = sorted(set(stage.lif.learned) - {"bias"})
            if more:
                raise ValidationError(
                    f"layer{depth}: only weights and bias can be trained with integers, got "
                    f"learned {more}"
                )

    def quantized(self) -> list[QuantizedPopulation]:
        """Integers of every population, in order, for the present parameters."""
        return [q for _, q in self._populations()]

    def exact(self) -> bool:
        """Whether no input whatsoever can bring an accumulator to its rail."""
        return all(q.acc_exact for q in self.quantized())

    @torch.no_grad()
    def snap_(self) -> None:
        """Replace the shared float weights and biases by the values their integers stand for.

        The integers stay what they are (rounding twice changes nothing), and the float net comes
        to differ from them only by the truncation of the decay and the rounding of thresholds:
        less than one code per tick. So the float simulator and the core run the same network.
        """
        for (linear, lif, _), q in list(self._populations()):
            gain = np.broadcast_to(np.asarray(lif.canonical().gain), (q.n,))
            unit = np.where(gain == 0.0, 0.0, 1.0 / np.where(gain == 0.0, 1.0, gain))
            linear.weight.copy_(torch.from_numpy((q.weights[0] * (unit / q.weight_scale)).T))
            if linear.bias is not None:
                rest = q.bias / q.scale - np.asarray(lif.canonical().bias)
                linear.bias.copy_(torch.from_numpy(rest * unit))
            elif "bias" in lif._parameters:
                cast(Tensor, lif.bias).copy_(torch.from_numpy(q.bias / q.scale))

    def layer_spikes(self, x: Tensor) -> list[Tensor]:
        """Spikes (T, B, n) of every population, without the shift by depth of the core."""
        return [spikes for spikes, _ in self._run(x, None)]

    def init(self, x: Tensor) -> tuple[LIFState, ...]:
        """State before the first tick, for one tick's input of shape (B, n_in)."""
        return tuple(_start(stage, q, x.new_zeros(len(x), q.n)) for stage, q in self._populations())

    def step(self, x: Tensor, state: Sequence[LIFState]) -> tuple[Tensor, tuple[LIFState, ...]]:
        """One tick; see `seq`."""
        spikes, after = self.seq(x[None], state)
        return spikes[0], after

    def seq(
        self, x: Tensor, state: Sequence[LIFState] | None = None
    ) -> tuple[Tensor, tuple[LIFState, ...]]:
        """Spikes (T, B, n_out) for input spikes float32 (T, B, n_in) of 0 and 1, and the state."""
        found = list(self._run(x, state))
        return found[-1][0], tuple(after for _, after in found)

    def _run(
        self, x: Tensor, state: Sequence[LIFState] | None
    ) -> Iterator[tuple[Tensor, LIFState]]:
        if x.dtype != torch.float32:
            raise ValidationError(f"IntegerNet: expected float32 spikes of 0 and 1, got {x.dtype}")
        populations = list(self._populations())
        if state is not None and len(state) != len(populations):
            raise ValidationError(
                f"IntegerNet: expected a state with {len(populations)} entries, one for each "
                f"population, got {len(state)}"
            )
        for depth, (stage, q) in enumerate(populations):
            x, after = _population(x, q, stage, None if state is None else state[depth])
            yield x, after

    def _populations(self) -> Iterator[tuple[Stage, QuantizedPopulation]]:
        for depth, stage in enumerate(chain(self.model)):
            neuron = canonical(stage.linear, stage.lif)
            yield stage, quantize_lif(
                [weights(stage.linear)], stage.linear.out_features, neuron, self.settings,
                name=f"layer{depth}",
            )  # fmt: skip


def _population(
    x: Tensor, q: QuantizedPopulation, stage: Stage, state: LIFState | None
) -> tuple[Tensor, LIFState]:
    linear, lif, _ = stage
    neuron = lif.canonical()
    gain = torch.from_numpy(np.broadcast_to(np.asarray(neuron.gain), (q.n,)).copy())
    factor = (gain * torch.from_numpy(q.weight_scale)).float()[:, None]
    w = coded(linear.weight, _float(q.weights[0].T), factor)
    bias = _float(q.bias)
    scale = torch.from_numpy(q.scale).float()
    if linear.bias is not None:
        bias = coded(linear.bias, bias, scale * gain.float())
    elif "bias" in lif.learned:
        bias = coded(cast(Tensor, lif.bias), bias, scale)
    acc = saturate(event_linear(x, w), ACC_BITS)
    drive = saturate(acc * float(2**q.gain_shift), q.state_bits)
    params = LIFParams(
        beta=0.0, v_th=_float(q.v_th), v_reset=float(q.v_reset), reset=lif.reset,
        reset_amount=_float(q.reset_amount), detach_reset=lif.detach_reset,
        refractory_ticks=torch.from_numpy(neuron.arrays(q.n)["refractory_ticks"]),
        refractory=lif.refractory,
    )  # fmt: skip
    zeros = drive.new_zeros(drive.shape[1:])
    if state is None:
        state = _start(stage, q, zeros)
    lif_check(state, zeros, lif.params())
    return _membrane(drive, q, bias, params, 1.0 / scale, lif.surrogate, state)


def _start(stage: Stage, q: QuantizedPopulation, zeros: Tensor) -> LIFState:
    start = lif_init(zeros, stage.lif.params())
    return start._replace(v=_float(q.v_init).expand(zeros.shape))


def _membrane(
    drive: Tensor, q: QuantizedPopulation, bias: Tensor, params: LIFParams, unit: Tensor,
    surrogate: Surrogate, state: LIFState,
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
    out = torch.stack(spikes) if spikes else torch.zeros_like(drive)
    return out, LIFState(v, i, refr)


def _float(codes: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32))
