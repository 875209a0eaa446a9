# SPDX-License-Identifier: Apache-2.0
"""Modules that carry nothing from tick to tick as nodes of NIR, with full shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from spikesim import nn
from spikesim.convert.nir.shapes import flattened
from spikesim.errors import ValidationError

Shape = tuple[int, ...]
Made = tuple[Any, Shape]


def first_shape(net: torch.nn.Module, node: fx.Node) -> Shape | None:
    """Axes that whatever comes first wants; a Flatten may as well be given one axis."""
    for user in node.users:
        if user.op != "call_module":
            continue
        module = net.get_submodule(str(user.target))
        if isinstance(module, torch.nn.Linear):
            return (module.in_features,)
        shape = getattr(module, "input_shape", None) or getattr(module, "shape", None)
        if shape is not None:
            return tuple(shape)
        if isinstance(module, torch.nn.Flatten | torch.nn.Identity | torch.nn.Dropout):
            return first_shape(net, user)
    return getattr(net, "input_shape", None)


def _linear(nir: Any, module: torch.nn.Linear, shape: Shape, _: str) -> Made:
    n_out, n_in = module.weight.shape
    if shape != (n_in,):
        raise ValidationError(
            f"expected input of shape ({n_in},), got {shape}; a Flatten before it makes one axis "
            "of several"
        )
    weight = _array(module.weight)
    if module.bias is None:
        return nir.Linear(weight=weight), (n_out,)
    return nir.Affine(weight=weight, bias=_array(module.bias)), (n_out,)


def _conv(nir: Any, module: Any, shape: Shape, groups: str) -> Made:
    axes = module.weight.ndim - 2
    if module.padding_mode != "zeros":
        raise ValidationError(f"expected padding with zeros, got {module.padding_mode!r}")
    if len(shape) != axes + 1 or shape[0] != module.in_channels:
        raise ValidationError(f"expected {module.in_channels} channels, got axes {shape}")
    weight = module.weight
    if module.groups > 1:
        if groups == "refuse":
            raise ValidationError(
                f"expected one group, got {module.groups}, which nir does not read; "
                "groups='dense' writes the kernel with zeros"
            )
        weight = _block_diagonal(weight, module.groups)
    weight, padding = _square(weight, module)
    bias = torch.zeros(len(weight)) if module.bias is None else module.bias
    stride, dilation = module.stride, module.dilation
    if axes == 1:
        padding = padding if isinstance(padding, str) else padding[0]
        stride, dilation = stride[0], dilation[0]
    make = nir.Conv1d if axes == 1 else nir.Conv2d
    node = make(
        input_shape=shape[1] if axes == 1 else tuple(shape[1:]), weight=_array(weight),
        stride=stride, padding=padding, dilation=dilation, groups=1,
        bias=_array(bias.to(weight.dtype)),
    )  # fmt: skip
    return node, _out(module, shape)


def _square(weight: Tensor, module: Any) -> tuple[Tensor, Any]:
    """Give the kernel with zeros around it, so that it is square, and the padding for that.

    From the height of a kernel alone, nir tells the axes of what comes out.
    """
    sizes = weight.shape[2:]
    more = [max(sizes) - n for n in sizes]
    if not any(more):
        return weight, module.padding
    if any(n % 2 for n in more):
        raise ValidationError(
            f"expected a kernel that zeros around it make square, got {tuple(sizes)}; nir does not "
            "read it: give it axes that are all even, or all odd"
        )
    around = [n // 2 for n in reversed(more) for _ in range(2)]
    padding = [0] * len(more) if module.padding == "valid" else module.padding
    if padding != "same":
        each = zip(padding, module.dilation, more, strict=True)
        padding = tuple(p + dilation * n // 2 for p, dilation, n in each)
    return torch.nn.functional.pad(weight.detach(), around), padding


def _norm(nir: Any, module: Any, shape: Shape, _: str) -> Made:
    """Batch normalization in evaluation, as a matrix or a kernel of 1 with a diagonal."""
    if module.running_mean is None or module.running_var is None:
        raise ValidationError("expected running statistics; make it with track_running_stats=True")
    if shape[:1] != (module.num_features,):
        raise ValidationError(f"expected {module.num_features} channels, got axes {shape}")
    factor = 1.0 / np.sqrt(_array(module.running_var).astype(np.float64) + module.eps)
    if module.weight is not None:
        factor = factor * _array(module.weight)
    shift = -_array(module.running_mean) * factor
    if module.bias is not None:
        shift = shift + _array(module.bias)
    kernel = np.diag(factor)
    if len(shape) == 1:
        return nir.Affine(weight=kernel, bias=shift), shape
    make = nir.Conv1d if len(shape) == 2 else nir.Conv2d
    node = make(
        input_shape=shape[1] if len(shape) == 2 else tuple(shape[1:]),
        weight=kernel.reshape(*kernel.shape, *[1] * (len(shape) - 1)),
        stride=1, padding=0, dilation=1, groups=1, bias=shift,
    )  # fmt: skip
    return node, shape


def _pool(nir: Any, module: torch.nn.AvgPool2d, shape: Shape, _: str) -> Made:
    kernel, stride, padding = (
        np.array(np.broadcast_to(value, 2))
        for value in (module.kernel_size, module.stride, module.padding)
    )
    summed = module.divisor_override == 1
    if module.ceil_mode or (padding.any() and not module.count_include_pad):
        raise ValidationError(
            "expected an average over whole windows, zeros around it counted; make it with "
            "ceil_mode=False, count_include_pad=True"
        )
    if module.divisor_override is not None and not summed:
        raise ValidationError(
            f"expected an average or a sum, got divisor_override={module.divisor_override}"
        )
    if len(shape) != 3:
        raise ValidationError(f"expected axes (channels, height, width), got {shape}")
    make = nir.SumPool2d if summed else nir.AvgPool2d
    return make(kernel_size=kernel, stride=stride, padding=padding), _out(module, shape)


def _flatten(nir: Any, module: torch.nn.Flatten, shape: Shape, _: str) -> Made:
    n = len(shape) + 1
    start, end = module.start_dim % n, module.end_dim % n
    out = flattened(shape, start - 1, end - 1) if start else None
    if out is None:
        raise ValidationError("expected a flatten that keeps the batch, start_dim=1")
    node = nir.Flatten(input_type={"input": np.array(shape)}, start_dim=start - 1, end_dim=end - 1)
    return node, out


def _diagonal(nir: Any, module: nn.Diagonal, shape: Shape, _: str) -> Made:
    scale = np.broadcast_to(_array(module.weight), shape)
    return nir.Scale(scale=np.ascontiguousarray(scale)), shape


def _block_diagonal(weight: Tensor, groups: int) -> Tensor:
    """Give the kernel of all channels, zero where a group does not look."""
    n_out, n_in = weight.shape[0] // groups, weight.shape[1]
    dense = weight.new_zeros(weight.shape[0], n_in * groups, *weight.shape[2:])
    for k in range(groups):
        rows = slice(k * n_out, (k + 1) * n_out)
        dense[rows, k * n_in : (k + 1) * n_in] = weight[rows].detach()
    return dense


def _out(module: torch.nn.Module, shape: Shape) -> Shape:
    kind = next((p.dtype for p in module.parameters()), torch.float32)
    with torch.no_grad():
        try:
            return tuple(module(torch.zeros(1, *shape, dtype=kind)).shape[1:])
        except RuntimeError as error:
            raise ValidationError(
                f"expected input that fits, got axes {shape} ({error})"
            ) from error


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()


#: By kind of module: what makes its node, and the axes of its output.
MAKERS: Mapping[type, Callable[[Any, Any, Shape, str], Made]] = {
    nn.Linear: _linear,
    torch.nn.Linear: _linear,
    torch.nn.Conv1d: _conv,
    torch.nn.Conv2d: _conv,
    torch.nn.BatchNorm1d: _norm,
    torch.nn.BatchNorm2d: _norm,
    torch.nn.AvgPool2d: _pool,
    torch.nn.Flatten: _flatten,
    nn.Diagonal: _diagonal,
}
