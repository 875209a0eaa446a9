# SPDX-License-Identifier: Apache-2.0
"""Run scripts in turn, each in a process of its own on one core, and take medians."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.simulator.cases import BINDSNET, BRIAN, CYTHON, NEST, OWN, Case

Row = dict[str, Any]

PEERS_PYTHON = Path(".venv-peers/bin/python")
COMPILED = Path("build/peers")
TIMEOUT_S = 600
KEYS = (
    "benchmark", "engine", "cpu_s_per_bio_s", "wall_s_per_bio_s", "build_cpu_s", "syn_events",
    "rate_hz", "cv_isi", "peak_rss_mb", "repeats", "spread",
)  # fmt: skip
"""What every row holds; a row of a benchmark that failed holds "error" too."""

_MODULES = {
    NEST: "benchmarks.peers.nest_networks",
    BRIAN: "benchmarks.peers.brian2_networks",
    BINDSNET: "benchmarks.peers.bindsnet_digits",
    CYTHON: "benchmarks.peers.brian2_digits",
    OWN: "benchmarks.simulator.own",
}


class RunError(RuntimeError):
    """A script that ended without a row; the text is the last thing it said."""


def command(case: Case, engine: str, seed: int) -> list[str]:
    """Command line of one run."""
    python = sys.executable if engine == OWN else str(PEERS_PYTHON)
    line = [*pinned(case.threads if engine == OWN else 1), python, "-m", _MODULES[engine]]
    if engine not in (BINDSNET, CYTHON):
        line.append(case.network)
    line += ["--size", f"{case.size:g}", "--seed", str(seed)]
    if engine == OWN:
        line += ["--seconds", f"{case.own_seconds or case.seconds:g}"]
        line += ["--window", f"{case.seconds:g}", "--threads", str(case.threads)]
    else:
        line += ["--seconds", f"{case.seconds:g}"]
    return [*line, "--folder", str(COMPILED)] if engine == BRIAN else line


def pinned(threads: int) -> list[str]:
    """Prefix that keeps a run on the last cores, where interrupts are rarest."""
    if shutil.which("taskset") is None:
        return []
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    return ["taskset", "-c", ",".join(map(str, cores))]


def run_script(line: list[str]) -> Row:
    """Row that a script prints last.

    Raises
    ------
    RunError
        If it fails, takes too long, or prints no row.
    """
    single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            line, env={**os.environ, **single}, capture_output=True, text=True, timeout=TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(str(error)) from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise RunError(said[-1][:300])
    try:
        row: Row = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise RunError("printed no row") from None
    return row


def measure_case(
    case: Case,
    repeats: int,
    run: Callable[[list[str]], Row] = run_script,
    say: Callable[[str], None] = print,
) -> tuple[list[Row], list[Row]]:
    """Run the engines of a case in turn, ``repeats`` rounds with another seed each.

    Returns
    -------
    rows : list of dict
        One per engine, medians; with "error" when a run failed.
    details : list of dict
        Per engine what is in no row: versions, rates by population, memory by synapse.
    """
    engines = (*case.peers, OWN)
    seen: dict[str, list[Row]] = {engine: [] for engine in engines}
    errors: dict[str, str] = {}
    for seed in range(1, repeats + 1):
        for engine in engines:
            if engine in errors:
                continue
            try:
                seen[engine].append(run(command(case, engine, seed)))
                say(_progress(case, engine, seed, seen[engine][-1]))
            except RunError as error:
                errors[engine] = str(error)
                say(f"{case.name:24}{engine:14} failed: {error}")
    rows = [summarize(case.name, engine, seen[engine], errors.get(engine)) for engine in engines]
    return rows, [detail(case.name, engine, seen[engine]) for engine in engines if seen[engine]]


def summarize(benchmark: str, engine: str, runs: list[Row], error: str | None = None) -> Row:
    """Medians over the runs; no figure at all when one of them failed."""
    row: Row = {**dict.fromkeys(KEYS), "benchmark": benchmark, "engine": engine}
    row["repeats"] = len(runs)
    if error is not None or not runs:
        return {**row, "error": error or "not run"}
    if all(run["seconds"] > 0 for run in runs):
        cpu = [run["cpu_s"] / run["seconds"] for run in runs]
        row["cpu_s_per_bio_s"] = statistics.median(cpu)
        row["spread"] = (max(cpu) - min(cpu)) / statistics.median(cpu)
        for key, of in (("wall_s_per_bio_s", "wall_s"), ("syn_events", "syn_events")):
            row[key] = statistics.median(run[of] / run["seconds"] for run in runs)
        row["syn_events"] = round(row["syn_events"])
    for key in ("build_cpu_s", "peak_rss_mb"):
        row[key] = statistics.median(run[key] for run in runs)
    # Networks of different seeds differ, so their activity is averaged.
    for key in ("rate_hz", "cv_isi"):
        values = [run[key] for run in runs if run[key] is not None]
        row[key] = statistics.fmean(values) if values else None
    return row


def detail(benchmark: str, engine: str, runs: list[Row]) -> Row:
    """Gather what runs said beyond the keys of a row: medians, and what is no number once."""
    known = {"engine", "seconds", "cpu_s", "wall_s", *KEYS}
    out: Row = {"benchmark": benchmark, "engine": engine}
    for key, value in runs[-1].items():
        if key in known:
            continue
        values = [run[key] for run in runs]
        if isinstance(value, dict):
            out[key] = {name: statistics.fmean(v[name] for v in values) for name in value}
        elif isinstance(value, (int, float)):
            out[key] = statistics.median(values)
        else:
            out[key] = value
    if out.get("synapses"):
        build = statistics.median(run["build_cpu_s"] for run in runs)
        out["build_ms_per_m"] = build * 1e3 / (out["synapses"] / 1e6)
    return out


def merge(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Rows of earlier runs with the newly measured ones in their places."""
    rows = {(row["benchmark"], row["engine"]): row for row in old}
    rows.update({(row["benchmark"], row["engine"]): row for row in new})
    return list(rows.values())


def _progress(case: Case, engine: str, seed: int, row: Row) -> str:
    ran = f"{row['cpu_s'] / row['seconds']:9.4f} CPU s/s, " if row["seconds"] else ""
    return (
        f"{case.name:24}{engine:14} run {seed}: {ran}build {row['build_cpu_s']:7.3f} s, "
        f"{row['rate_hz']:7.2f} Hz"
    )
