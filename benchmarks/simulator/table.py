# SPDX-License-Identifier: Apache-2.0
"""The goals against the rows, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.peers.microcircuit import POPULATIONS, RATES_HZ
from benchmarks.simulator.cases import (
    CASES,
    CV_TOLERANCE,
    GOALS,
    OWN,
    RATE_TOLERANCE,
    SAME_ACTIVITY,
    Goal,
)

Row = Mapping[str, Any]
Found = Mapping[tuple[str, str], Row]

WALL_OVER_CPU = 1.1
"""A pinned single thread whose wall time exceeds its CPU time by more was not alone."""

INTRODUCTION = """\
# Speed of the simulator

Written by `make bench-simulator` from `benchmarks/results/simulator.json`; do not edit. Every
engine runs in a process of its own, pinned to one core, in turn with the others; figures are
medians, "spread" is the distance of the extremes over the median. Time is CPU seconds per
biological second, build and compilation apart. All engines record every spike. Networks and
numbers: `benchmarks/peers/parameters.py`.
"""


def index(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """Rows by benchmark and engine."""
    return {(row["benchmark"], row["engine"]): row for row in rows}


def page(rows: Iterable[Row], details: Iterable[Row], machine: str) -> str:
    """Whole page: goals, activity, measurements."""
    found, more = index(rows), index(details)
    parts = [INTRODUCTION, f"Machine: {machine}\n"]
    if shared := disturbed(found):
        parts.append(
            f"The machine was shared: in {shared} of {len(found)} rows the wall clock ran more "
            f"than {WALL_OVER_CPU - 1:.0%} ahead of the CPU clock.\n"
        )
    parts += ["## Goals\n", goals_table(found, more)]
    parts += ["\n## Same activity\n", activity_table(found), "\n## Measurements\n"]
    parts.append(rows_table(found))
    if published := population_table(more):
        parts += ["\n## Microcircuit, rates by population\n", published]
    return "\n".join(parts) + "\n"


def disturbed(rows: Found) -> int:
    """Rows of single threads that had to share their core while they ran."""
    several = {case.name for case in CASES if case.threads > 1}
    return sum(
        (_ratio(row["wall_s_per_bio_s"], row["cpu_s_per_bio_s"]) or 1.0) > WALL_OVER_CPU
        for row in rows.values()
        if row["benchmark"] not in several
    )


def value(goal: Goal, rows: Found, details: Found) -> float | None:
    """Figure of a goal; None while it is not measured or when a run failed."""
    own = rows.get((goal.benchmark, OWN))
    more = details.get((goal.benchmark, OWN), {})
    if own is None or "error" in own:
        return None
    if goal.kind == "rates":
        rates = more.get("rates_hz")
        return rates and max(abs(rates[p] / r - 1) for p, r in zip(POPULATIONS, RATES_HZ,
                                                                    strict=True))  # fmt: skip
    if goal.kind == "at most":
        figure = own.get(goal.figure, more.get(goal.figure))
        return None if figure is None else float(figure)
    if goal.kind == "scaling":
        single = rows.get((goal.other, OWN), {})
        return _ratio(single.get("wall_s_per_bio_s"), own["wall_s_per_bio_s"])
    benchmark, _, engine = goal.other.rpartition("/")
    peer = rows.get((benchmark or goal.benchmark, engine), {})
    return _ratio(peer.get(goal.figure), own[goal.figure])


def met(goal: Goal, figure: float | None) -> str:
    """Verdict: "aim", "must", "**no**", or "-" without a figure."""
    if figure is None:
        return "-"
    sign = 1 if goal.kind in ("ratio", "scaling") else -1
    if sign * figure >= sign * goal.aim:
        return "aim"
    return "must" if sign * figure >= sign * goal.must else "**no**"


def goals_table(rows: Found, details: Found) -> str:
    """One line per goal."""
    lines = ["| benchmark | compared with | measured | must | aim | met |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for goal in GOALS:
        figure = value(goal, rows, details)
        sign = ">=" if goal.kind in ("ratio", "scaling") else "<="
        other = goal.other.rpartition("/")[2] if goal.kind == "ratio" else ""
        lines.append(
            f"| {goal.text} | {other} | {_with_unit(figure, goal)} | "
            f"{sign} {_with_unit(goal.must, goal)} | {_with_unit(goal.aim, goal)} | "
            f"{met(goal, figure)} |"
        )
    return "\n".join(lines)


def activity_table(rows: Found) -> str:
    """Rate and CV of each engine; each peer must lie close to ours."""
    lines = ["| benchmark | engine | rate Hz | CV of intervals | rate apart | CV apart | same |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for case in CASES:
        own = rows.get((case.name, OWN))
        if case.name not in SAME_ACTIVITY or own is None:
            continue
        lines.append(f"| {case.name} | {OWN} | {_number(own['rate_hz'])} | "
                     f"{_number(own['cv_isi'])} | | | |")  # fmt: skip
        for engine in case.peers:
            peer = rows.get((case.name, engine))
            if peer is None:
                continue
            rate, cv = distance(own, peer)
            same = {True: "yes", False: "**no**", None: "-"}[is_same(own, peer)]
            lines.append(
                f"| | {engine} | {_number(peer['rate_hz'])} | {_number(peer['cv_isi'])} | "
                f"{_percent(rate)} | {_number(cv)} | {same} |"
            )
    return "\n".join(lines)


def is_same(own: Row, peer: Row) -> bool | None:
    """Whether the activity of two engines agrees; None where one has none."""
    rate, cv = distance(own, peer)
    if rate is None or cv is None:
        return None
    return rate <= RATE_TOLERANCE and cv <= CV_TOLERANCE


def all_well(rows: Found, details: Found) -> bool:
    """No run failed, no goal is missed, and no peer's activity is another."""
    compared = [
        is_same(rows[case.name, OWN], rows[case.name, engine])
        for case in CASES
        for engine in case.peers
        if case.name in SAME_ACTIVITY and {(case.name, OWN), (case.name, engine)} <= rows.keys()
    ]
    missed = any(met(goal, value(goal, rows, details)) == "**no**" for goal in GOALS)
    return not missed and False not in compared and not any("error" in r for r in rows.values())


