# SPDX-License-Identifier: Apache-2.0
"""Faults for the tests to notice: those of the list, and those drawn at random places."""

from __future__ import annotations

import ast
import random
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "tests" / "mutants"


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
    """Faults that cosmic-ray makes at random places of the files that changed since ``base``.

    Every place where one of its operators can act is as likely as any other. What changes nothing
    but a comment or the annotation of a function is none.
    """
    try:
        from cosmic_ray.ast import ast_nodes, get_ast
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator, operator_names
    except ImportError:
        raise SystemExit(
            "--sample: expected cosmic-ray, which draws the faults; pip install 'spikesim[mutants]'"
        ) from None

    command = ["git", "diff", "--name-only", "--diff-filter=AM", base, "--", "spikesim"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    texts = {f: (ROOT / f).read_text() for f in listed.stdout.split() if f.endswith(".py")}
    kinds = {name: get_operator(name) for name in sorted(operator_names())}
    # Those with arguments, names of variables to put in, have to be told which.
    operators = {name: kind() for name, kind in kinds.items() if not kind.arguments()}
    places: list[tuple[str, str, int]] = []
    for file, text in texts.items():
        nodes = list(ast_nodes(get_ast(text)))
        for name, operator in operators.items():
            count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
            places += [(file, name, k) for k in range(count)]
    random.Random(seed).shuffle(places)
    found: list[Mutant] = []
    for file, name, k in places:
        if len(found) == n:
            break
        text = texts[file]
        mutated = mutate_code(text, operators[name], k)
        if mutated is not None and meaning(mutated) != meaning(text):
            title = f"{file}:{name.split('/')[1]}:{k}"
            found.append(Mutant(title, file, text, mutated, tests_of(file)))
    return found


def meaning(text: str) -> str:
    """Give what Python runs of a source: all but comments, layout, annotations of functions.

    Examples
    --------
    >>> meaning("def f(x: int | None): return x  # as it is") == meaning("def f(x): return (x)")
    True
    """
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
    return ast.dump(tree)


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
