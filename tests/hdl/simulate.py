# SPDX-License-Identifier: Apache-2.0
"""Build and run one cocotb bench; every bench of tests/hdl is launched through here."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from spikesim.hw.rtl.toolchain import verilator_env

ROOT = Path(__file__).resolve().parents[2]
RTL = ROOT / "hdl" / "rtl"
# One seed for all benches; set SPIKESIM_SEED to look for more.
SEED = int(os.environ.get("SPIKESIM_SEED", "2024"))
_ARGS = {
    # Power-up values at random: what is used before it is written must show.
    "verilator": ["-Wno-fatal", "-O3", "--x-assign", "unique", "--x-initial", "unique"],
    "icarus": ["-g2005", "-Wall", "-Wno-timescale"],
}


def run_bench(
    bench: Path,
    toplevel: str,
    *,
    simulator: str,
    parameters: Mapping[str, int] | None = None,
    testcase: str | Sequence[str] | None = None,
    extra: tuple[Path, ...] = (),
) -> int:
    """Run the tests in ``bench`` (a Python file) on module ``toplevel``; gives their number.

    Icarus builds in a blink and knows X, so it serves the small modules; Verilator serves what
    needs many clocks. The bench finds the parameters in the variable SPK_PARAMETERS.
    """
    parameters = dict(parameters or {})
    name = "-".join([toplevel, simulator, *(f"{k}{v}" for k, v in sorted(parameters.items()))])
    folder = ROOT / "build" / "hdl" / name
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(verilator_env())
    os.environ.setdefault("PYGPI_PYTHON_BIN", sys.executable)
    # Benches of one module and parameter set share the folder; parallel tests take turns.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runner = get_runner(simulator)
        args = _ARGS[simulator]
        # For Icarus 11 the package's generated file is an include like any other.
        runner.build(
            sources=[*sorted(RTL.glob("*.v")), *extra],
            includes=[RTL, RTL / "generated"],
            hdl_toplevel=toplevel,
            build_dir=folder,
            parameters=parameters,
            timescale=("1ns", "1ns"),
            build_args=args,
            always=True,
            log_file=folder / "build.log",
        )
        results = runner.test(
            hdl_toplevel=toplevel,
            test_module=bench.stem,
            test_dir=bench.parent,
            build_dir=folder,
            testcase=testcase,
            seed=SEED,
            results_xml=str(folder / f"results-{bench.stem}.xml"),
            log_file=folder / f"{bench.stem}.log",
            extra_env={
                "PYTHONPATH": os.pathsep.join([str(bench.parent), str(ROOT), *sys.path]),
                "SPK_PARAMETERS": repr(parameters),
            },
        )
    ran, failed = get_results(results)
    log = (folder / f"{bench.stem}.log").read_text(errors="replace")
    assert failed == 0, f"{bench.stem} on {name}: {failed} of {ran} failed\n{log[-6000:]}"
    assert ran > 0, f"{bench.stem} on {name}: no test ran\n{log[-3000:]}"
    return ran
