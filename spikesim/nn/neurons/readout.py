# SPDX-License-Identifier: Apache-2.0
"""Membranes as outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.nn.functional import LIFState
from spikesim.nn.neurons.learned import Granularity
from spikesim.nn.neurons.lif import Constant, LIFLayer
from spikesim.nn.time.stateful import Stateful

_NEVER = float("inf")


class LI(Stateful):
    """Leaky integrators that never fire; the output is their membrane.

    ``i = alpha i + x``, ``v = beta v + gain i + bias``, as `LIFLayer` without a threshold.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons, as of `LIFLayer`.
    beta, alpha, gain, bias, v_init : float or array
        As of `LIFLayer`.
    learn : sequence of str, or mapping of str to {"neuron", "channel", "layer"}
        Among ``beta, alpha, tau_mem, tau_syn, gain, bias``.

    Raises
    ------
    ValidationError
        As `LIFLayer`.

    Notes
    -----
    Exported, it is a population that never fires. Its membrane, recorded as ``"layer1.v"``, is
    the output, ``start_tick`` ticks later.

    Examples
    --------
    >>> import torch
    >>> LI(1, beta=0.5)(torch.ones(3, 1, 1)).flatten().tolist()
    [1.0, 1.5, 1.75]
    """

    def __init__(
        self,
        shape: int | Sequence[int] | None = None,
        *,
        beta: Constant = 0.9375,
        alpha: Constant = 0.0,
        gain: Constant = 1.0,
        bias: Constant = 0.0,
        v_init: Constant = 0.0,
        learn: Sequence[str] | Mapping[str, Granularity] = (),
    ) -> None:
        super().__init__()
        names = {learn} if isinstance(learn, str) else set(learn)
        if silent := sorted(names & {"v_th", "reset_amount"}):
            raise ValidationError(f"LI: expected to learn what acts on the membrane, got {silent}")
        self.integrator = LIFLayer(
            shape, beta=beta, alpha=alpha, gain=gain, bias=bias, v_init=v_init, v_th=_NEVER,
            reset="none", learn=learn,
        )  # fmt: skip

    @classmethod
    def of(cls, integrator: LIFLayer) -> LI:
        """Give the membranes of neurons whose threshold is infinite; the layer is shared.

        Raises
        ------
        ValidationError
            If a neuron could fire.
        """
        if not np.all(np.asarray(integrator.canonical().v_th) == _NEVER):
            raise ValidationError("LI: expected neurons with v_th=inf, got some that can fire")
        made = cls.__new__(cls)
        Stateful.__init__(made)
        made.integrator = integrator
        return made

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Neurons; None where the shape is left open."""
        return self.integrator.shape

    def canonical(self) -> neurons.LIF:
        """Give the neuron as plain data; see `LIFLayer.canonical`."""
        return self.integrator.canonical()

    def init(self, x: Tensor) -> LIFState:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        return self.integrator.init(x)

    def step(self, x: Tensor, state: LIFState) -> tuple[Tensor, LIFState]:
        """One tick: membrane after input (B, ...), and the new state."""
        _, after = self.integrator.step(x, state)
        return after.v, after
