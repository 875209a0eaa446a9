# SPDX-License-Identifier: Apache-2.0
"""A net as projections and populations in turn, for kernels that run rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from spikesim.errors import ValidationError
from spikesim.nn.layers.network import SpikingNet
from spikesim.nn.layers.norm import Dropout
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.running import is_row

_PASSED_OVER = (torch.nn.Dropout, Dropout, torch.nn.Identity)


class Stage(NamedTuple):
    """A projection and the population behind it, and the path of the latter in the net."""

    linear: torch.nn.Linear
    lif: LIFLayer
    path: str


def chain(model: torch.nn.Module) -> list[Stage]:
    """Give a net as projections and populations in turn.

    Parameters
    ----------
    model : torch.nn.Module
        ``Sequential``, nested or not, of Linear and LIFLayer in turn; Dropout and Identity are
        passed over.

    Raises
    ------
    ValidationError
        With every module that does not fit, by its path.
    """
    stages: list[Stage] = []
    problems: list[str] = []
    linear: torch.nn.Linear | None = None
    for path, module in _leaves("", model):
        if isinstance(module, torch.nn.Linear):
            sizes = (stages[-1].linear.out_features if stages else None, module.in_features)
            problems += _misfits(path, module, linear is None, "LIFLayer", sizes)
            linear = module
        elif isinstance(module, LIFLayer):
            own = module.n if module.shape is None or len(module.shape) == 1 else module.shape
            sizes = (linear.out_features if linear is not None else None, own)
            problems += _misfits(path, module, linear is not None, "Linear", sizes)
            if linear is not None:
                stages.append(Stage(linear, module, path))
            linear = None
        elif not isinstance(module, _PASSED_OVER):
            problems.append(f"{_who(path, module)} without a counterpart in a network")
    if linear is not None:
        problems.append("no LIFLayer at the end")
    if problems or not stages:
        raise ValidationError(
            f"{type(model).__name__}: expected Linear, LIFLayer, Linear, LIFLayer, ... in a row, "
            f"got {'; '.join(problems) or 'no layers'}"
        )
    return stages


def _leaves(path: str, module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    if not is_row(module) and not (isinstance(module, SpikingNet) and module.over_time):
        yield path, module
        return
    for key, child in module._modules.items():  # named_children() leaves out what comes again
        yield from _leaves(f"{path}.{key}" if path else key, child)


def _misfits(
    path: str, module: torch.nn.Module, in_turn: bool, other: str, sizes: tuple[Any, Any]
) -> list[str]:
    """Why a module does not go on from the one before; ``sizes`` of both where they are known."""
    who = _who(path, module)
    if not in_turn:
        return [f"{who} without a {other} before it"]
    if None not in sizes and sizes[0] != sizes[1]:
        return [f"{who} of {sizes[1]} for {sizes[0]}"]
    return []


def _who(path: str, module: torch.nn.Module) -> str:
    return f"{path!r} ({type(module).__name__})"
