# SPDX-License-Identifier: Apache-2.0
"""Move float weights onto the values that their integers stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.fixed.constants import shared_by_run
from spikesim.nn.graph.handlers import HANDLERS, Handlers
from spikesim.nn.graph.spikemap import SpikeMap
from spikesim.nn.integers.populations import IntegerLayer
from spikesim.nn.layers.network import Conv2d, Linear

_WEIGHING = (Linear, Conv2d, torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d)

_COMPOSED = (
    "expected neurons driven by one Linear or convolution alone, got a sum or what is composed; "
    "export and compile the net as it is, which gives the same integers"
)

#: By the identity of a part, kept alive: the module whose weights it holds, as they are.
Origins = dict[int, tuple[Any, torch.nn.Module]]


def noting(origins: Origins) -> Handlers:
    """Handlers that note which module the weights on the spikes of one source come from."""

    def wrapped(handler: Callable[..., Any]) -> Callable[..., Any]:
        def call(module: torch.nn.Module, x: SpikeMap) -> SpikeMap:
            made: SpikeMap = handler(module, x)
            if x.source is not None:
                (part,) = made.parts.values()
                origins[id(part)] = part, module
            return made

        return call

    return {**HANDLERS, **{kind: wrapped(HANDLERS[kind]) for kind in _WEIGHING}}


@torch.no_grad()
def snap_(layers: Sequence[IntegerLayer], origins: Origins) -> None:
    """Write to the modules what their codes stand for; everything or nothing.

    Raises
    ------
    ValidationError
        With every population that is not driven by the weights of one module alone.
    """
    problems, found = [], []
    for layer in layers:
        try:
            found.append(_found(layer, origins))
        except ValidationError as error:
            problems += [f"snap_: {layer.layer.who}: {text}" for text in error.problems]
    uses = Counter(id(parameter) for values in found for parameter, _ in values)
    if max(uses.values(), default=1) > 1:
        problems.append(
            "snap_: expected weights of their own for every population, got shared ones"
        )
    if problems:
        raise ValidationError(problems)
    for values in found:
        for parameter, value in values:
            parameter.copy_(value)


def _found(layer: IntegerLayer, origins: Origins) -> list[tuple[Tensor, Tensor]]:
    """Parameters behind a population, and the values for them."""
    q, drive = layer.q, layer.layer.drive
    parts = list(layer.parts.values())
    kept, module = origins.get(id(parts[0]), (None, None)) if len(parts) == 1 else (None, None)
    if module is None or kept is not parts[0] or not _equal(drive.bias, module.bias):
        raise ValidationError(_COMPOSED)
    unit = np.where(layer.gain == 0.0, 0.0, 1.0 / np.where(layer.gain == 0.0, 1.0, layer.gain))
    (block,) = q.weights
    each = slice(None, None, q.n // block.shape[1])  # of a channel, the first neuron
    values = (block * (unit / q.weight_scale)[each]).T
    found = [(module.weight, torch.from_numpy(values.copy()).reshape(module.weight.shape))]
    learned = layer.lif._parameters.get("bias")
    if module.bias is not None:
        rest = q.bias / q.scale - np.asarray(layer.neuron.bias)
        found.append((module.bias, _fitting(rest * unit, module.bias)))
    elif learned is not None:
        found.append((learned, _fitting(q.bias / q.scale, learned)))
    return found


def _fitting(values: np.ndarray, parameter: Tensor) -> Tensor:
    """Give what neurons have in common as a parameter of equal runs of them has it."""
    if not shared_by_run(values, parameter.numel()):
        raise ValidationError(
            "expected a bias whose codes are those of a parameter, got one that is shared by "
            "neurons whose codes are not alike; learn it per neuron"
        )
    first = values.reshape(parameter.numel(), -1)[:, 0]
    return torch.from_numpy(first.copy()).reshape(parameter.shape)


def _equal(drive: Tensor | None, bias: Tensor | None) -> bool:
    """Whether what does not depend on spikes is the bias of the module alone."""
    if drive is None or bias is None:
        return drive is bias
    each = bias.double().reshape(-1).repeat_interleave(drive.numel() // bias.numel())
    return torch.equal(drive, each)
