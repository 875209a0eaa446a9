# SPDX-License-Identifier: Apache-2.0
"""Benches of the core datapath, module by module and as a whole."""

from __future__ import annotations

import pytest

from tests.hdl.core.launch import run_bench

pytestmark = pytest.mark.hdl

SMALL = {
    "N": 32, "A": 24, "L": 4, "D": 4, "NSEG": 80, "NPOP": 4,
    "WWORDS": 64, "EVQ": 64, "SPKQ": 64,
}  # fmt: skip
# Corners: one slot, wide and narrow words, a table that is no power of two.
NARROW = {**SMALL, "L": 16, "D": 1, "VB": 16, "WB": 4, "NPOP": 1, "NSEG": 57, "SPKQ": 128}


def test_core_equals_golden_core_in_every_word():
    run_bench("spk_core", "bench_core", SMALL, "verilator")


def test_default_core_keeps_its_cycle_budget():
    run_bench("spk_core", "bench_budget", {}, "verilator")


def test_core_with_corner_parameters_equals_golden_core():
    run_bench("spk_core", "bench_core", NARROW, "icarus", CORNER_TESTS)


CORNER_TESTS = [
    "reset_clears_every_memory",
    "steps_back_to_back_equal_the_golden_core",
]
