# SPDX-License-Identifier: Apache-2.0
"""What any linear function does to weighted sums of spikes: it is asked, spike by spike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from spikesim.errors import ValidationError
from spikesim.nn.graph.kernel import unit_matrix
from spikesim.nn.graph.spikemap import SpikeMap

_ROUNDED = 1e-9
"""Share of the sum of absolute terms that float64 sums of up to a million may be apart."""


def linear_map(what: Any, x: SpikeMap, *args: Any, **options: Any) -> SpikeMap:
    """Handle what is linear in its one input: it is asked what it makes of each spike.

    Parameters
    ----------
    what : module or function
        Takes float64 tensors (B, ...); no sample depends on another.
    x : SpikeMap
        Its input.
    *args, **options
        What it is called with beside.

    Raises
    ------
    ValidationError
        If zeros give something, parts do not add up, or the matrix would be too large.

    Examples
    --------
    >>> x = SpikeMap.of("in", (1, 4))
    >>> linear_map(torch.nn.AvgPool1d(2), x).parts["in"].tolist()
    [[0.5, 0.0], [0.5, 0.0], [0.0, 0.5], [0.0, 0.5]]
    """
    call = _in_double(what) if isinstance(what, torch.nn.Module) else what
    with torch.no_grad():
        nothing = call(torch.zeros(1, *x.shape, dtype=torch.float64), *args, **options)
    if nothing.any():
        raise ValidationError("expected a linear module, got one that makes something of zeros")
    each = unit_matrix(x.n, nothing.numel()).reshape(x.n, *x.shape)
    matrix = call(each, *args, **options).reshape(x.n, -1)
    probe = torch.arange(x.n) * 7 % 5 - 2.0
    with torch.no_grad():
        found = call(probe.double().reshape(1, *x.shape), *args, **options).reshape(-1)
        known = matrix.numpy(force=True)
    values = probe.double().numpy()
    if np.any(np.abs(found.numpy() - values @ known) > _ROUNDED * (np.abs(values) @ np.abs(known))):
        raise ValidationError("expected a linear module, got one whose parts do not add up")
    return x.through(matrix, nothing.shape[1:])


def _in_double(module: torch.nn.Module) -> Callable[..., Any]:
    """Give the same in evaluation and float64, with the parameters that the module has."""
    tensors = {
        name: tensor.double() if tensor.is_floating_point() else tensor
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }
    alike = copy.deepcopy(module).eval()
    return lambda *args, **options: torch.func.functional_call(alike, tensors, args, options)


def by_channel(values: torch.Tensor, like: SpikeMap) -> torch.Tensor:
    """Give values of channels the axes of a sum."""
    return values.reshape(-1, *[1] * (len(like.shape) - 1))


def double(values: Any) -> torch.Tensor:
    """Give numbers as a float64 tensor, which holds every float32 as it is."""
    return torch.as_tensor(values).double().cpu()
