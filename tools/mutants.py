# SPDX-License-Identifier: Apache-2.0
"""Put faults into the Python sources, one at a time, and see whether the tests notice.

``python tools/mutants.py`` runs the curated list (``tests/mutants/*.toml``), ``--sample N`` also N
faults that cosmic-ray draws in the files that changed since ``--base``. Each fault goes into a copy
of the tree and meets the tests of its package first, then the default ones that need no simulator
(``--own`` stops before those). Results are kept in ``build/mutants``: a run that was cut off goes
on where it was, and a fault is tried again only when its file or the tests that judge it have
changed.

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
WIDE = ("tests/unit", "tests/properties", "tests/equivalence")
"""What judges a fault that its own tests do not notice."""
LIMIT_S = 900
"""Wall time after which the tests of one fault are taken for hanging, which notices it."""
_COPIED = ("spikesim", "tests", "tools", "hdl", "benchmarks", "examples", "docs", "firmware")
_QUICK = ["-m", "not slow and not hdl and not rtl"]
# It asks whether the list fits the sources, which no fault does.
_APART = "--ignore=tests/unit/tools/test_mutants.py"


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


def key_of(mutant: Mutant, tree: Path = ROOT) -> str:
    """Name of a fault together with the sources and tests that its verdict depends on."""
    digest = hashlib.blake2b(repr(asdict(mutant)).encode(), digest_size=12)
    digest.update((tree / mutant.file).read_bytes())
    for test in mutant.tests:
        place = tree / test
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def judge(mutant: Mutant, tree: Path, own: bool = False) -> Verdict:
    """Run the tests against one fault in a tree that has none before and after."""
    path = tree / mutant.file
    clean = path.read_text()
    start = time.perf_counter()
    try:
        path.write_text(mutant.apply(clean))
        for tests in (mutant.tests,) if own else (mutant.tests, WIDE):
            outcome = _pytest(tests, tree)
            if outcome != "survived":
                break
    finally:
        path.write_text(clean)
    seconds = round(time.perf_counter() - start, 1)
    # Of the tree, whose tests were judging: those of the checkout may have changed meanwhile.
    return Verdict(key_of(mutant, tree), outcome, " ".join(tests), seconds)


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


def _pytest(tests: tuple[str, ...], tree: Path) -> str:
    env = {**os.environ, "PYTHONPATH": str(tree), "SPIKESIM_CACHE": str(tree / "build" / "cache")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", _APART]
    try:
        # Its own session: Ctrl-C here must not look like a fault that was noticed there.
        done = subprocess.run(
            [*command, *_QUICK, *tests], cwd=tree, env=env, capture_output=True, timeout=LIMIT_S,
            check=False, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "hung"
    return outcome_of(done.returncode, done.stdout + done.stderr)


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
    return kept.outcome == "survived" and not own and kept.by != " ".join(WIDE)


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
    trees: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs if due else 0):
        trees.put(make_tree(number))

    def one(mutant: Mutant) -> None:
        tree = trees.get()
        try:
            verdicts[mutant.name] = judge(mutant, tree, own)
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
    verdicts = run(mutants, options.jobs, options.own)
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
