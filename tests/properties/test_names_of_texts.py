# SPDX-License-Identifier: Apache-2.0
"""A variable of a model or rule may be called anything: it means the same, or is refused."""

import ast
import builtins
import keyword
import re
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from spikesim import Network, simulate
from spikesim.errors import ValidationError
from spikesim.kernels.generate import rule_text, update_text
from spikesim.learning import PlasticityRule, SpikeTrace
from spikesim.neurons import NeuronModel
from tests.reference.plastic_drive import Drive

PLAIN = {role: f"plain{k}" for k, role in enumerate(("state", "counter", "one", "many", "own"))}


@dataclass(frozen=True, eq=False)
class Cell(NeuronModel):
    """Every kind of variable there is, called as ``names`` says."""

    names: dict = field(default_factory=lambda: PLAIN)

    @property
    def states(self):
        return ("v", self.names["state"])

    @property
    def counters(self):
        return (self.names["counter"],)

    def constants(self, dt, n):
        many = np.linspace(0.2, 0.4, 5)
        return {self.names["one"]: 3, self.names["many"]: many[:n] if n > 1 else many}

    def initial(self, dt, n):
        start = {"v": np.zeros(n), self.names["state"]: np.full(n, 0.1)}
        return start | {self.names["counter"]: np.zeros(n, np.int32)}

    def template(self):
        return """
{own} = v + {many} + 0.1 * {state} + in_0
spike = ({own} >= 1.0) & ({counter} == 0)
{state} = min({state} + 0.01, exp(-{own}))
v = 0.0 if spike else {own}
{counter} = {one} if spike else ({counter} - 1 if {counter} > 0 else 0)
""".format(**self.names)


PARTS = ("before", "after", "eligibility", "modulator", "one", "own")
TRACES = {part: f"plain{k}" for k, part in enumerate(PARTS)}


@dataclass(frozen=True)
class Learns(PlasticityRule):
    """The same for rules; the names in the order of ``PARTS``."""

    names: tuple = tuple(TRACES.values())
    w_min: ClassVar[float] = 0.0
    w_max: ClassVar[float] = 1.0

    @property
    def pre_traces(self):
        return (SpikeTrace(self.names[0], 20e-3),)

    @property
    def post_traces(self):
        return (SpikeTrace(self.names[1], 30e-3, top=3.0),)

    @property
    def eligibility(self):
        return SpikeTrace(self.names[2], 0.3, "hold")

    @property
    def modulator(self):
        return SpikeTrace(self.names[3], 0.1, "hold")

    def constants(self):
        return {self.names[4]: 0.25}

    def _text(self, text):
        return text.format(**dict(zip(PARTS, self.names, strict=True)))

    def on_arrival(self):
        return self._text("{own} = {before} + 1.0\nrelease = 1.0 / {own}")

    def on_pre(self):
        text = "{own} = {one} * {after}\n{eligibility} = {eligibility} - {own}\nw = w - 0.1 * {own}"
        return self._text(text)

    def on_post(self):
        return self._text("{eligibility} = {eligibility} + {before} + 0.1 * {after}")

    def between(self):
        return self._text("w = w + {eligibility} * ({modulator} + {one}) * area")


