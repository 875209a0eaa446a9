# SPDX-License-Identifier: Apache-2.0
"""Golden models of the core: ``readable`` is the specification in code, ``fast`` equals it."""

from spikesim.hw.golden.readable import GoldenCore, StepResult

__all__ = ["GoldenCore", "StepResult"]
