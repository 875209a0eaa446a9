# SPDX-License-Identifier: Apache-2.0
"""The list of faults that the tests have to notice, and the tool that puts them in."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mutants
from mutants import WIDE, Verdict, is_due, key_of, noticed_by, outcome_of, table, urgency
from mutants_list import LISTS, ROOT, Mutant, curated, meaning, sampled

FAULT = Mutant("one", "spikesim/core/csr.py", "a < b", "a <= b", ("tests/unit/core/test_csr.py",))


def test_a_fault_replaces_the_place_that_it_names() -> None:
    assert FAULT.apply("if a < b:\n    c = 1") == "if a <= b:\n    c = 1"


@pytest.mark.parametrize(("text", "found"), [("if b < a:", 0), ("a < b or a < b", 2)])
def test_a_fault_without_its_place_or_with_two_is_refused(text: str, found: int) -> None:
    with pytest.raises(ValueError, match=f"'one'.* found it {found} times"):
        FAULT.apply(text)


@pytest.mark.parametrize("code", [1, 2, -6, -11])
def test_failing_tests_a_failing_import_and_a_crash_notice_a_fault(code: int) -> None:
    assert outcome_of(code) == "killed"


@pytest.mark.parametrize("code", [0, 5])
def test_passing_tests_and_no_tests_at_all_notice_nothing(code: int) -> None:
    assert outcome_of(code) == "survived"


@pytest.mark.parametrize("code", [3, 4])
def test_a_call_that_pytest_does_not_understand_is_no_verdict(code: int) -> None:
    with pytest.raises(RuntimeError, match=f"{code}: b'no such file'"):
        outcome_of(code, b"no such file")


def test_a_verdict_holds_for_the_same_sources_and_tests() -> None:
    killed = Verdict(key_of(FAULT), "killed", FAULT.tests[0], 1.0)
    assert not is_due(FAULT, killed)
    assert is_due(FAULT, None)
    assert is_due(replace(FAULT, new="a > b"), killed)
    assert is_due(FAULT, replace(killed, key="of other sources"))


def test_only_a_survivor_of_all_tests_is_one() -> None:
    survived = Verdict(key_of(FAULT), "survived", FAULT.tests[0], 1.0)
    assert is_due(FAULT, survived)
    assert not is_due(FAULT, survived, own=True)
    assert not is_due(FAULT, replace(survived, by=" ".join(WIDE)))
    equivalent = replace(FAULT, equivalent="nobody asks")
    assert not is_due(equivalent, replace(survived, key=key_of(equivalent)))


def test_survivors_are_tried_again_first_and_what_was_noticed_last() -> None:
    kept = [Verdict("", outcome, "", 1.0) for outcome in ("killed", "survived", "hung")]
    order = sorted([*kept, None], key=urgency)
    assert [v.outcome if v else None for v in order] == ["survived", None, "killed", "hung"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in ((FAULT.file, "a < b"), (FAULT.tests[0], "tests of that day")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def asked(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], str]]:
    """Tests that were run, each with the source of that moment; the fault fails the wide ones."""
    seen = []

    def tests_run(tests: tuple[str, ...], where: Path) -> tuple[str, tuple[str, ...]]:
        source = (where / FAULT.file).read_text()
        seen.append((tests, source))
        noticed = tests == WIDE and "<=" in source
        return ("killed", ("tests/w.py",)) if noticed else ("survived", tests)

    monkeypatch.setattr(mutants, "_pytest", tests_run)
    return seen


def test_a_fault_stands_in_the_sources_only_while_it_is_judged(tree: Path, asked: list) -> None:
    sound: set[str] = set()
    verdict = mutants.judge(FAULT, tree, False, sound)
    assert (verdict.outcome, verdict.by) == ("killed", "tests/w.py")
    assert verdict.key == key_of(FAULT, tree) != key_of(FAULT)
    both = [(FAULT.tests, "a <= b"), (WIDE, "a <= b")]
    assert asked == [*both, (("tests/w.py",), "a < b")]
    assert sound == {"tests/w.py"}
    mutants.judge(FAULT, tree, False, sound)  # nothing that is known to pass runs again
    assert asked[3:] == both
    assert (tree / FAULT.file).read_text() == "a < b"


def test_a_fault_said_to_be_equivalent_meets_only_its_own_tests(tree: Path, asked: list) -> None:
    verdict = mutants.judge(replace(FAULT, equivalent="nobody asks"), tree, False, set())
    assert verdict.outcome == "survived"
    assert asked == [(FAULT.tests, "a <= b")]


def test_tests_that_fail_without_a_fault_are_no_verdict(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "_pytest", lambda tests, where: ("killed", tests))
    with pytest.raises(
        RuntimeError, match=r"test_csr\.py: expected tests that pass without a fault"
    ):
        mutants.judge(FAULT, tree, False, set())
    assert (tree / FAULT.file).read_text() == "a < b"


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ("FAILED tests/a.py::test_b[x - y] - assert 1 == 2", "tests/a.py"),
        ("ERROR tests/c/d.py - ImportError: no name", "tests/c/d.py"),
        ("ERROR tests/c/d.py", "tests/c/d.py"),
        ("Fatal Python error: Segmentation fault", "tests"),
        ("E   FAILED tests/a.py::test_b", "tests"),
    ],
)
def test_the_file_that_noticed_a_fault_is_read_from_the_summary(said: str, file: str) -> None:
    assert noticed_by(f"..F\n== summary ==\n{said}\n1 failed", ("tests",)) == (file,)


def test_the_table_counts_each_fault_once() -> None:
    other = replace(FAULT, name="two", file="spikesim/sim/session.py")
    same = replace(FAULT, name="three", equivalent="nobody asks")
    rows = table([FAULT, other, same], [other, same]).splitlines()[2:]
    assert rows == [
        "| core | 2 | 1 | 1 | 0 |",
        "| sim | 1 | 0 | 0 | 1 |",
        "| all | 3 | 1 | 1 | 1 |",
    ]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("def f(x: int | None) -> int + 1:\n    return x  # so", True),
        ("def f(x):\n    return -x", False),
        ("def f(x=1):\n    return x", False),
    ],
)
def test_comments_and_annotations_of_functions_mean_nothing(text: str, same: bool) -> None:
    assert (meaning(text) == meaning("def f(x):\n    return x")) is same


def test_a_sample_without_cosmic_ray_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cosmic_ray", None)
    with pytest.raises(SystemExit, match=r"expected cosmic-ray.*pip install 'spikesim\[mutants\]'"):
        sampled(1, "HEAD", 0)


def test_faults_of_the_list_fit_the_sources_and_name_tests_that_exist() -> None:
    """``curated`` refuses a place that is gone or not the only one, and a name given twice."""
    faults = curated()
    assert len(faults) >= 100
    for fault in faults:
        assert fault.new != fault.old, fault.name
        assert fault.tests, fault.name
        missing = [test for test in fault.tests if not (ROOT / test).exists()]
        assert not missing, fault.name


def test_a_fault_belongs_to_the_list_of_its_package() -> None:
    for path in LISTS.glob("*.toml"):
        text = path.read_text()
        files = [line.split('"')[1] for line in text.splitlines() if line.startswith("file = ")]
        assert {file.split("/")[1] for file in files} == {path.stem}, path.name
