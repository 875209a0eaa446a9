# SPDX-License-Identifier: Apache-2.0
"""Put faults into the Python sources, one at a time, and see whether the tests notice.

``python tools/mutants.py`` runs the curated list (``tests/mutants/*.toml``), ``--sample N`` also N
faults that cosmic-ray draws in the files that changed since ``--base``. Each fault goes into a copy
of the tree and meets the tests of its package first, then the default ones that need no simulator
(``--own`` stops before those). What notices a fault has to pass without it. Results are kept in
``build/mutants``: a run that was cut off goes on where it was, and a fault is tried again only when
its file or the tests that judge it have changed.

A fault that nothing notices is a survivor. Its verdict stands in ``tests/mutants.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from mutants_list import ROOT, Mutant, curated, sampled

BUILD = ROOT / "build" / "mutants"
WIDE = ("tests/unit", "tests/properties", "tests/equivalence")
"""What judges a fault that its own tests do not notice."""
LIMIT_S, WIDE_LIMIT_S = 900, 4 * 3600
"""Wall time after which the tests of one fault are taken for hanging, which notices it.

A test that hangs ends by its own limit; this one is for what hangs outside of tests.
"""
_COPIED = ("spikesim", "tests", "tools", "hdl", "benchmarks", "examples", "docs", "firmware")
_QUICK = ["-m", "not slow and not hdl and not rtl"]
# It asks whether the list fits the sources, which no fault does.
_APART = "--ignore=tests/unit/tools/test_mutants.py"


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: ``killed``, ``survived``, or ``hung``, by which tests, how fast.

    ``by`` is the file of the test that noticed it, where one is known, else all that were run.
    """

    key: str
    outcome: str
    by: str
    seconds: float


def key_of(mutant: Mutant, tree: Path = ROOT) -> str:
    """Name of a fault together with the sources and tests that its verdict depends on."""
    digest = hashlib.blake2b(repr(asdict(mutant)).encode(), digest_size=12)
    digest.update((tree / mutant.file).read_bytes())
    for test in mutant.tests:
        place = tree / test
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def judge(mutant: Mutant, tree: Path, own: bool, sound: set[str]) -> Verdict:
    """Run the tests against one fault in a tree that has none before and after.

    Parameters
    ----------
    mutant : Mutant
    tree : Path
    own : bool
        Whether only the tests named with the fault are run. One that is said to be equivalent
        never meets others.
    sound : set of str
        Tests known to pass without a fault; those that noticed this one are added.

    Raises
    ------
    RuntimeError
        If what noticed the fault fails without it as well.
    """
    path = tree / mutant.file
    clean = path.read_text()
    start = time.perf_counter()
    try:
        path.write_text(mutant.apply(clean))
        for tests in (mutant.tests,) if own or mutant.equivalent else (mutant.tests, WIDE):
            outcome, by = _pytest(tests, tree)
            if outcome != "survived":
                break
    finally:
        path.write_text(clean)
    seconds = round(time.perf_counter() - start, 1)
    if outcome != "survived" and not sound.issuperset(by):
        if _pytest(by, tree)[0] != "survived":
            names = " ".join(by)
            raise RuntimeError(f"{names}: expected tests that pass without a fault; mend them")
        sound.update(by)
    # Of the tree, whose tests were judging: those of the checkout may have changed meanwhile.
    return Verdict(key_of(mutant, tree), outcome, " ".join(by), seconds)


def outcome_of(code: int, said: bytes = b"") -> str:
    """Tell what a return code of pytest says about a fault.

    Nothing collected (5) notices nothing. A crash (below 0, by a signal) does, and so does a
    module that cannot be imported (2). What is left is a fault of the list, not of the sources.

    Examples
    --------
    >>> outcome_of(0), outcome_of(1), outcome_of(5), outcome_of(-11)
    ('survived', 'killed', 'survived', 'killed')
    """
    if code in (0, 5):
        return "survived"
    if code in (1, 2) or code < 0:
        return "killed"
    raise RuntimeError(f"pytest ended with {code}: {said[-2000:]!r}")


def noticed_by(said: str, tests: tuple[str, ...]) -> tuple[str, ...]:
    """Find the file of the test that failed in what pytest says; all ``tests`` without one.

    Examples
    --------
    >>> noticed_by("FAILED tests/a/test_b.py::test_c - assert 1 == 2", ("tests/a", "tests/c"))
    ('tests/a/test_b.py',)
    """
    failed = re.search(r"^(?:FAILED|ERROR) (\S+?\.py)\b", said, re.MULTILINE)
    return (failed[1],) if failed else tests


