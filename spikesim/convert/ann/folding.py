# SPDX-License-Identifier: Apache-2.0
"""Batch normalization as weights: of the layer before it, of the layer after it, or constants."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, fx

from spikesim.convert.ann import operations as ops

_FOLDED = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)


def fold(root: torch.nn.Module, graph: fx.Graph, own: str) -> None:
    """Take batch normalization out of a graph, in place, where the function stays as it is.

    A layer that is called in several places gets a copy in each that is folded, under ``own``.
    The nodes know their shapes (``tensor_meta``).
    """
    for node in list(graph.nodes):
        if not isinstance(_module(root, node), ops.NORMS):
            continue
        before = node.args[0]
        assert isinstance(before, fx.Node)
        scale, shift = affine(_module(root, node))
        after = _sole_user(node)
        plain = before.meta["tensor_meta"].shape  # a Linear on more axes has other channels
        if _sole_user(before) is node and _gives_channels(_module(root, before), len(plain)):
            layer = _own_copy(root, before, own)
            _fold_back(layer, scale, shift)
        elif after is not None and _takes(_module(root, after), len(plain), shift):
            layer = _own_copy(root, after, own)
            _fold_forward(layer, scale, shift)
        else:
            _as_constants(root, graph, node, own, scale, shift)
            continue
        node.replace_all_uses_with(before)
        graph.erase_node(node)


def affine(norm: Any) -> tuple[Tensor, Tensor]:
    """Scale and shift per channel of a batch normalization in evaluation, in float64.

    Examples
    --------
    >>> norm = torch.nn.BatchNorm1d(1, eps=0.0)
    >>> norm.running_mean.fill_(3.0), norm.running_var.fill_(4.0)
    (tensor([3.]), tensor([4.]))
    >>> [float(part) for part in affine(norm)]
    [0.5, -1.5]
    """
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.detach().double()
    shift = -norm.running_mean.double() * scale
    if norm.bias is not None:
        shift = shift + norm.bias.detach().double()
    return scale, shift


def _gives_channels(layer: Any, n_axes: int) -> bool:
    return isinstance(layer, _FOLDED) and (n_axes == 2 or not isinstance(layer, torch.nn.Linear))


def _takes(layer: Any, n_axes: int, shift: Tensor) -> bool:
    """Whether a layer can take a batch normalization before it: no zeros of a padding between."""
    if not _gives_channels(layer, n_axes):
        return False
    padding = getattr(layer, "padding", 0)
    padded = padding == "same" or (isinstance(padding, tuple) and any(padding))
    return not padded or (layer.padding_mode == "zeros" and not shift.any())


def _fold_back(layer: Any, scale: Tensor, shift: Tensor) -> None:
    weight = layer.weight.detach().double()
    bias = 0.0 if layer.bias is None else layer.bias.detach().double()
    _set(layer, weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), bias * scale + shift)


def _fold_forward(layer: Any, scale: Tensor, shift: Tensor) -> None:
    weight = layer.weight.detach().double()
    groups = getattr(layer, "groups", 1)
    # (groups, out, in, ...): each group sees its own channels.
    split = weight.reshape(groups, -1, *weight.shape[1:])
    by_channel = (groups, 1, -1, *[1] * (weight.ndim - 2))
    bias = (split * shift.reshape(by_channel)).flatten(2).sum(2).reshape(-1)
    if layer.bias is not None:
        bias = bias + layer.bias.detach().double()
    _set(layer, (split * scale.reshape(by_channel)).reshape(weight.shape), bias)


def _set(layer: Any, weight: Tensor, bias: Tensor) -> None:
    kind = layer.weight
    layer.weight = torch.nn.Parameter(weight.to(kind.dtype), requires_grad=kind.requires_grad)
    layer.bias = torch.nn.Parameter(bias.to(kind.dtype), requires_grad=kind.requires_grad)


def _as_constants(
    root: torch.nn.Module, graph: fx.Graph, node: fx.Node, own: str, scale: Tensor, shift: Tensor
) -> None:
    norm: Any = _module(root, node)
    shape = (-1, *[1] * (len(node.meta["tensor_meta"].shape) - 2))
    holder = root.get_submodule(own)
    constants = []
    for name, value in (("scale", scale), ("shift", shift)):
        holder.register_buffer(f"{node.name}_{name}", value.to(norm.running_mean).reshape(shape))
        constants.append(f"{own}.{node.name}_{name}")
    with graph.inserting_before(node):
        scaled = graph.call_function(torch.mul, (node.args[0], _constant(graph, constants, 0)))
        shifted = graph.call_function(torch.add, (scaled, _constant(graph, constants, 1)))
    node.replace_all_uses_with(shifted)
    graph.erase_node(node)


def _constant(graph: fx.Graph, names: list[str], k: int) -> fx.Node:
    return graph.create_node("get_attr", names[k])  # get_attr() would look in another module


def _own_copy(root: torch.nn.Module, node: fx.Node, own: str) -> torch.nn.Module:
    layer = copy.deepcopy(_module(root, node))
    assert layer is not None
    root.get_submodule(own).add_module(node.name, layer)
    node.target = f"{own}.{node.name}"
    return layer


def _module(root: torch.nn.Module, node: fx.Node) -> torch.nn.Module | None:
    return root.get_submodule(str(node.target)) if node.op == "call_module" else None


def _sole_user(node: fx.Node) -> fx.Node | None:
    users = list(node.users)
    return users[0] if len(users) == 1 else None
