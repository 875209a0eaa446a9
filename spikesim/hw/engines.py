# SPDX-License-Identifier: Apache-2.0
"""Everything that runs a program, by name: integer models, Verilated core, virtual board, board."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikesim.hw.core_engine import CoreEngine


def golden_engine(*, compile_options: Mapping[str, Any] | None = None) -> CoreEngine:
    """Give the integer model in numba."""
    from spikesim.hw.golden.cores import FastCore

    return CoreEngine("golden", FastCore, compile_options)


def readable_engine(*, compile_options: Mapping[str, Any] | None = None) -> CoreEngine:
    """Give the specification in code, some hundred steps a second."""
    from spikesim.hw.golden.cores import ReadableCore

    return CoreEngine("golden-readable", ReadableCore, compile_options)
