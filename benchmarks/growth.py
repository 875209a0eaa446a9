# SPDX-License-Identifier: Apache-2.0
"""How cost grows with populations, neurons and delays: ``python -m benchmarks.growth``.

    python -m benchmarks.growth --only populations
    python -m benchmarks.growth --table            # from the rows measured before

Every point runs in a process of its own on one core; NEST stands beside where ``.venv-peers``
exists (``make setup-peers``). Rows go to ``benchmarks/results/growth.json``, the table to
``docs/benchmarks.md``, its curves to ``docs/growth.svg``. ``--quick`` runs the small sizes once and
writes nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.growth_cases import (
    Row,
    drawn_delays,
    longest_delay,
    neurons,
    plastic,
    populations,
    recording,
    single_ticks,
)
from benchmarks.simulator import __main__ as simulator_page
from benchmarks.simulator.runner import PEERS_PYTHON, RunError, pinned, run_script

RESULTS = Path("benchmarks/results/growth.json")
PICTURE = Path("docs/growth.svg")
OWN, NEST = "spikesim", "NEST"


@dataclass(frozen=True)
class Case:
    """One curve.

    Attributes
    ----------
    measure : function of the size
    sizes : tuple of int
    key, unit : str
        What the curve shows.
    must : float
        Most of it at the largest size; times the smallest size's value where ``ratio`` is set.
    quick : int
        Sizes of a quick run.
    nest : bool
        Whether NEST runs it too.
    floor : str
        Key of what a plain loop on the same memory takes, for comparison.
    """

    measure: Callable[[int], Row]
    sizes: tuple[int, ...]
    key: str
    unit: str
    must: float
    ratio: bool = False
    quick: int = 2
    nest: bool = False
    floor: str = ""


CASES: dict[str, Case] = {
    "populations": Case(
        populations, (1, 10, 100, 1000, 3000), "build_s", "s to build what was described", 3.0,
        nest=True,
    ),
    "populations, memory": Case(populations, (1, 10, 100, 1000, 2000), "peak_rss_mb", "MB", 400.0),
    "single ticks": Case(single_ticks, (1, 10, 100, 1000), "us_per_call", "us per call", 200.0),
    "recording": Case(
        recording, (1, 10, 100, 1000), "cpu_s_per_bio_s", "CPU s per s", 1.3, ratio=True
    ),
    "plastic projections": Case(
        plastic, (1, 10, 100, 1000), "cpu_s_per_bio_s", "CPU s per s", 1.0
    ),
    "neurons, event": Case(
        neurons, (100_000, 300_000, 1_000_000), "ns_per_event", "ns", 1.5, ratio=True, quick=1,
        floor="ns_plain",
    ),
    "neurons, update": Case(
        neurons, (100_000, 300_000, 1_000_000), "ns_per_neuron", "ns", 1.2, ratio=True, quick=1
    ),
    "longest delay": Case(
        longest_delay, (1200, 1300, 1345, 4000), "cpu_s_per_bio_s", "CPU s per s", 1.3, ratio=True,
        quick=1,
    ),
    "drawn delays": Case(
        drawn_delays, (10, 100, 1000), "bytes_per_synapse", "bytes per synapse", 16.0, quick=1
    ),
}  # fmt: skip


def one(name: str, size: int) -> Row:
    """Measure one point in this process."""
    small = min(CASES[name].sizes[0], 100)
    if small < size and name.startswith(("populations", "single", "recording", "plastic")):
        CASES[name].measure(small)  # compiles, and loads what is in the cache
    row = CASES[name].measure(size)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"case": name, "size": size, "engine": OWN, **row, "peak_rss_mb": peak}


def measure(only: str, quick: bool, repeats: int) -> list[Row]:
    """Measure all points of the chosen cases; of several runs the fastest counts."""
    rows = []
    for name, case in CASES.items():
        if not name.startswith(only):
            continue
        for size in case.sizes[: case.quick] if quick else case.sizes:
            own = [sys.executable, "-m", "benchmarks.growth", "--one", name, "--size", str(size)]
            lines = {OWN: [*pinned(2 if name == "longest delay" else 1), *own]}
            if case.nest and PEERS_PYTHON.exists():
                peer = [str(PEERS_PYTHON), "-m", "benchmarks.peers.nest_growth", "--size"]
                lines[NEST] = [*pinned(1), *peer, str(size)]
            for engine, line in lines.items():
                head = {"case": name, "size": size, "engine": engine, "repeats": repeats}
                try:
                    runs = [run_script(line) for _ in range(repeats)]
                    rows.append(min(runs, key=lambda row: row[case.key]) | head)
                except RunError as error:
                    rows.append(head | {"error": str(error)})
                print(rows[-1], flush=True)
    return rows


def value_of(
    rows: Sequence[Row], name: str, size: int, engine: str = OWN, key: str = ""
) -> float | None:
    """Figure of one point; None where it was not measured or failed."""
    for row in rows:
        if (row["case"], row["size"], row["engine"]) == (name, size, engine):
            return row.get(key or CASES[name].key)
    return None


def section(rows: Sequence[Row]) -> str:
    """Part of the page: a table of all curves, and their picture."""
    repeats = min((row.get("repeats", 1) for row in rows), default=1)
    runs = "one run each" if repeats == 1 else f"the fastest of {repeats} runs"
    lines = [
        "## How cost grows\n",
        "Written by `python -m benchmarks.growth` from `benchmarks/results/growth.json`. Every "
        f"point is a\nprocess of its own; one core, but two for the longest delay; {runs}.\n",
        "![curves](growth.svg)\n",
        "| case | what | by size | must at the largest | met |",
        "|---|---|---|---|---|",
    ]
    for name, case in CASES.items():
        for engine in (OWN, NEST) if case.nest else (OWN,):
            found = {size: value_of(rows, name, size, engine) for size in case.sizes}
            known = {size: value for size, value in found.items() if value is not None}
            if not known:
                continue
            points = ", ".join(f"{size:,}: {value:.3g}" for size, value in known.items())
            must, met = f"{case.must:g} {case.unit}", ""
            if case.ratio:
                must = f"{case.must:g} x the smallest"
            if engine == OWN and case.sizes[-1] in known and case.sizes[0] in known:
                least = known[case.sizes[0]] if case.ratio else 1.0
                met = "yes" if known[case.sizes[-1]] <= case.must * least else "no"
            what = (case.measure.__doc__ or "").partition("\n")[0].replace("``", "`")
            own = engine == OWN
            lines.append(
                f"| {name if own else engine} | {f'{what} ({case.unit})' if own else ''} "
                f"| {points} | {must if own else ''} | {met} |"
            )
        if case.floor:
            plain = {size: value_of(rows, name, size, key=case.floor) for size in case.sizes}
            points = ", ".join(f"{size:,}: {v:.3g}" for size, v in plain.items() if v is not None)
            lines.append(
                f"| a plain loop | adds rows as long and as many, without a plan | {points} | | |"
            )
    return "\n".join(lines) + "\n"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw every case as a curve over its size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    matplotlib.rcParams["svg.hashsalt"] = "growth"
    figure, axes = plt.subplots(3, 3, figsize=(9.6, 7.2), layout="constrained")
    for axis, (name, case) in zip(axes.flat, CASES.items(), strict=True):
        for engine, style in ((OWN, "C0o-"), (NEST, "C1s--")):
            points = [(size, value_of(rows, name, size, engine)) for size in case.sizes]
            known = [(size, value) for size, value in points if value is not None]
            if known:
                axis.loglog(*zip(*known, strict=True), style, ms=4, label=engine)
        least = value_of(rows, name, case.sizes[0]) if case.ratio else 1.0
        if least is not None:
            axis.axhline(case.must * least, color="0.6", lw=0.8, label="limit")
        axis.set_title(name, fontsize=9)
        axis.set_ylabel(case.unit, fontsize=8)
        axis.tick_params(which="both", labelsize=7)
        apart = [a for a, b in pairwise(case.sizes) if b > 2.5 * a]
        axis.set_xticks([*apart, case.sizes[-1]])
        low, high = axis.get_ylim()
        wide = high > 8 * low
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(4))
        for ticks in (axis.xaxis, axis.yaxis):
            ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.7g}"))
            ticks.set_minor_formatter(NullFormatter())
    axes[0, 0].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write, print; 1 when a point failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose names start so")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes, once")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table")
    parser.add_argument("--one", choices=list(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.one:
        print(json.dumps(one(options.one, options.size)))
        return 0
    rows: list[Row] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    new = [] if options.table else measure(
        options.only, options.quick, 1 if options.quick else options.repeats
    )  # fmt: skip
    fresh = {(row["case"], row["size"], row["engine"]) for row in new}
    rows = [r for r in rows if (r["case"], r["size"], r["engine"]) not in fresh] + new
    print(section(new if options.quick else rows))
    if not options.quick:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
        draw(rows, PICTURE)
        simulator_page.write_page()
    return int(any("error" in row for row in new))


if __name__ == "__main__":
    sys.exit(main())
