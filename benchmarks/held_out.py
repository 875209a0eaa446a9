# SPDX-License-Identifier: Apache-2.0
"""Accuracy on data with a test part, for the benchmarks of single data sets.

Every choice is made by a tenth of the training part, which is kept apart; the test part is looked
at once for each row. A run that is cut off goes on from its checkpoints in ``build/benchmarks``.
Rows go to ``benchmarks/results/NAME.json``, and from all of these to ``docs/results.md``;
``python -m benchmarks.held_out`` writes only that page.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikesim import data, nn

RESULTS = Path("benchmarks/results")
PAGE = Path("docs/results.md")
CHECKPOINTS = Path("build/benchmarks")
NAMES = ("fashion", "speech", "events")
VALIDATION = 0.1
QUICK = 200
"""Samples of each part with ``--quick``."""

Row = dict[str, Any]

_HEAD = """# Accuracy of trained nets

Written by the commands below from `benchmarks/results/`; do not edit. A part of the training
samples is kept apart: by it settings were chosen, and where a training ends early it says when. The
test part is read once for each training. Mean ± standard deviation over seeds, or over the people
who were left out, with one seed each. CPU time is that of one training on one thread. Nets and
settings are in the files that bear the names of the commands.

| data | net | held out | trainings | validation % | test % | must | CPU s |
|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Case:
    """A net, how it is trained, on what it is tested, and what it has to reach.

    Attributes
    ----------
    name : str
        As given on the command line, and in rows.
    make : callable
        Gives the net, anew.
    training : mapping
        Arguments of ``nn.fit``.
    part : str
        What is held out; where there are several parts of a kind, such as speakers, the kind, a
        blank, and which. Targets and the page are about kinds.
    seeds : int, optional
        At most so many.
    target : float, optional
        Mean accuracy of a kind, 0..1, at least.
    after_epoch : callable, optional
        Called with the net and the share of all epochs that are done.
    """

    name: str
    make: Callable[[], torch.nn.Module]
    training: Mapping[str, Any]
    part: str = "test part"
    seeds: int | None = None
    target: float | None = None
    after_epoch: Callable[[torch.nn.Module, float], None] | None = None

    @property
    def kind(self) -> str:
        """What is held out, without which."""
        return self.part.partition(":")[0]


@dataclass(frozen=True)
class Benchmark:
    """A data set and the cases on it.

    Attributes
    ----------
    name : str
        Of the module and of the file of rows.
    cases : sequence of Case
        Those of one part stand together, since data are read once for each.
    split : callable
        Gives the data for the path of the command line, if any, and a part.
    needs_path : bool
        Whether the data are looked for nowhere else.
    """

    name: str
    cases: Sequence[Case]
    split: Callable[[str | None, str], data.Split]
    needs_path: bool = True


