# SPDX-License-Identifier: Apache-2.0
"""The list of faults that the tests have to notice, and the tool that puts them in."""

from dataclasses import replace
from pathlib import Path

import pytest

import mutants
from mutants import LISTS, ROOT, WIDE, Mutant, Verdict, curated, is_due, key_of, outcome_of, urgency

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


def test_survivors_are_tried_again_first_and_what_was_noticed_last() -> None:
    kept = [Verdict("", outcome, "", 1.0) for outcome in ("killed", "survived", "hung")]
    order = sorted([*kept, None], key=urgency)
    assert [v.outcome if v else None for v in order] == ["survived", None, "killed", "hung"]


def test_a_fault_stands_in_the_sources_only_while_it_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, test = tmp_path / FAULT.file, tmp_path / FAULT.tests[0]
    for path, text in ((file, "a < b"), (test, "tests of that day")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    seen = []
    answers = iter(["survived", "killed"])

    def tests_run(tests: tuple[str, ...], tree: Path) -> str:
        seen.append((tests, (tree / FAULT.file).read_text()))
        return next(answers)

    monkeypatch.setattr(mutants, "_pytest", tests_run)
    verdict = mutants.judge(FAULT, tmp_path)
    assert (verdict.outcome, verdict.by) == ("killed", " ".join(WIDE))
    assert verdict.key == key_of(FAULT, tmp_path) != key_of(FAULT)
    assert seen == [(FAULT.tests, "a <= b"), (WIDE, "a <= b")]
    assert file.read_text() == "a < b"


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
