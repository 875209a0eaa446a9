# SPDX-License-Identifier: Apache-2.0
"""Kernels of training and inference, loaded with the compiler when they are asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikesim.kernels.train import conv as conv
    from spikesim.kernels.train import conv_grad as conv_grad
    from spikesim.kernels.train import event as event
    from spikesim.kernels.train import infer as infer

_MODULES = ("conv", "conv_grad", "event", "infer")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
