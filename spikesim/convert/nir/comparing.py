# SPDX-License-Identifier: Apache-2.0
"""Whether a graph that was written gives the spikes of the net that it was written from."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim import nn
from spikesim.convert.nir.importing import from_nir
from spikesim.errors import ConversionError

_TICKS, _BATCH = 32, 4
_ROUNDED = 1e-9
"""Of membranes; sums of another order differ in float64 by less. Spikes are whole numbers."""


def same_spikes(net: torch.nn.Module, written: io.BytesIO, input_shape: tuple[int, ...]) -> None:
    """Run both nets on drawn input, spikes and numbers, in float64.

    Raises
    ------
    ConversionError
        If they give something else.
    """
    again = from_nir(written, dtype=torch.float64)
    dice = torch.Generator().manual_seed(0)
    drawn = torch.rand(_TICKS, _BATCH, *input_shape, generator=dice, dtype=torch.float64)
    spikes = (drawn[:, ::2] < 0.3).double()
    x = torch.cat([spikes, 4.0 * drawn[:, 1::2] - 1.0], 1)
    with torch.no_grad():
        expected, found = (_outputs(nn.run(one, x)[0]) for one in (_exact(net), again))
    for k, (a, b) in enumerate(zip(expected, found, strict=True)):
        if a.shape != b.shape or not torch.allclose(a, b, rtol=_ROUNDED, atol=_ROUNDED):
            raise ConversionError(
                f"to_nir: output {k}: expected the spikes of the net from what was written, got "
                f"others at {int((a != b).sum()) if a.shape == b.shape else 'all'} of {a.numel()} "
                "places; nothing was written: report the net, or give check=False"
            )


def _exact(net: torch.nn.Module) -> torch.nn.Module:
    """Copy of a net in float64, with the constants that were written and sums as torch's."""
    made = copy.deepcopy(net).double().eval()
    for original in [net, *net.modules()]:
        for name, child in original.named_children():
            place = _same_place(net, made, original)
            if isinstance(child, nn.LIFLayer):
                setattr(place, name, _of(child))
            elif isinstance(child, nn.Linear):
                setattr(place, name, _dense(child))
    return _of(net).double() if isinstance(net, nn.LIFLayer) else made


def _same_place(net: torch.nn.Module, made: torch.nn.Module, module: torch.nn.Module) -> Any:
    path = next(path for path, one in net.named_modules() if one is module)
    return made.get_submodule(path)


def _of(layer: nn.LIFLayer) -> nn.LIFLayer:
    lif = layer.canonical()
    given = {field.name: getattr(lif, field.name) for field in fields(lif)}
    if layer.shape is not None:
        arrays = {key: value for key, value in given.items() if isinstance(value, np.ndarray)}
        given |= {key: value.reshape(layer.shape) for key, value in arrays.items()}
    return nn.LIFLayer(layer.shape, **given)


def _dense(layer: nn.Linear) -> torch.nn.Linear:
    dense = torch.nn.Linear(layer.in_features, layer.out_features, layer.bias is not None)
    dense.load_state_dict(layer.state_dict())
    return dense.double()


def _outputs(given: Any) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given]
    if isinstance(given, Mapping):
        return list(given.values())
    return list(given)
