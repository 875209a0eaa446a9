# SPDX-License-Identifier: Apache-2.0
"""The compiler: a ``Compilation`` record goes through ``PASSES``, one decision each."""

from spikesim.fixed import Quantization
from spikesim.hw.compile.calibrate import Calibration
from spikesim.hw.compile.compilation import Compilation, Pass
from spikesim.hw.compile.passes import PASSES, passes_with
from spikesim.hw.compile.pipeline import CompileResult, compile_network
from spikesim.hw.compile.report import CompileReport, LayerReport

__all__ = [
    "PASSES",
    "Calibration",
    "Compilation",
    "CompileReport",
    "CompileResult",
    "LayerReport",
    "Pass",
    "Quantization",
    "compile_network",
    "passes_with",
]