def main(benchmark: Benchmark, text: str, argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a mean is below its target."""
    parser = _arguments(benchmark, text)
    options = parser.parse_args(argv)
    known = {case.name for case in benchmark.cases}
    if unknown := [name for name in options.cases if name not in known]:
        parser.error(f"expected cases of {', '.join(sorted(known))}, got {', '.join(unknown)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = [case for case in benchmark.cases if case.name in (options.cases or [case.name])]
    read = lru_cache(maxsize=1)(lambda part: benchmark.split(options.data, part))
    rows = []
    for case, seed in runs(chosen, 1 if options.quick else options.seeds):
        split = first(read(case.part), QUICK) if options.quick else read(case.part)
        rows.append(measure(benchmark.name, case, seed, split, options.threads, options.quick))
        print(line(rows[-1]), flush=True)
        if not options.quick:  # at once: a run that is cut off later keeps it
            keep(benchmark.name, rows[-1:])
    groups = [] if options.quick else grouped(rows)
    for group in groups:
        print(summary(group))
    return int(any(missed(group) for group in groups))


def keep(benchmark: str, rows: Sequence[Row]) -> None:
    """Put rows into the file of a benchmark, and write the page anew."""
    file = RESULTS / f"{benchmark}.json"
    kept = merge(json.loads(file.read_text()) if file.exists() else [], rows)
    file.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(page())


def measure(
    benchmark: str, case: Case, seed: int, split: data.Split, threads: int = 1, quick: bool = False
) -> Row:
    """Train one net, and test it once."""
    start = time.process_time()
    torch.manual_seed(seed)
    model, options = case.make(), dict(case.training)
    options["epochs"] = 2 if quick else options["epochs"]
    logs: list[Any] = []
    if case.after_epoch is not None:
        follow, epochs = case.after_epoch, options["epochs"]
        logs.append(lambda history: follow(model, len(history.loss) / epochs))
    checkpoint = None
    if not quick:
        CHECKPOINTS.mkdir(parents=True, exist_ok=True)
        names = benchmark, case.name, "" if case.part == Case.part else case.part
        stem = "_".join([*filter(None, names), str(len(split.y_train)), str(seed)])
        stem = stem.translate({ord(" "): "-", ord(":"): None})
        checkpoint = CHECKPOINTS / f"{stem}.pt"
        logs.append(nn.CSVLog(checkpoint.with_suffix(".csv")))
    resumed = checkpoint is not None and checkpoint.exists()
    history = nn.fit(
        model, split.x_train, split.y_train, seed=seed, validation=VALIDATION,
        checkpoint=checkpoint, log=logs, threads=threads, progress=True,
        label=f"{benchmark} {case.name}, {case.part}, seed {seed}", **options,
    )  # fmt: skip
    how = {name: options[name] for name in ("encode", "decode") if name in options}
    found = nn.evaluate(model, split.x_test, split.y_test, **how)
    ended = history.best if options.get("patience") else -1
    return {
        "benchmark": benchmark, "case": case.name, "part": case.part, "seed": seed,
        "epochs": len(history.loss), "accuracy_validation": history.validation_accuracy[ended or 0],
        "accuracy_test": found.accuracy, "silent": found.silent, "target": case.target,
        "training_samples": len(split.y_train), "test_samples": found.n,
        "cpu_s": None if resumed else round(time.process_time() - start, 1),
    }  # fmt: skip


def first(split: data.Split, n: int) -> data.Split:
    """Give the first samples of a split in a drawn order, for a quick look."""
    parts = []
    for x, y in ((split.x_train, split.y_train), (split.x_test, split.y_test)):
        chosen = np.random.default_rng(0).permutation(len(y))[:n]
        parts += [x[chosen], y[chosen]]
    return data.Split(f"{split.name}-{n}", *parts)


def merge(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Rows of earlier runs with those of this one in their places."""
    rows = {_key(row): row for row in old}
    for row in new:
        before = rows.get(_key(row), row)
        # A training that was only read again keeps the time it took.
        same = before["accuracy_test"] == row["accuracy_test"]
        cpu_s = before["cpu_s"] if row["cpu_s"] is None and same else row["cpu_s"]
        rows[_key(row)] = row | {"cpu_s": cpu_s}
    return list(rows.values())


def grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one case and one kind of held-out part together, in order of first appearance."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["benchmark"], row["case"], _kind(row)), []).append(row)
    return list(groups.values())


def missed(group: Sequence[Row]) -> bool:
    """Whether the mean is below the target."""
    target = group[0]["target"]
    return target is not None and bool(np.mean([r["accuracy_test"] for r in group]) < target)


def page(root: Path = Path()) -> str:
    """Give the page of all results there are."""
    lines = []
    for name in NAMES:
        file = root / RESULTS / f"{name}.json"
        for group in grouped(json.loads(file.read_text()) if file.exists() else []):
            target, spent = group[0]["target"], [r["cpu_s"] for r in group if r["cpu_s"]]
            n = f"{group[0]['test_samples']:,} samples"
            what = f"{_kind(group[0])}, {n}" if len({r["part"] for r in group}) == 1 else (
                f"{_kind(group[0])}, each of {len({r['part'] for r in group})}, {n}"
            )  # fmt: skip
            lines.append(
                f"| `python -m benchmarks.{name}` | {group[0]['case']} | {what} | {len(group)} | "
                f"{_percent(group, 'accuracy_validation')} | {_percent(group, 'accuracy_test')} | "
                f"{'' if target is None else f'{100 * target:g}'}"
                f"{' **missed**' if missed(group) else ''} | "
                f"{f'{np.mean(spent):.0f}' if spent else ''} |"
            )
    return _HEAD + "\n".join(lines) + "\n"


def line(row: Row) -> str:
    """Say what one training gave."""
    spent = "read again" if row["cpu_s"] is None else f"{row['cpu_s']:.0f} s"
    return (
        f"{row['case']}, {row['part']}, seed {row['seed']}: validation "
        f"{100 * row['accuracy_validation']:.2f} %, test {100 * row['accuracy_test']:.2f} % of "
        f"{row['test_samples']:,}, {row['epochs']} epochs, {spent}"
    )


def summary(group: Sequence[Row]) -> str:
    """Say what the trainings of a case gave, and whether that is enough."""
    target = group[0]["target"]
    must = "" if target is None else f", must be {100 * target:g} %"
    must += ": missed" if missed(group) else ""
    return f"{group[0]['case']}, {_kind(group[0])}: {_percent(group, 'accuracy_test')} %{must}"


def _percent(group: Sequence[Row], key: str) -> str:
    values = [100 * row[key] for row in group]
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def _key(row: Row) -> tuple[Any, ...]:
    return row["case"], row["part"], row["seed"]


def _kind(row: Row) -> str:
    return str(row["part"]).partition(":")[0]


def runs(cases: Sequence[Case], seeds: int) -> Iterator[tuple[Case, int]]:
    """Cases with their seeds."""
    for case in cases:
        for seed in range(min(seeds, case.seeds or seeds)):
            yield case, seed


def _arguments(benchmark: Benchmark, text: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(dict.fromkeys(case.name for case in benchmark.cases))
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--data", required=benchmark.needs_path, help="see above")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true",
        help=f"a seed, two epochs and {QUICK} samples of each case; nothing is written",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.exit(0)
