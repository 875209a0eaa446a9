# SPDX-License-Identifier: Apache-2.0
"""Handlers of what moves a window over its input: convolutions and averages.

They stay kernels, where networks know their kind, and are matrices otherwise.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import torch
from torch.nn import functional

from spikesim.errors import ValidationError
from spikesim.nn.graph.kernel import Kernel
from spikesim.nn.graph.linear import by_channel, double, linear_map
from spikesim.nn.graph.spikemap import SpikeMap
from spikesim.nn.layers.network import Conv2d


def _conv(module: Any, x: SpikeMap) -> SpikeMap:
    around = module.stride, module.padding, module.dilation, module.groups
    if module.padding_mode == "zeros":
        return _conv_function(None, x, module.weight, module.bias, *around)
    bare = copy.copy(module)
    bare._parameters = {**module._parameters, "bias": None}
    return _biased(linear_map(bare, x), module.bias)


def _own_conv(module: Conv2d, x: SpikeMap) -> SpikeMap:
    if module.pool != 1:
        raise ValidationError(
            "expected no pool: the largest of several spikes is no sum of them; pool by the average"
        )
    return _conv(module, x)


def _conv_function(
    _: Any, x: SpikeMap, weight: torch.Tensor, bias: torch.Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> SpikeMap:  # fmt: skip
    sizes, channels = weight.shape[2:], weight.shape[1] * groups
    axes = len(sizes)
    if len(x.shape) != axes + 1 or x.shape[0] != channels:
        raise ValidationError(
            f"expected input of {channels} channels and {axes} axes more, got shape {x.shape}"
        )
    steps, apart = _each(stride, axes), _each(dilation, axes)
    reach = [d * (k - 1) for d, k in zip(apart, sizes, strict=True)]
    same = padding == "same"
    if isinstance(padding, str):
        around = tuple(n // 2 for n in reach) if same else (0,) * axes
    else:
        around = _each(padding, axes)
    if axes > 2 or (same and any(n % 2 for n in reach)):  # networks do not know its kind
        out = linear_map(
            _CONV_FUNCTIONS[axes], x, double(weight), None, steps, padding, apart, groups
        )
    else:
        out = x.convolved(Kernel(double(weight), x.shape[1:], steps, around, apart, groups))
    return _biased(out, bias)


def _biased(x: SpikeMap, bias: torch.Tensor | None) -> SpikeMap:
    return x if bias is None else x.shifted(by_channel(double(bias), x))


def _each(value: Any, axes: int) -> tuple[int, ...]:
    """Give a number for every axis, where one may stand for all."""
    given = tuple(value) if isinstance(value, tuple | list) else (value,)
    return given * axes if len(given) == 1 else given


def _pool_module(module: Any, x: SpikeMap) -> SpikeMap:
    axes = 1 if isinstance(module, torch.nn.AvgPool1d) else 2
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    options = {name: getattr(module, name) for name in names}
    if getattr(module, "divisor_override", None) is not None:
        return linear_map(module, x)
    return _pool(axes, lambda given, *_, **__: module(given), x, **options)


def _pool(
    axes: int, function: Any, x: SpikeMap, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, **options: Any,
) -> SpikeMap:  # fmt: skip
    strides = kernel_size if stride is None else stride
    window, steps, around = (_each(value, axes) for value in (kernel_size, strides, padding))
    weighs_alike = not ceil_mode and (count_include_pad or not any(around)) and not options
    if weighs_alike and len(x.shape) == axes + 1:
        return x.convolved(Kernel.average(x.shape[0], window, x.shape[1:], steps, around))
    return linear_map(
        function, x, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, **options,
    )  # fmt: skip


def _adaptive_pool_module(module: Any, x: SpikeMap) -> SpikeMap:
    axes = 1 if isinstance(module, torch.nn.AdaptiveAvgPool1d) else 2
    return _adaptive_pool(axes, lambda given, _: module(given), x, module.output_size)


def _adaptive_pool(axes: int, function: Any, x: SpikeMap, output_size: Any) -> SpikeMap:
    size, wanted = x.shape[1:], _each(output_size, axes)
    if len(size) != axes or any(b is not None and a % b for a, b in zip(size, wanted, strict=True)):
        return linear_map(function, x, output_size)
    window = tuple(1 if b is None else a // b for a, b in zip(size, wanted, strict=True))
    return x.convolved(Kernel.average(x.shape[0], window, size))


_CONVS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
_POOLS = (torch.nn.AvgPool1d, torch.nn.AvgPool2d)
_ADAPTIVE_POOLS = (torch.nn.AdaptiveAvgPool1d, torch.nn.AdaptiveAvgPool2d)
_CONV_FUNCTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}

#: By module type or function.
WINDOWS: dict[Any, Any] = {
    Conv2d: _own_conv,
    **dict.fromkeys(_CONVS, _conv),
    **dict.fromkeys(_CONV_FUNCTIONS.values(), _conv_function),
    **dict.fromkeys(_POOLS, _pool_module),
    torch.nn.AvgPool3d: linear_map,
    functional.avg_pool1d: functools.partial(_pool, 1),
    functional.avg_pool2d: functools.partial(_pool, 2),
    **dict.fromkeys(_ADAPTIVE_POOLS, _adaptive_pool_module),
    functional.adaptive_avg_pool1d: functools.partial(_adaptive_pool, 1),
    functional.adaptive_avg_pool2d: functools.partial(_adaptive_pool, 2),
}
