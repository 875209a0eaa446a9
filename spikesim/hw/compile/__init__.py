# SPDX-License-Identifier: Apache-2.0
"""The compiler: one pass per file, calibrate, quantize, check, lower, allocate."""

from spikesim.fixed import Quantization
from spikesim.hw.compile.calibrate import Calibration
from spikesim.hw.compile.pipeline import CompileResult, compile_network
from spikesim.hw.compile.report import CompileReport, LayerReport

__all__ = [
    "Calibration",
    "CompileReport",
    "CompileResult",
    "LayerReport",
    "Quantization",
    "compile_network",
]