def distance(own: Row, peer: Row) -> tuple[float | None, float | None]:
    """Relative distance of the rates and distance of the CVs, None where one is missing."""
    ratio = _ratio(own["rate_hz"], peer["rate_hz"])
    cvs = own["cv_isi"], peer["cv_isi"]
    return (
        None if ratio is None else abs(ratio - 1),
        None if None in cvs else abs(cvs[0] - cvs[1]),
    )


def rows_table(rows: Found) -> str:
    """Every row as it was measured; synaptic events per CPU second in place of per run."""
    lines = ["| benchmark | engine | CPU s/s | wall s/s | build CPU s | M events per CPU s | "
             "peak MB | runs | spread |", "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    order = {case.name: k for k, case in enumerate(CASES)}
    for row in sorted(rows.values(), key=lambda row: order.get(row["benchmark"], len(order))):
        name = f"| {row['benchmark']} | {row['engine']} | "
        if "error" in row:
            lines.append(f"{name}failed: {row['error'].replace('|', '/')} | | | | | | |")
            continue
        speed = _ratio(row["syn_events"], row["cpu_s_per_bio_s"])
        lines.append(
            f"{name}{_number(row['cpu_s_per_bio_s'])} | {_number(row['wall_s_per_bio_s'])} | "
            f"{_number(row['build_cpu_s'])} | {_number(speed and speed / 1e6)} | "
            f"{_number(row['peak_rss_mb'])} | {row['repeats']} | {_percent(row['spread'])} |"
        )
    return "\n".join(lines)


def population_table(details: Found) -> str:
    """Rates of the full microcircuit beside the published ones; empty when not measured."""
    rates = details.get(("microcircuit-1", OWN), {}).get("rates_hz")
    if not rates:
        return ""
    lines = ["| population | published Hz | measured Hz | apart |", "|---|---|---|---|"]
    for name, wanted in zip(POPULATIONS, RATES_HZ, strict=True):
        apart = _percent(abs(rates[name] / wanted - 1))
        lines.append(f"| {name} | {wanted} | {rates[name]:.3f} | {apart} |")
    return "\n".join(lines)


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _number(figure: float | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


def _percent(figure: float | None) -> str:
    return "-" if figure is None else f"{100 * figure:.1f} %"


def _with_unit(figure: float | None, goal: Goal) -> str:
    if goal.kind == "rates":
        return _percent(figure)
    return "-" if figure is None else f"{_number(figure)} {goal.unit}".rstrip()
