# SPDX-License-Identifier: Apache-2.0
"""Measure, write the rows, print the table: ``python -m benchmarks.simulator``.

    python -m benchmarks.simulator --only brunel --repeats 3
    python -m benchmarks.simulator --table            # from the rows measured before

Rows go to ``benchmarks/results/simulator.json``; benchmarks that are not run keep theirs.
``--quick`` measures the small networks once and writes nothing. The peers need their own
environment: ``make setup-peers``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.simulator import runner, table
from benchmarks.simulator.cases import CASES, Case

RESULTS = Path("benchmarks/results/simulator.json")
DETAILS = Path("benchmarks/results/simulator-details.json")
PAGE = Path("docs/benchmarks.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a run failed or a goal is missed, or peers differ."""
    options = _options(argv)
    rows, details = _read(RESULTS, []), _read(DETAILS, {"machine": "", "rows": []})
    found, machine = details["rows"], details["machine"]
    if not options.table:
        if options.quick:
            rows, found = [], []
        machine = _machine()
        for case in _chosen(options.only, options.quick):
            new, more = runner.measure_case(case, 1 if options.quick else options.repeats)
            rows, found = runner.merge(rows, new), runner.merge(found, more)
            if not options.quick:
                _write(rows, {"machine": machine, "rows": found})
    text = whole_page(rows, found, machine)
    print(text)
    if not options.quick:
        PAGE.write_text(text)
    return 0 if table.all_well(table.index(rows), table.index(found)) else 1


def whole_page(rows: list[runner.Row], found: list[runner.Row], machine: str) -> str:
    """Give the page, with what ``benchmarks.growth`` measured at its end."""
    from benchmarks import growth

    text = table.page(rows, found, machine)
    grown = _read(growth.RESULTS, [])
    return f"{text}\n{growth.section(grown)}" if grown else text


def write_page() -> None:
    """Write the page from all rows that were measured."""
    rows, details = _read(RESULTS, []), _read(DETAILS, {"machine": "", "rows": []})
    PAGE.write_text(whole_page(rows, details["rows"], details["machine"]))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help="one benchmark, or all whose name starts so")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small networks, once")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table")
    options = parser.parse_args(argv)
    if options.repeats < 1:
        parser.error(f"--repeats: expected at least 1, got {options.repeats}")
    if options.only and not _chosen(options.only, options.quick):
        parser.error(f"--only: expected the start of one of {[c.name for c in CASES]}")
    return options


def _chosen(only: str | None, quick: bool) -> list[Case]:
    cases = [case for case in CASES if case.quick] if quick else list(CASES)
    exact = [case for case in cases if case.name == only]
    return exact or [case for case in cases if case.name.startswith(only or "")]


def _read(path: Path, default: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else default


def _write(rows: list[runner.Row], details: dict[str, Any]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    DETAILS.write_text(json.dumps(details, indent=1) + "\n")


def _machine() -> str:
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
