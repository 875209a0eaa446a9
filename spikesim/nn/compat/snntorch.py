# SPDX-License-Identifier: Apache-2.0
"""Neurons that are called as those of snnTorch: ``spk, mem = lif(x, mem)``.

``from spikesim.nn.compat import snntorch as snn`` in place of ``import snntorch as snn`` leaves a
net with a hand-written loop over time as it is. The membrane that is handed back is that of
snnTorch, which a spike resets in the next tick only. There is no list of neurons: hidden states
are put to rest by ``snn.reset(net)``, of that net alone; ``snntorch.utils.reset`` finds none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spikesim.errors import ConversionError, ValidationError
from spikesim.nn.functional import LIFState, lif_reset, lif_step
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.presets.constants import Number
from spikesim.nn.presets.snntorch import ResetMechanism, like_snntorch
from spikesim.nn.time.stateful import RUNNING, Stateful, reset

__all__ = ["LateNeuron", "LateState", "Leaky", "RLeaky", "Synaptic", "reset"]


class LateState(NamedTuple):
    """What a neuron of snnTorch carries from tick to tick.

    Attributes
    ----------
    mem : tensor, shape (B, ...)
        Membrane before the reset of its last spike.
    syn, spk : tensor, shape (B, ...), or None
        Current, and spikes that come back.
    """

    mem: Tensor
    syn: Tensor | None = None
    spk: Tensor | None = None


class LateNeuron(Stateful):
    """A layer whose resets come a tick late, called as snnTorch calls its neurons.

    Parameters
    ----------
    layer : LIFLayer
        As `like_snntorch` gives it.
    synaptic : bool
        Whether its current is handed in and out.
    recurrent : torch.nn.Module, optional
        From its spikes to its input of the next tick.
    init_hidden, output : bool
        As of snnTorch: keep the state; hand it out nevertheless.
    """

    def __init__(
        self,
        layer: LIFLayer,
        *,
        synaptic: bool = False,
        recurrent: torch.nn.Module | None = None,
        init_hidden: bool = False,
        output: bool = False,
    ) -> None:
        super().__init__()
        self.layer, self.synaptic, self.recurrent = layer, synaptic, recurrent
        self.init_hidden, self.output = init_hidden, output

    @property
    def beta(self) -> Any:
        """Membrane decay, as it is used."""
        return self.layer.params().beta

    @property
    def threshold(self) -> Any:
        """Threshold, as it is used."""
        return self.layer.params().v_th

    def init(self, x: Tensor) -> LateState:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        zeros = torch.zeros_like(x)
        return LateState(
            zeros, zeros if self.synaptic else None, None if self.recurrent is None else zeros
        )

    def step(self, x: Tensor, state: LateState) -> tuple[Any, LateState]:
        """One tick: spikes, with the state where that is handed out, and the new state."""
        params = self.layer.params(x).spread(x.shape)
        above = state.mem > params.v_th if params.strict else state.mem >= params.v_th
        before = above.to(x.dtype)
        held = before.to(torch.int32) if params.has_refractory else None
        i = state.syn if params.has_current else None
        start = LIFState(lif_reset(state.mem, before, params), i, held)
        drive = x if self.recurrent is None else x + self.recurrent(state.spk)
        spikes, after = lif_step(drive, start, replace(params, reset="none"))
        syn = None if not self.synaptic else drive if after.i is None else after.i
        new = LateState(after.v, syn, None if self.recurrent is None else spikes)
        if self.init_hidden and not self.output:
            return spikes, new
        return tuple(part for part in (spikes, syn, after.v) if part is not None), new

    def forward(self, x: Tensor, *state: Tensor | None, **named: Tensor | None) -> Any:
        """One tick of input (B, ...), with the state where that is passed on by hand."""
        given = dict(zip(self._names, state, strict=False)) | named
        if any(part is not None for part in given.values()):
            if self.init_hidden:
                raise ValidationError(
                    f"{type(self).__name__}: expected no state, since init_hidden=True keeps it, "
                    f"got {', '.join(given)}; leave it out"
                )
            out, self.held = self.step(x, self._given(x, given))
            return out
        running = RUNNING.now
        if running is not None:
            return running.visit(self, x)
        rested = self.held is None or self.held.mem.shape != x.shape
        out, self.held = self.step(x, self.init(x) if rested else self.held)
        return out

    def reset_mem(self) -> Any:
        """Put to rest; gives what stands for the state at rest."""
        self.held = None
        states = tuple(torch.zeros(0) for _ in self._names)
        return states if len(states) > 1 else states[0]

    init_leaky = init_lapicque = init_synaptic = init_rleaky = init_rsynaptic = reset_mem

    @property
    def _names(self) -> tuple[str, ...]:
        """Parts of the state in the order in which they are passed."""
        spikes = () if self.recurrent is None else ("spk",)
        return (*spikes, *(("syn",) if self.synaptic else ()), "mem")

    def _given(self, x: Tensor, given: Mapping[str, Tensor | None]) -> LateState:
        fitting = {
            name: part for name, part in given.items() if part is not None and part.shape == x.shape
        }
        return self.init(x)._replace(**fitting)


class Leaky(LateNeuron):
    """``snntorch.Leaky``, with its parameters.

    Examples
    --------
    >>> lif = Leaky(beta=0.5)
    >>> mem = lif.init_leaky()
    >>> for x in (0.75, 0.75, 0.0):
    ...     spk, mem = lif(torch.tensor([[x]]), mem)
    ...     print(int(spk), mem.item())
    0 0.75
    1 1.125
    0 -0.4375
    """

    def __init__(
        self, beta: Number, threshold: Number = 1.0, spike_grad: Any = None,
        surrogate_disable: bool = False, init_hidden: bool = False, inhibition: bool = False,
        learn_beta: bool = False, learn_threshold: bool = False,
        reset_mechanism: ResetMechanism = "subtract", state_quant: Any = False,
        output: bool = False, graded_spikes_factor: Number = 1.0,
        learn_graded_spikes_factor: bool = False, reset_delay: bool = True,
    ) -> None:  # fmt: skip
        _refuse_graded(learn_graded_spikes_factor)
        layer = like_snntorch(
            beta=beta, threshold=threshold, spike_grad=_step if surrogate_disable else spike_grad,
            inhibition=inhibition, learn_beta=learn_beta, learn_threshold=learn_threshold,
            reset_mechanism=reset_mechanism, state_quant=state_quant,
            graded_spikes_factor=graded_spikes_factor, reset_delay=reset_delay,
        )  # fmt: skip
        super().__init__(layer, init_hidden=init_hidden, output=output)


class Synaptic(LateNeuron):
    """``snntorch.Synaptic``, with its parameters."""

    def __init__(
        self, alpha: Number, beta: Number, threshold: Number = 1.0, spike_grad: Any = None,
        surrogate_disable: bool = False, init_hidden: bool = False, inhibition: bool = False,
        learn_alpha: bool = False, learn_beta: bool = False, learn_threshold: bool = False,
        reset_mechanism: ResetMechanism = "subtract", state_quant: Any = False,
        output: bool = False, reset_delay: bool = True,
    ) -> None:  # fmt: skip
        layer = like_snntorch(
            alpha=alpha, beta=beta, threshold=threshold,
            spike_grad=_step if surrogate_disable else spike_grad, inhibition=inhibition,
            learn_alpha=learn_alpha, learn_beta=learn_beta, learn_threshold=learn_threshold,
            reset_mechanism=reset_mechanism, state_quant=state_quant, reset_delay=reset_delay,
        )  # fmt: skip
        super().__init__(layer, synaptic=True, init_hidden=init_hidden, output=output)


class RLeaky(LateNeuron):
    """``snntorch.RLeaky``, with its parameters."""

    def __init__(
        self, beta: Number, V: Number = 1.0, all_to_all: bool = True,
        linear_features: int | None = None, conv2d_channels: int | None = None,
        kernel_size: Any = None, threshold: Number = 1.0, spike_grad: Any = None,
        surrogate_disable: bool = False, init_hidden: bool = False, inhibition: bool = False,
        learn_beta: bool = False, learn_threshold: bool = False, learn_recurrent: bool = True,
        reset_mechanism: ResetMechanism = "subtract", state_quant: Any = False,
        output: bool = False, reset_delay: bool = True,
    ) -> None:  # fmt: skip
        layer = like_snntorch(
            beta=beta, threshold=threshold, spike_grad=_step if surrogate_disable else spike_grad,
            inhibition=inhibition, learn_beta=learn_beta, learn_threshold=learn_threshold,
            reset_mechanism=reset_mechanism, state_quant=state_quant, reset_delay=reset_delay,
            kind="RLeaky",
        )  # fmt: skip
        back: torch.nn.Module
        if not all_to_all:
            back = _OneToOne(V)
        elif linear_features:
            back = torch.nn.Linear(linear_features, linear_features)
        elif conv2d_channels and kernel_size:
            sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
            back = torch.nn.Conv2d(
                conv2d_channels, conv2d_channels, sizes, padding=tuple(k // 2 for k in sizes)
            )
        else:
            raise ValidationError(
                "RLeaky: expected linear_features, or conv2d_channels and kernel_size, for "
                "all_to_all=True, got neither; linear_features=n"
            )
        back.requires_grad_(learn_recurrent)
        super().__init__(layer, recurrent=back, init_hidden=init_hidden, output=output)


class _OneToOne(torch.nn.Module):
    def __init__(self, V: Number) -> None:
        super().__init__()
        self.V = torch.nn.Parameter(torch.as_tensor(V, dtype=torch.get_default_dtype()))

    def forward(self, x: Tensor) -> Tensor:
        """Every spike times its own weight."""
        return x * self.V


def _step(u: Tensor) -> Tensor:
    return (u > 0).to(u.dtype)


def _refuse_graded(learned: bool) -> None:
    if learned:
        raise ConversionError(
            "Leaky: expected learn_graded_spikes_factor=False, got True; learn the weights behind"
        )
