# SPDX-License-Identifier: Apache-2.0
"""What modules and functions of an artificial net are to its conversion to spikes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

from spikesim.errors import ValidationError
from spikesim.nn import QCFS

_T = torch.Tensor


def _all(*names: str, of: Any = torch.nn) -> tuple[Any, ...]:
    return tuple(getattr(of, name) for name in names)


#: Linear up to a constant in their one input: the mean over ticks goes through them.
LINEAR_MODULES = _all(
    "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d",
    "ConvTranspose3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "Flatten", "Unflatten", "ZeroPad1d", "ZeroPad2d",
    "ZeroPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d",
    "ReplicationPad2d", "ReplicationPad3d", "CircularPad1d", "CircularPad2d", "CircularPad3d",
    "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "Upsample",
    "UpsamplingNearest2d", "UpsamplingBilinear2d", "PixelShuffle", "PixelUnshuffle",
    "ChannelShuffle",
)  # fmt: skip
WEIGHTED = LINEAR_MODULES[:7]
NORMS = _all("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
#: Nothing, in evaluation.
IDENTITIES = _all(
    "Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout",
    "FeatureAlphaDropout",
)  # fmt: skip
HEADS = _all("Softmax", "LogSoftmax")
POOLS = _all(
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
)  # fmt: skip


def pooled_axes(pool: torch.nn.Module) -> int:
    """Tell how many axes a max-pooling is over.

    Examples
    --------
    >>> pooled_axes(torch.nn.MaxPool2d(2))
    2
    """
    return next(k % 3 + 1 for k, kind in enumerate(POOLS) if isinstance(pool, kind))


LINEAR = {
    *_all("flatten", "reshape", "permute", "transpose", "squeeze", "unsqueeze", "mean", "sum",
          "chunk", "split", "roll", "flip", "narrow",
          "movedim", "neg", "clone", "detach", of=torch),
    *_all("flatten", "unflatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze",
          "mean", "sum", "contiguous", "chunk", "split", "roll", "flip", "narrow", "movedim",
          "expand", "repeat", "neg", "clone", "detach", "float", "double", of=_T),
    *_all("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
          "conv_transpose3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
          "adaptive_avg_pool2d", "adaptive_avg_pool3d", "pad", "interpolate", "pixel_shuffle",
          of=functional),
    operator.getitem, operator.neg,
}  # fmt: skip
SUMS = {
    *_all("add", "sub", "rsub", of=torch), *_all("add", "sub", of=_T), operator.add, operator.sub,
}  # fmt: skip
#: Linear where one factor is a constant.
PRODUCTS = {
    *_all("mul", "multiply", "matmul", of=torch), *_all("mul", "multiply", "matmul", of=_T),
    operator.mul, operator.matmul,
}  # fmt: skip
QUOTIENTS = {*_all("div", "divide", of=torch), *_all("div", "divide", of=_T), operator.truediv}
CONCATENATIONS = _all("cat", "concat", "concatenate", of=torch)
JOINS = (*CONCATENATIONS, torch.stack)
#: Give sizes, which are numbers like any.
SIZES = {getattr, *_all("size", "dim", "numel", of=_T)}
#: Those that write into their first argument, and what does the same without.
IN_PLACE: Mapping[Any, Any] = {
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.itruediv: operator.truediv, _T.add_: _T.add, _T.sub_: _T.sub, _T.mul_: _T.mul,
    _T.div_: _T.div, _T.relu_: _T.relu, _T.clamp_: _T.clamp, _T.clip_: _T.clip,
    _T.clamp_min_: _T.clamp_min, torch.relu_: torch.relu, functional.relu_: functional.relu,
    functional.hardtanh_: functional.hardtanh,
}  # fmt: skip
#: Where functions are told, by position, to do so.
INPLACE_AT: Mapping[Any, int] = {functional.relu: 1, functional.relu6: 1, functional.hardtanh: 3}
SOFTMAXES = {
    functional.softmax: torch.nn.Softmax, torch.softmax: torch.nn.Softmax,
    _T.softmax: torch.nn.Softmax, functional.log_softmax: torch.nn.LogSoftmax,
    torch.log_softmax: torch.nn.LogSoftmax, _T.log_softmax: torch.nn.LogSoftmax,
}  # fmt: skip
DROPOUTS = _all("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", of=functional)

_NEGATIVE = "spikes stand for values of 0 and more; train with ReLU in its place"
_NO_CONSTANT = "its factor depends on the values; train with BatchNorm in its place"
_ATTENTION = "products of activations have no sum of spikes; convert the net without attention"
REASONS = {
    **dict.fromkeys(
        ("LeakyReLU", "PReLU", "RReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Tanh",
         "Hardswish", "Softplus", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish",
         "tanh", "hardswish", "softplus"),
        _NEGATIVE,
    ),
    **dict.fromkeys(
        ("Sigmoid", "Hardsigmoid", "sigmoid", "hardsigmoid"),
        "it gives values where nothing comes in; train with ReLU or Hardtanh(0, 1) in its place, "
        "or leave one at the end to what reads the output",
    ),
    **dict.fromkeys(
        ("LayerNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "RMSNorm",
         "LocalResponseNorm", "layer_norm", "group_norm", "instance_norm", "normalize"),
        _NO_CONSTANT,
    ),
    **dict.fromkeys(
        ("MultiheadAttention", "Transformer", "TransformerEncoder", "TransformerEncoderLayer",
         "TransformerDecoderLayer", "scaled_dot_product_attention", "bmm", "einsum"),
        _ATTENTION,
    ),
    **dict.fromkeys(("mul", "matmul", "mul_", "div", "truediv"),
                    "where both operands vary with the input; only products with a constant are "
                    "sums of spikes"),
    **dict.fromkeys(("Softmax", "LogSoftmax", "softmax", "log_softmax"),
                    "only at the very end, where it is applied to the sum; " + _ATTENTION),
}  # fmt: skip
_OTHERWISE = "write it with ReLU and what is linear, or leave it out"


def refusal(name: str) -> str:
    """Say why a module or function has no counterpart in spikes, and what to do."""
    return f"{name} has no counterpart in spikes, {REASONS.get(name, _OTHERWISE)}"


def ceiling_of_module(module: torch.nn.Module) -> float | None:
    """Largest value of an activation that begins at 0; None for what is none.

    Raises
    ------
    ValidationError
        For a Hardtanh that does not begin at 0.
    """
    if isinstance(module, QCFS | torch.nn.ReLU):
        return math.inf
    if isinstance(module, torch.nn.Hardtanh):  # ReLU6 is one
        return _ceiling("Hardtanh", module.min_val, module.max_val)
    return None


def _relu(inplace: bool = False) -> float:
    return math.inf


def _relu6(inplace: bool = False) -> float:
    return 6.0


def _hardtanh(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> float:
    return _ceiling("hardtanh", min_val, max_val)


def _clamp(min: Any = None, max: Any = None) -> float:
    return _ceiling("clamp", min, math.inf if max is None else max)


def _ceiling(name: str, low: Any, high: Any) -> float:
    numbers = all(isinstance(n, int | float) for n in (low, high))
    if not numbers or low != 0 or not high > 0:
        raise ValidationError(
            f"{name}({low}, {high}) has no counterpart in spikes, expected one from 0 to a number "
            "above; spikes stand for values of 0 and more"
        )
    return float(high)


#: Activations as functions: their arguments beside the input to their largest value.
RECTIFIERS: Mapping[Any, Callable[..., float]] = {
    **dict.fromkeys((functional.relu, torch.relu, _T.relu), _relu),
    functional.relu6: _relu6,
    functional.hardtanh: _hardtanh,
    **dict.fromkeys((torch.clamp, torch.clip, _T.clamp, _T.clip), _clamp),
    **dict.fromkeys((torch.clamp_min, _T.clamp_min), _clamp),
}


def _pool(kind: type[torch.nn.Module]) -> Callable[..., torch.nn.Module]:
    def make(
        kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> torch.nn.Module:  # fmt: skip
        return kind(kernel_size, stride, padding, dilation, return_indices, ceil_mode)

    return make


#: Max-pooling as functions: their arguments beside the input to the module.
POOL_FUNCTIONS: Mapping[Any, Callable[..., torch.nn.Module]] = {
    **dict.fromkeys((functional.max_pool1d, torch.max_pool1d), _pool(torch.nn.MaxPool1d)),
    **dict.fromkeys((functional.max_pool2d, torch.max_pool2d), _pool(torch.nn.MaxPool2d)),
    **dict.fromkeys((functional.max_pool3d, torch.max_pool3d), _pool(torch.nn.MaxPool3d)),
    functional.adaptive_max_pool1d: torch.nn.AdaptiveMaxPool1d,
    functional.adaptive_max_pool2d: torch.nn.AdaptiveMaxPool2d,
    functional.adaptive_max_pool3d: torch.nn.AdaptiveMaxPool3d,
}
