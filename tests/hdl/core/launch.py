# SPDX-License-Identifier: Apache-2.0
"""Build a module of the core with a simulator and run a cocotb bench on it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from spikesim.hw.rtl.toolchain import verilator_env

ROOT = Path(__file__).resolve().parents[3]
RTL = ROOT / "hdl" / "rtl"


def core_sources() -> list[Path]:
    """Give every RTL source; the simulators elaborate only what the top needs."""
    return sorted(RTL.glob("*.v"))


def run_bench(
    toplevel: str,
    bench: str,
    parameters: Mapping[str, int] | None = None,
    simulator: str = "icarus",
    testcases: Sequence[str] | None = None,
) -> None:
    """Run the tests of one bench module; fails unless all of them ran and passed.

    Icarus builds in a blink and knows X, so it serves the small modules; Verilator serves what
    needs many clocks.
    """
    values = dict(parameters or {})
    key = hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()[:8]
    folder = ROOT / "build" / "hdl" / f"{toplevel}-{simulator}-{key}"
    build_args = ["-g2005", "-Wall", "-Wno-timescale"]
    if simulator == "verilator":
        os.environ.update(verilator_env())
        build_args = ["-O3", "--x-assign", "unique", "--x-initial", "unique"]
    runner = get_runner(simulator)
    runner.build(
        sources=core_sources() if simulator == "icarus" else [RTL / f"{toplevel}.v"],
        includes=[RTL / "generated", RTL] if simulator == "verilator" else [RTL / "generated"],
        hdl_toplevel=toplevel,
        parameters=values,
        build_args=build_args,
        build_dir=folder,
        timescale=("1ns", "1ns"),
        always=simulator == "icarus",
    )
    test_dir = folder / bench
    test_dir.mkdir(parents=True, exist_ok=True)
    results = runner.test(
        hdl_toplevel=toplevel,
        test_module=f"tests.hdl.core.{bench}",
        build_dir=folder,
        test_dir=test_dir,
        testcase=list(testcases) if testcases else None,
        parameters=values,
        extra_env={"SPK_PARAMETERS": repr(values), "COCOTB_RANDOM_SEED": "20260101"},
    )
    n_tests, n_failed = get_results(results)
    assert n_tests > 0, f"{bench}: expected tests to run, got none"
    assert n_failed == 0, f"{bench}: {n_failed} of {n_tests} failed, see the log above"
