# SPDX-License-Identifier: Apache-2.0
"""Each text of a rule reads and assigns what is there at its time, and nothing else."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.learning import PlasticityRule, SpikeTrace


@dataclass(frozen=True)
class Own(PlasticityRule):
    """A rule with everything there is; texts by event."""

    texts: dict = field(default_factory=dict)
    given: object = field(default_factory=lambda: {"eta": 0.1})
    lasting: bool = True
    w_min: ClassVar[float] = 0.0
    w_max: ClassVar[float] = 1.0

    @property
    def pre_traces(self):
        return (SpikeTrace("x", 0.02),)

    @property
    def post_traces(self):
        return (SpikeTrace("y", 0.02),)

    @property
    def eligibility(self):
        return SpikeTrace("c", 0.2, "hold") if self.lasting else None

    @property
    def modulator(self):
        return SpikeTrace("dopamine", 0.2, "hold")

    def constants(self):
        return self.given

    def on_arrival(self):
        return self.texts.get("on_arrival", "")

    def on_pre(self):
        return self.texts.get("on_pre", "")

    def on_post(self):
        return self.texts.get("on_post", "")

    def between(self):
        return self.texts.get("between", "")


EVERYWHERE = {"eta", "w_min", "w_max"}
READS = {
    "on_arrival": {"x", "release"},
    "on_pre": {"x", "y", "w", "c", "dopamine"},
    "on_post": {"x", "y", "w", "c", "dopamine"},
    "between": {"w", "c", "dopamine", "area"},
}
WRITES = {
    "on_arrival": {"x", "release"},
    "on_pre": {"w", "c"},
    "on_post": {"w", "c"},
    "between": {"w", "c"},
}
NAMES = sorted(EVERYWHERE.union(*READS.values()))


def problems(**change):
    try:
        Own(**change)
    except ValidationError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("event", READS)
@pytest.mark.parametrize("name", NAMES)
def test_a_text_reads_what_is_there_at_its_time(event, name):
    target = "release" if event == "on_arrival" else "w"
    found = problems(texts={event: f"{target} = 2.0 * {name}"})
    if name in READS[event] | EVERYWHERE:
        assert found == []
    else:
        (problem,) = found
        assert problem.startswith(f"Own: {event}, line 1: unknown name {name!r}")


@pytest.mark.parametrize("event", READS)
@pytest.mark.parametrize("name", NAMES)
def test_a_text_assigns_what_lasts(event, name):
    found = problems(texts={event: f"{name} = 0.5"})
    if name in WRITES[event]:
        assert found == []
    else:
        (problem,) = found
        what = "may only read" if name in READS[event] | EVERYWHERE else "never read"
        assert what in problem


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "expected a mapping of names to numbers, got a NoneType"),
        ({"eta": True}, "a finite eta as a number, got True"),
        ({"eta": "0.1"}, "a finite eta as a number, got '0.1'"),
        ({"eta": np.ones(1)}, "a finite eta as a number"),
        ({"eta": float("inf")}, "a finite eta as a number, got inf"),
        ({"w": 0.1}, "'w', which is the weight"),
        ({"w_min": 0.1}, "'w_min', which is a bound of the weight"),
        ({"release": 0.1}, "'release', which is the factor"),
        ({"area": 0.1}, "'area', which is an integral"),
        ({"x": 0.1}, "'x' for a constant and a trace of the arrivals"),
        ({"exp": 0.1}, "'exp', which is a function"),
        ({"class": 0.1}, "'class', which is a word of Python"),
    ],
)
def test_wrong_constants_are_refused(given, message):
    (problem,) = problems(given=given)
    assert message in problem


@pytest.mark.parametrize("value", [1, np.int64(1), np.float32(1.0), 1.0])
def test_numbers_of_any_kind_are_constants(value):
    assert problems(given={"eta": value}, texts={"on_pre": "w = w - eta"}) == []


def test_a_text_between_events_that_nothing_would_run_is_refused():
    (problem,) = problems(texts={"between": "w = w + dopamine * area"}, lasting=False)
    assert "expected a rule with an eligibility" in problem


def test_problems_of_all_texts_come_at_once():
    found = problems(texts=dict.fromkeys(("on_pre", "on_post", "between"), "w = w + q"))
    assert [problem.split(",")[0] for problem in found] == [
        "Own: on_pre", "Own: on_post", "Own: between",
    ]  # fmt: skip


def test_a_rule_that_is_no_dataclass_is_looked_at_too():
    class Bare(PlasticityRule):
        w_min, w_max = 0.0, 1.0

        def on_pre(self):
            return "w = w + q"

    with pytest.raises(ValidationError, match="Bare: on_pre, line 1: unknown name 'q'"):
        Bare()
