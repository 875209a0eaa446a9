# SPDX-License-Identifier: Apache-2.0
"""Nodes of NIR that carry nothing from tick to tick, as torch modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from spikesim import nn
from spikesim.convert.nir.tree import Node


def ordinary_module(
    node: Node, dtype: torch.dtype, shape: Sequence[int], *, torch_numbers: bool = False
) -> torch.nn.Module:
    """Give the module of a node without state.

    Parameters
    ----------
    node : Node
        None that integrates, and no Threshold or Delay.
    dtype : torch.dtype
        Of parameters.
    shape : sequence of int
        Axes of its input, without batch.
    torch_numbers : bool
        Whether a Flatten numbers its axes with the batch.

    Raises
    ------
    ValueError, RuntimeError
        If torch has no such module.
    """
    values, kind = node.values, node.kind
    if kind in ("Affine", "Linear"):
        n_out, n_in = values["weight"].shape
        return _filled(torch.nn.Linear(n_in, n_out, _has_bias(node)), node, dtype)
    if kind in ("Conv1d", "Conv2d"):
        make = torch.nn.Conv1d if kind == "Conv1d" else torch.nn.Conv2d
        axes, groups = (1 if kind == "Conv1d" else 2), whole(values["groups"])
        n_out, n_in = values["weight"].shape[:2]
        padding = values["padding"]
        module: Any = make(
            n_in * groups, n_out, values["weight"].shape[2:],
            stride=_each(values["stride"], axes), dilation=_each(values["dilation"], axes),
            padding=padding if isinstance(padding, str) else _each(padding, axes),
            groups=groups, bias=_has_bias(node),
        )  # fmt: skip
        return _filled(module, node, dtype)
    if kind in ("SumPool2d", "AvgPool2d"):
        kernel = _each(values["kernel_size"], 2)
        stride = kernel if values["stride"] is None else _each(values["stride"], 2)
        padding = _each(values["padding"], 2)
        return torch.nn.AvgPool2d(
            kernel, stride, padding, divisor_override=1 if kind == "SumPool2d" else None
        )
    if kind == "Flatten":
        start, end = whole(values["start_dim"]), whole(values["end_dim"])
        if torch_numbers:
            return torch.nn.Flatten(start, end)
        return torch.nn.Flatten(start + (start >= 0), end + (end >= 0))
    if kind == "Scale":
        diagonal = nn.Diagonal(shape).to(dtype)
        with torch.no_grad():
            diagonal.weight.copy_(torch.tensor(spread(values["scale"], shape)))
        return diagonal
    return torch.nn.Identity()


def spread(values: Any, shape: Sequence[int]) -> np.ndarray:
    """Give one number per entry of a shape; axes of size 1 in front, the batch, are left out.

    Raises
    ------
    ValueError
        If there are as many numbers as for another shape.

    Examples
    --------
    >>> spread([[1.0, 2.0]], (2,)).tolist(), spread(3.0, (2,)).tolist()
    ([1.0, 2.0], [3.0, 3.0])
    """
    array = np.asarray(values)
    while array.ndim > len(shape) and len(array) == 1:
        array = array[0]
    return np.broadcast_to(array, tuple(shape))


def whole(value: Any) -> int:
    """Give a single whole number.

    Raises
    ------
    ValueError
        If it is none.
    """
    (number,) = _each(value, 1)
    return number


def _each(value: Any, axes: int) -> tuple[int, ...]:
    array = np.asarray(value).reshape(-1)
    if array.size not in (1, axes) or (array != np.floor(array)).any():
        raise ValueError(f"expected a whole number for each of {axes} axes, got {array.tolist()}")
    return tuple(int(n) for n in np.broadcast_to(array, axes))


def _has_bias(node: Node) -> bool:
    # Writers fill up with zeros where there is no bias, and neurons with a current want none.
    bias = node.values.get("bias")
    return bias is not None and bool(np.any(bias))


def _filled(module: Any, node: Node, dtype: torch.dtype) -> torch.nn.Module:
    module.to(dtype)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(np.asarray(node.values["weight"])))
        if module.bias is not None:
            bias = np.broadcast_to(node.values["bias"], module.bias.shape)
            module.bias.copy_(torch.tensor(bias))
    filled: torch.nn.Module = module
    return filled