def identifiers(source):
    """All names of variables, arguments, functions and imports in a source."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        found |= {getattr(node, key, None) for key in ("id", "arg", "name", "asname", "attr")}
    return {name for name in found if isinstance(name, str)}


def neuron_source(cell, dtype="float32"):
    return update_text(
        cell.template(), cell.states, cell.counters, 1, cell.constants(1e-3, 5), dtype
    )


def renamed(source, name, plain):
    """The source with a variable, and what belongs to it, called otherwise."""
    return re.sub(rf"\b(_|all__|now__|post__|by__|top__){re.escape(name)}\b", rf"\1{plain}", source)


GENERATED = identifiers(neuron_source(Cell())) | identifiers(rule_text(Learns(), "float32"))
NAMES = sorted(
    {name.split(".")[-1] for name in GENERATED}
    | {name.strip("_") for name in GENERATED if name.strip("_")}
    | {"c", "entry", "context", "carray", "_c", "all_v", "all__v", "now_x", "w", "spike", "in_0"}
    | {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
)
NAMES = [name for name in NAMES if "plain" not in name]
LIBRARY = sorted({*dir(np)} - {*NAMES})
"""Names of NumPy, tried for constants only: they are many, and no role is special to them."""


def is_refused(make, name):
    """Whether construction fails; if so, with one sentence that has the name in it."""
    try:
        make()
    except ValidationError as error:
        (problem,) = error.problems
        assert repr(name) in problem
        assert "\n" not in problem
        return True
    return False


def must_be_refused(name, reserved):
    words = name in keyword.kwlist or name.startswith("_") or not name.isidentifier()
    return words or name in ("exp", "sqrt", "abs", "min", "max") or name in reserved


@pytest.mark.parametrize("role", PLAIN)
def test_a_model_is_the_same_whatever_its_variables_are_called(role):
    plain = neuron_source(Cell())
    for name in [*NAMES, *(LIBRARY if role == "one" else ())]:
        chosen = PLAIN | {role: name}
        taken = must_be_refused(name, {"spike", "in_0", "v"})
        if role == "own":
            if taken:
                continue  # no new variable, or no Python; see tests/unit/core/text
        elif taken:
            assert is_refused(lambda chosen=chosen: Cell(chosen), name), name
            continue
        assert renamed(neuron_source(Cell(chosen)), name, PLAIN[role]) == plain, name


@pytest.mark.parametrize("part", PARTS)
def test_a_rule_is_the_same_whatever_its_variables_are_called(part):
    plain = rule_text(Learns(), "float32")
    for name in [*NAMES, *(LIBRARY if part == "one" else ())]:
        chosen = tuple((TRACES | {part: name}).values())
        taken = must_be_refused(name, {"w", "w_min", "w_max", "release", "area"})
        if part == "own":
            if taken:
                continue
        elif taken:
            assert is_refused(lambda chosen=chosen: Learns(chosen), name), name
            continue
        assert renamed(rule_text(Learns(chosen), "float32"), name, TRACES[part]) == plain, name


@pytest.mark.parametrize("source", [neuron_source(Cell()), rule_text(Learns(), "float64")])
def test_names_of_the_loop_and_of_the_user_cannot_meet(source):
    users = {*PLAIN.values(), *TRACES.values(), "v", "w", "w_min", "w_max", "in_0", "spike"}
    users |= {"release", "area"}
    marked = {name for name in identifiers(source) if name.startswith("_") or "__" in name}
    assert marked
    assert {name.partition("_")[2].lstrip("_") for name in marked} <= users


def spikes(names):
    net = Network(dt=1e-3, units="own")
    net.add_population("E", 5, Cell(names))
    return simulate(net, {}, 300).spikes["E"]


def test_a_model_of_nothing_but_names_of_the_loop_fires_as_one_with_plain_names():
    loop = dict(zip(PLAIN, ("k", "tick", "n", "acc", "shift"), strict=True))
    imported = dict(zip(PLAIN, ("np", "flags", "range", "kernel", "float"), strict=True))
    plain = spikes(PLAIN)
    assert len(plain.ticks) > 100
    for names in (loop, imported):
        assert np.array_equal(plain.ticks, spikes(names).ticks)


@pytest.mark.parametrize("method", ["deferred", "immediate", "dense"])
def test_a_rule_of_nothing_but_names_of_the_loop_learns_as_one_with_plain_names(method):
    rng = np.random.default_rng(5)
    pre, post = rng.random((120, 3)) < 0.2, rng.random((120, 2)) < 0.2
    learned = []
    for names in (("decay", "history", "last", "signal", "tick", "pre"), tuple(TRACES.values())):
        drive = Drive(Learns(names), np.full((3, 2), 0.5), method, "float64")
        drive.block.reward(0, 0.5)
        sums, weights = drive.play(pre, post)
        learned.append((sums.tolist(), weights.tolist()))
    assert learned[0] == learned[1]
    assert np.ptp(learned[0][1]) > 0.01
