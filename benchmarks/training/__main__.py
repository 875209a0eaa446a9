# SPDX-License-Identifier: Apache-2.0
"""Measure, write the rows, print the table: ``python -m benchmarks.training``.

    python -m benchmarks.training --only lif --repeats 5
    python -m benchmarks.training --table            # from the rows measured before

Rows go to ``benchmarks/results/training.json``, the table to ``docs/benchmarks-training.md``;
benchmarks that are not run keep theirs. ``--quick`` measures small sizes once and writes nothing.
Peers stand in the same environment: ``pip install snntorch spikingjelly``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.simulator.runner import RunError, merge, pinned, run_script
from benchmarks.training.cases import (
    ALONE,
    CASES,
    FLOAT32,
    GOALS,
    HUGE,
    LIMITS,
    OWN,
    SNNTORCH,
    Case,
    Goal,
)

RESULTS = Path("benchmarks/results/training.json")
PAGE = Path("docs/benchmarks-training.md")

Row = dict[str, Any]
Found = dict[tuple[str, str], Row]

_HEAD = """# Speed of training

Written by `make bench-training` from `benchmarks/results/training.json`; do not edit. Every engine
runs in a process of its own on one core and one thread, in turn with the others. Time is CPU time
of a step, the median; memory is the peak beyond what was resident before the first step; "spread"
is the distance of the extremes over the median. Engines and networks: `benchmarks/training/`.

"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a run failed or a must is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="benchmarks whose names start so")
    parser.add_argument("--repeats", type=int, default=7, help="steps per round")
    parser.add_argument("--rounds", type=int, default=3, help="processes per engine")
    parser.add_argument("--quick", action="store_true", help="small sizes, once")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args(argv)
    rows: list[Row] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    if not options.table:
        chosen = [case for case in CASES if case.name.startswith(options.only)]
        rows = [] if options.quick else rows
        for case in chosen:
            rounds, repeats = (1, 2) if options.quick else (options.rounds, options.repeats)
            rows = merge(rows, measure(case, rounds, repeats, options.quick))
    text = page({(row["benchmark"], row["engine"]): row for row in rows})
    print(text)
    if not options.quick:
        if not options.table:
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
        PAGE.write_text(text)
    return int(any("error" in row for row in rows) or "**no**" in text)


def measure(case: Case, rounds: int, repeats: int, quick: bool) -> list[Row]:
    """Run the engines of a case in turn; medians over the rounds."""
    seen: dict[str, list[Row]] = {engine: [] for engine in case.engines}
    errors: dict[str, str] = {}
    for _ in range(rounds):
        for engine in case.engines:
            line = [*pinned(1), sys.executable, "-m", "benchmarks.training.one", case.name]
            line += [engine.removesuffix(HUGE), "--repeats", str(repeats)]
            line += ["--quick"] if quick else []
            env = ["env", f"THP_MEM_ALLOC_ENABLE={int(engine.endswith(HUGE))}"]
            try:
                seen[engine].append(run_script([*env, *line]))
            except RunError as error:
                errors[engine] = str(error)
            print(case.name, engine, seen[engine][-1:] or errors[engine], flush=True)
    return [summary(case.name, engine, seen[engine], errors.get(engine)) for engine in case.engines]


def summary(benchmark: str, engine: str, runs: Sequence[Row], error: str | None = None) -> Row:
    """Medians of the rounds; no figure where one of them failed."""
    row: Row = {"benchmark": benchmark, "engine": engine, "cpu_ms": None, "delta_rss_mb": None}
    row |= {"repeats": sum(run["repeats"] for run in runs), "spread": None}
    if error is not None or not runs:
        return row | {"error": error or "not run"}
    cpu = [run["cpu_ms"] for run in runs]
    row["cpu_ms"] = round(statistics.median(cpu), 4)
    row["delta_rss_mb"] = round(statistics.median(run["delta_rss_mb"] for run in runs), 1)
    apart = (max(cpu) - min(cpu)) / row["cpu_ms"]
    row["spread"] = round(max(apart, *(run["spread"] for run in runs)), 3)
    return row


def ratio(goal: Goal, rows: Found) -> float | None:
    """Divide the peer's figure by ours; None where one is missing."""
    own, peer = rows.get((goal.benchmark, goal.own)), rows.get((goal.benchmark, goal.peer))
    if own is None or peer is None or not own.get(goal.key) or not peer.get(goal.key):
        return None
    return float(peer[goal.key] / own[goal.key])


def page(rows: Found) -> str:
    """Give the page."""
    bar = "|---|---|---|---|---|---|"
    lines = ["| benchmark | compared with | measured | must | aim | met |", bar]
    titles = {case.name: case.title for case in CASES}
    for goal in GOALS:
        found, what = ratio(goal, rows), " memory" if goal.key == "delta_rss_mb" else ""
        met = "-" if found is None else "**no**" if found < goal.must else "must"
        if found is not None and goal.aim is not None and found >= goal.aim:
            met = "aim"
        lines.append(
            f"| {titles[goal.benchmark]}{what} | {goal.peer} | "
            f"{'-' if found is None else f'{found:.3g} x'} | {goal.must:g} x | "
            f"{'' if goal.aim is None else f'{goal.aim:g} x'} | {met} |"
        )
    for limit in LIMITS:
        used = rows.get((limit.benchmark, OWN), {}).get("delta_rss_mb")
        met = "-" if used is None else "**no**" if used > limit.must else "must"
        met = "aim" if used is not None and used <= limit.aim else met
        lines.append(
            f"| {titles[limit.benchmark]} memory | no peer | "
            f"{'-' if used is None else f'{used:.0f} MB'} | {limit.must:g} MB | {limit.aim:g} MB | "
            f"{met} |"
        )
    figures = ["| benchmark | engine | CPU ms | extra MB | steps | spread |", bar]
    for case in CASES:
        for engine in case.engines:
            row = rows.get((case.name, engine))
            if row is None:
                continue
            if "error" in row:
                figures.append(f"| {case.name} | {engine} | failed: {row['error']} | | | |")
                continue
            figures.append(
                f"| {case.name} | {engine} | {row['cpu_ms']:.3g} | {row['delta_rss_mb']:.0f} | "
                f"{row['repeats']} | {100 * row['spread']:.0f} % |"
            )
    machine = f"Machine: {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return _HEAD + "\n".join([machine, "", *lines, "", *figures, *_limits(rows)]) + "\n"


def _limits(rows: Found) -> list[str]:
    """Tell what bounds the recurrent step: products of gradients that wait for one another."""
    names = OWN, OWN + ALONE, FLOAT32 + ALONE, SNNTORCH
    found = [rows.get(("recurrent", name), {}).get("cpu_ms") for name in names]
    times = [float(one) for one in found if one]
    if len(times) < len(names):
        return []
    step, exact, float32, peer = times
    alone = f"They take {exact:.3g} of {step:.3g} ms, {exact / step:.0%} (`{OWN + ALONE}`):"
    rest = step - exact
    return [
        "",
        "What bounds (d): on the way back, each tick needs the product of the gradient of the tick",
        "after, (64, 256), and the recurrent matrix, 99 products one after the other.",
        alone,
        "sums are exact, so that training gives the same bits on every machine, from three",
        "products of 16-bit halves where the processor adds up such pairs, else in float64.",
        "torch's product in float32, whose bits depend on machine and threads, takes",
        f"{float32:.3g} ms. Without time for all else, the step would be {peer / exact:.2g} x",
        f"snnTorch; with products of float32 and the rest as now, {peer / (rest + float32):.2g} x.",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
