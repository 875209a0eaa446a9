# SPDX-License-Identifier: Apache-2.0
"""Benches of the core datapath, module by module and as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.hdl.simulate import run_bench

HERE = Path(__file__).parent
pytestmark = pytest.mark.hdl

SMALL = {
    "N": 32, "A": 24, "L": 4, "D": 4, "NSEG": 80, "NPOP": 4,
    "WWORDS": 64, "EVQ": 64, "SPKQ": 64,
}  # fmt: skip
# Corners: one slot, wide and narrow words, a table that is no power of two.
NARROW = {**SMALL, "L": 16, "D": 1, "VB": 16, "WB": 4, "NPOP": 1, "NSEG": 57, "SPKQ": 128}


def run(
    module: str,
    bench: str,
    parameters: Mapping[str, int] | None = None,
    simulator: str = "icarus",
    testcase: Sequence[str] | None = None,
) -> None:
    run_bench(
        HERE / f"{bench}.py", module, simulator=simulator, parameters=parameters, testcase=testcase
    )


def test_core_equals_golden_core_in_every_word():
    run("spk_core", "bench_core", SMALL, "verilator")


def test_default_core_keeps_its_cycle_budget():
    run("spk_core", "bench_budget", {}, "verilator")


def test_core_with_corner_parameters_equals_golden_core():
    run("spk_core", "bench_core", NARROW, "icarus", CORNER_TESTS)


CORNER_TESTS = [
    "reset_clears_every_memory",
    "steps_back_to_back_equal_the_golden_core",
]


ARITHMETIC = [
    ("spk_sat_add", {"WIDTH": 16}, "sat_add_equals_its_definition"),
    ("spk_acc_update", {"WIDTH": 16}, "accumulator_takes_the_saturated_sum_or_the_other_word"),
    ("spk_saturate", {"IN": 20, "OUT": 18}, "saturate_equals_its_definition"),
    ("spk_shift_left", {"IN": 16, "OUT": 18}, "shift_left_equals_its_definition"),
    ("spk_shift_left", {"IN": 16, "OUT": 16}, "shift_left_equals_its_definition"),
    ("spk_decay", {"WIDTH": 18}, "decay_equals_its_definition_two_cycles_later"),
]


@pytest.mark.parametrize(("module", "parameters", "test"), ARITHMETIC)
def test_arithmetic_module_equals_fixed(module, parameters, test):
    run(module, "bench_arith", parameters, "icarus", [test])


@pytest.mark.parametrize("depth", [4, 32])
def test_fifo_loses_and_repeats_nothing(depth):
    run("spk_fifo", "bench_fifo", {"WIDTH": 16, "DEPTH": depth})


def test_lif_pipe_equals_golden_step():
    run("spk_lif_pipe", "bench_lif_pipe", {"VB": 18, "AB": 16})


def test_tick_timer_keeps_its_grid():
    run("spk_tick_timer", "bench_tick_timer")
