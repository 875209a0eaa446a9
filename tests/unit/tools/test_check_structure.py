# SPDX-License-Identifier: Apache-2.0
import pytest

import check_structure

LAYERS = {"core": 0, "sim": 1, "hw": 1, "cli": 2}


@pytest.mark.parametrize(
    ("path", "name", "found"),
    [
        ("spikesim/sim/run.py", "spikesim.core.csr", False),
        ("spikesim/sim/run.py", "spikesim.sim.plan:Plan", False),
        ("spikesim/sim/run.py", "spikesim.hw.program:Program", True),
        ("spikesim/sim/run.py", "spikesim.cli.main", True),
        ("spikesim/core/csr.py", "spikesim.sim", True),
        ("spikesim/cli/run.py", "spikesim.sim.plan", False),
        ("spikesim/sim/run.py", "spikesim ran", False),
        ("spikesim/__init__.py", "spikesim.cli.main", False),
    ],
)
def test_modules_named_in_strings_obey_the_layers(path, name, found):
    text = f"import importlib\nmodule = importlib.import_module({name!r})\n"
    lines = list(check_structure.string_imports(path, text, LAYERS))
    assert found == bool(lines)
    if found:
        assert lines[0].startswith(f"{path}:2: ")


def test_a_circle_of_three_is_told_once():
    imports = {"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []}
    assert ["circle of modules: a -> b -> c -> a"] == list(check_structure.circles(imports))


def test_two_circles_through_one_module_are_both_told():
    imports = {"a": ["b", "c"], "b": ["a"], "c": ["a"]}
    assert {"circle of modules: a -> b -> a", "circle of modules: a -> c -> a"} == set(
        check_structure.circles(imports)
    )


def test_a_class_name_used_twice_is_told_with_both_places():
    lines = list(check_structure.repeated_classes([("A", "x:1"), ("B", "x:2"), ("A", "y:3")]))
    assert ["x:1: class A stands in y:3 too; say what each is"] == lines
