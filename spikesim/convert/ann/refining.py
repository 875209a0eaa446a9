# SPDX-License-Identifier: Apache-2.0
"""Second runs that know how the first one ended: offset spikes, and residual potentials.

After T ticks a membrane should stand between 0 and its threshold: then the neuron has counted its
mean input. Above, it has sent too few spikes; below, too many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from spikesim.convert.ann.measuring import sequence
from spikesim.nn import LIFLayer, run
from spikesim.nn.time.stateful import stateful

#: Membrane at the start of the second run: (membrane at rest, after the first, threshold).
Restart = Callable[[Tensor, Tensor, Tensor], Tensor]


def offset(rest: Tensor, after: Tensor, threshold: Tensor) -> Tensor:
    """Start a threshold higher for a spike that was missing, lower for one too many.

    References
    ----------
    Z. Hao et al., "Bridging the gap between ANNs and SNNs by calibrating offset spikes", ICLR 2023.
    """
    return rest + threshold * torch.floor(after / threshold).clamp(-1.0, 1.0)


def srp(rest: Tensor, after: Tensor, threshold: Tensor) -> Tensor:
    """Keep neurons silent that have sent too many spikes.

    References
    ----------
    Z. Hao et al., "Reducing ANN-SNN conversion error through residual membrane potential", AAAI
    2023.
    """
    return torch.where(after < 0.0, -torch.inf, rest)


REFINEMENTS: dict[str, Restart] = {"offset": offset, "srp": srp}


def second_start(
    net: torch.nn.Module, steps: int, refine: str | None
) -> Callable[[Tensor], dict[str, Any] | None]:
    """Give what finds the state to begin with for input (B, ...); None is at rest.

    Parameters
    ----------
    net : torch.nn.Module
        For `nn.run`.
    steps : int
        Ticks of the first run.
    refine : {"offset", "srp"} or None
        What is made of it; None for no first run.
    """

    def start(x: Tensor) -> dict[str, Any] | None:
        if refine is None:
            return None
        _, after = run(net, sequence(x, steps))
        found: dict[str, Any] = dict.fromkeys(after)  # at rest
        for path, module in stateful(net).items():
            if isinstance(module, LIFLayer):
                v = after[path].v
                rest = module.init(v)
                threshold = torch.as_tensor(module.params(v).v_th)
                found[path] = rest._replace(v=REFINEMENTS[refine](rest.v, v, threshold))
        return found

    return start