def _pytest(tests: tuple[str, ...], tree: Path) -> tuple[str, tuple[str, ...]]:
    """Outcome of some tests, and those of them that it came from."""
    env = {**os.environ, "PYTHONPATH": str(tree), "SPIKESIM_CACHE": str(tree / "build" / "cache")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", _APART]
    try:
        # Its own session: Ctrl-C here must not look like a fault that was noticed there.
        done = subprocess.run(
            [*command, *_QUICK, *tests], cwd=tree, env=env, capture_output=True,
            timeout=WIDE_LIMIT_S if tests == WIDE else LIMIT_S, check=False,
            start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "hung", tests
    said = done.stdout + done.stderr
    outcome = outcome_of(done.returncode, said)
    return outcome, noticed_by(said.decode(errors="replace"), tests)


def make_tree(number: int) -> Path:
    """Copy the sources, so that a fault never stands in the real ones."""
    tree = BUILD / f"tree-{number}"
    for name in _COPIED:
        shutil.rmtree(tree / name, ignore_errors=True)
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "constraints.txt"):
        shutil.copy(ROOT / name, tree / name)
    return tree


def is_due(mutant: Mutant, kept: Verdict | None, own: bool = False) -> bool:
    """Whether a fault has no verdict that still holds: none, of other sources, or of less tests."""
    if kept is None or kept.key != key_of(mutant):
        return True
    wide = not own and not mutant.equivalent
    return kept.outcome == "survived" and wide and kept.by != " ".join(WIDE)


def urgency(kept: Verdict | None) -> int:
    """Order of the faults that are due: survivors, those never tried, those noticed before."""
    if kept is None:
        return 1
    return 0 if kept.outcome == "survived" else 2


def run(mutants: list[Mutant], jobs: int, own: bool = False) -> dict[str, Verdict]:
    """Judge all faults that have no verdict yet; gives all verdicts by name."""
    BUILD.mkdir(parents=True, exist_ok=True)
    store = BUILD / "verdicts.json"
    kept = json.loads(store.read_text()) if store.exists() else {}
    verdicts = {name: Verdict(**entry) for name, entry in kept.items()}
    due = [m for m in mutants if is_due(m, verdicts.get(m.name), own)]
    due.sort(key=lambda m: urgency(verdicts.get(m.name)))
    trees, sound = SimpleQueue[Path](), set[str]()
    for number in range(jobs if due else 0):
        trees.put(make_tree(number))

    def one(mutant: Mutant) -> None:
        tree = trees.get()
        try:
            verdicts[mutant.name] = judge(mutant, tree, own, sound)
        finally:
            trees.put(tree)
        verdict = verdicts[mutant.name]
        print(f"{verdict.outcome:<9}{verdict.seconds:7.1f} s  {mutant.name}", flush=True)
        _write(store, {name: asdict(v) for name, v in verdicts.items()})

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        list(pool.map(one, due))
    return {mutant.name: verdicts[mutant.name] for mutant in mutants}


def _write(path: Path, content: object) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1))
    part.replace(path)


def main(argv: list[str] | None = None) -> int:
    """Judge the faults; 1 when fewer than the wanted share of those that matter is noticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at once")
    parser.add_argument("--only", default="", help="names that contain this text")
    parser.add_argument("--own", action="store_true", help="only the tests named with each fault")
    parser.add_argument("--sample", type=int, default=0, help="faults drawn by cosmic-ray, too")
    parser.add_argument("--base", default="HEAD~20", help="draw in files changed since this commit")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--share", type=float, default=0.95, help="share that must be noticed")
    options = parser.parse_args(argv)
    mutants = [m for m in curated() if options.only in m.name]
    if options.sample:
        mutants += sampled(options.sample, options.base, options.seed)
    try:
        verdicts = run(mutants, options.jobs, options.own)
    except RuntimeError as error:
        raise SystemExit(str(error)) from None
    lived = [m for m in mutants if verdicts[m.name].outcome == "survived"]
    print(table(mutants, lived))
    wrong = [m for m in mutants if m.equivalent and m not in lived]
    missed = [m for m in lived if not m.equivalent]
    for what, found in (("survived", missed), ("not equivalent", wrong)):
        for mutant in found:
            print(f"{what}: {mutant.name}")
    share = 1 - len(missed) / max(sum(not m.equivalent for m in mutants), 1)
    print(f"{100 * share:.1f} % of those that are not equivalent were noticed")
    return 0 if share >= options.share and not wrong else 1


def table(mutants: list[Mutant], lived: list[Mutant]) -> str:
    """Faults of each package by what became of them, as ``tests/mutants.md`` shows them."""
    rows = ["| package | faults | equivalent | noticed | survived |", "|---|---|---|---|---|"]
    packages = [mutant.file.split("/")[1].removesuffix(".py") for mutant in mutants]
    for package in [*sorted(set(packages)), "all"]:
        own = [m for m, p in zip(mutants, packages, strict=True) if package in (p, "all")]
        equivalent = sum(bool(m.equivalent) for m in own)
        survived = sum(m in lived and not m.equivalent for m in own)
        noticed = len(own) - equivalent - survived
        rows.append(f"| {package} | {len(own)} | {equivalent} | {noticed} | {survived} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
