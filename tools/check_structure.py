# SPDX-License-Identifier: Apache-2.0
"""What the import contract does not see: modules named in strings, circles, names used twice.

``python tools/check_structure.py`` prints ``path:line: rule`` and exits 1 on a finding.

* A module that is imported by a name in a string obeys the same layers as any other import.
* No circle of modules, imports inside functions included; imports for types alone do not count.
* No class name stands twice in the package.
"""

from __future__ import annotations

import ast
import graphlib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "spikesim"
_MODULE = re.compile(rf"{PACKAGE}(\.[a-z_][a-z0-9_]*)+(:\w+)?")
# The package itself lists the public names of all layers.
_LISTS_ALL = {f"{PACKAGE}/__init__.py"}


def layers_of(settings: Mapping[str, object]) -> dict[str, int]:
    """Height of every package in the contract of the package itself; the lowest is 0.

    Examples
    --------
    >>> contract = {"type": "layers", "containers": ["spikesim"]}
    >>> contract["layers"] = ["(cli)", "(sim) | (hw)", "(core)"]
    >>> layers_of({"tool": {"importlinter": {"contracts": [contract]}}})
    {'core': 0, 'sim': 1, 'hw': 1, 'cli': 2}
    """
    contracts = settings["tool"]["importlinter"]["contracts"]  # type: ignore[index]
    (layers,) = (c["layers"] for c in contracts if c.get("containers") == [PACKAGE])
    return {
        name: height
        for height, line in enumerate(reversed(layers))
        for name in re.findall(r"\w+", line)
    }


def string_imports(path: str, text: str, layers: Mapping[str, int]) -> Iterator[str]:
    """One line for each module named in a string that lies above its file.

    Parameters
    ----------
    path : str
        Relative to the root.
    text : str
        Content of the file.
    layers : mapping
        What ``layers_of`` gives.
    """
    if path in _LISTS_ALL:
        return
    own = Path(path).with_suffix("").parts[1]
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if _MODULE.fullmatch(node.value) is None:
            continue
        other = node.value.split(":")[0].split(".")[1]
        if other == own or other not in layers or own not in layers:
            continue
        if layers[other] >= layers[own]:
            yield (
                f"{path}:{node.lineno}: {node.value!r} names a module of {other}, which does not "
                f"lie below {own}; hand the object in from above"
            )


def circles(imports: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """One line for each circle of modules.

    Examples
    --------
    >>> list(circles({"a": ["b"], "b": ["a"], "c": ["a"]}))
    ['circle of modules: a -> b -> a']
    """
    left = {module: set(others) for module, others in imports.items()}
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            # graphlib lists a circle against the direction of the arrows.
            circle = list(reversed(error.args[1]))
            start = circle.index(min(circle))
            ring = circle[start:-1] + circle[:start] if start else circle[:-1]
            yield f"circle of modules: {' -> '.join([*ring, ring[0]])}"
            left[ring[0]] = left[ring[0]] - {ring[1 % len(ring)]}
        else:
            return


def repeated_classes(classes: Iterable[tuple[str, str]]) -> Iterator[str]:
    """One line for each class name that stands in several places.

    Parameters
    ----------
    classes : iterable of (name, place)

    Examples
    --------
    >>> list(repeated_classes([("Plan", "a.py:3"), ("Run", "b.py:1"), ("Plan", "c.py:9")]))
    ['a.py:3: class Plan stands in c.py:9 too; say what each is']
    """
    places: dict[str, list[str]] = {}
    for name, place in classes:
        places.setdefault(name, []).append(place)
    for name, found in places.items():
        if len(found) > 1:
            others = ", ".join(found[1:])
            yield f"{found[0]}: class {name} stands in {others} too; say what each is"


def _classes(path: str, text: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            yield node.name, f"{path}:{node.lineno}"


def _imports() -> dict[str, set[str]]:
    import grimp

    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def main() -> int:
    """Check the package; 1 when something was found."""
    layers = layers_of(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    found: list[str] = []
    classes: list[tuple[str, str]] = []
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        path, text = file.relative_to(ROOT).as_posix(), file.read_text()
        found += string_imports(path, text, layers)
        classes += _classes(path, text)
    found += repeated_classes(classes)
    found += circles(_imports())
    print("\n".join([*found, f"check_structure: {len(found)} findings"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
