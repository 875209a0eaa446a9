# SPDX-License-Identifier: Apache-2.0
"""Put faults into the Python sources, one at a time, and see whether the tests notice.

``python tools/mutants.py`` runs the curated list (``tests/mutants/*.toml``), ``--sample N`` also N
faults that cosmic-ray draws in the files that changed since ``--base``. Each fault goes into a copy
of the tree and meets the tests of its package first, then the default ones that need no simulator.
Results are kept in ``build/mutants``: a run that was cut off goes on where it was, and a fault is
tried again only when its file or the tests that judge it have changed.

A fault that nothing notices is a survivor. Its verdict stands in ``tests/mutants.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "tests" / "mutants"
BUILD = ROOT / "build" / "mutants"
LIMIT_S = 900
"""Wall time after which the tests of one fault are taken for hanging, which notices it."""
_COPIED = ("spikesim", "tests", "tools", "hdl", "benchmarks", "examples", "docs", "firmware")
_QUICK = ["-m", "not slow and not hdl and not rtl"]


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    name : str
        Unique.
    file : str
        Relative to the root.
    old, new : str
        Text that stands there once, and what replaces it.
    tests : tuple of str
        Test files or folders that should notice it.
    equivalent : str
        Why no test can notice it; empty when one should.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def apply(self, text: str) -> str:
        """Text of the file with the fault; raises ValueError unless ``old`` stands there once."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"mutant {self.name!r}: expected its old text once in {self.file}, found it "
                f"{text.count(self.old)} times; write it anew"
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: ``killed``, ``survived``, or ``hung``, by which tests, how fast."""

    key: str
    outcome: str
    by: str
    seconds: float


def curated(folder: Path = LISTS) -> list[Mutant]:
    """Faults of the list, checked: every file exists, every old text stands there once.

    Raises
    ------
    ValueError
        With the first entry that does not fit the sources.
    """
    found: list[Mutant] = []
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["mutant"]:
            mutant = Mutant(**entry | {"tests": tuple(entry["tests"])})
            mutant.apply((ROOT / mutant.file).read_text())
            found.append(mutant)
    names = [mutant.name for mutant in found]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"mutants: expected different names, got {sorted(repeated)} twice")
    return found


def sampled(n: int, base: str, seed: int) -> list[Mutant]:
    """Faults that cosmic-ray makes at random places of the files that changed since ``base``."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    command = ["git", "diff", "--name-only", "--diff-filter=AM", base, "--", "spikesim"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [line for line in listed.stdout.split() if line.endswith(".py")]
    rng, found = random.Random(seed), list[Mutant]()
    names = sorted(operator_names())
    for _ in range(200 * n):
        if len(found) == n or not files:
            break
        file, operator = rng.choice(files), rng.choice(names)
        text = (ROOT / file).read_text()
        place = rng.randrange(12)
        mutated = mutate_code(text, get_operator(operator)(), place)
        if mutated is None or mutated == text:
            continue
        found.append(
            Mutant(f"{file}:{operator.split('/')[1]}:{place}", file, text, mutated, tests_of(file))
        )
    return found


def tests_of(file: str) -> tuple[str, ...]:
    """Tests that mirror a module: its own test file, else those of its folder, else of its floor.

    Examples
    --------
    >>> tests_of("spikesim/core/csr.py")
    ('tests/unit/core/test_csr.py',)
    """
    parts = Path(file).with_suffix("").parts[1:]
    own = Path("tests/unit", *parts[:-1], f"test_{parts[-1]}.py")
    for place in (own, own.parent, *own.parents):
        if (ROOT / place).exists():
            return (place.as_posix(),)
    return ("tests/unit",)


def key_of(mutant: Mutant) -> str:
    """Name of a fault together with the sources and tests that its verdict depends on."""
    digest = hashlib.blake2b(repr(asdict(mutant)).encode(), digest_size=12)
    digest.update((ROOT / mutant.file).read_bytes())
    for test in mutant.tests:
        place = ROOT / test
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def judge(mutant: Mutant, tree: Path) -> Verdict:
    """Run the tests against one fault in a tree that has none before and after."""
    path = tree / mutant.file
    clean = path.read_text()
    start = time.perf_counter()
    try:
        path.write_text(mutant.apply(clean))
        for tests in (list(mutant.tests), ["tests/unit", "tests/properties", "tests/equivalence"]):
            outcome = _pytest(tests, tree)
            if outcome != "survived":
                break
    finally:
        path.write_text(clean)
    seconds = round(time.perf_counter() - start, 1)
    return Verdict(key_of(mutant), outcome, " ".join(tests), seconds)


def _pytest(tests: list[str], tree: Path) -> str:
    env = {**os.environ, "PYTHONPATH": str(tree), "SPIKESIM_CACHE": str(tree / "build" / "cache")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *_QUICK]
    try:
        done = subprocess.run(
            [*command, *tests], cwd=tree, env=env, capture_output=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "hung"
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-2000:]!r}")
    return "killed" if done.returncode else "survived"


def make_tree(number: int) -> Path:
    """Copy the sources, so that a fault never stands in the real ones."""
    tree = BUILD / f"tree-{number}"
    for name in _COPIED:
        shutil.rmtree(tree / name, ignore_errors=True)
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "constraints.txt"):
        shutil.copy(ROOT / name, tree / name)
    return tree


def run(mutants: list[Mutant], jobs: int) -> dict[str, Verdict]:
    """Judge all faults that have no verdict yet; gives all verdicts by name."""
    BUILD.mkdir(parents=True, exist_ok=True)
    store = BUILD / "verdicts.json"
    kept = json.loads(store.read_text()) if store.exists() else {}
    verdicts = {name: Verdict(**entry) for name, entry in kept.items()}
    due = [m for m in mutants if m.name not in verdicts or verdicts[m.name].key != key_of(m)]
    trees: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs if due else 0):
        trees.put(make_tree(number))

    def one(mutant: Mutant) -> None:
        tree = trees.get()
        try:
            verdicts[mutant.name] = judge(mutant, tree)
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
    parser.add_argument("--sample", type=int, default=0, help="faults drawn by cosmic-ray, too")
    parser.add_argument("--base", default="HEAD~20", help="draw in files changed since this commit")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--share", type=float, default=0.95, help="share that must be noticed")
    options = parser.parse_args(argv)
    mutants = [m for m in curated() if options.only in m.name]
    if options.sample:
        mutants += sampled(options.sample, options.base, options.seed)
    verdicts = run(mutants, options.jobs)
    matter = [m for m in mutants if not m.equivalent]
    lived = [m.name for m in matter if verdicts[m.name].outcome == "survived"]
    share = 1 - len(lived) / max(len(matter), 1)
    print(f"{len(mutants)} faults, {len(mutants) - len(matter)} equivalent; of the others "
          f"{len(matter) - len(lived)} noticed ({100 * share:.1f} %)")  # fmt: skip
    for name in lived:
        print(f"survived: {name}")
    return 0 if share >= options.share else 1


if __name__ == "__main__":
    sys.exit(main())
