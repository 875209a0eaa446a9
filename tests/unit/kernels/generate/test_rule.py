# SPDX-License-Identifier: Apache-2.0
import inspect
import math
from dataclasses import dataclass

import pytest

from spikesim.kernels import plastic_pair
from spikesim.kernels.generate import rule as rule_module
from spikesim.kernels.generate.layout import constant_values, kept_traces, table_traces
from spikesim.kernels.generate.rule import ARGUMENTS, rule_kernels, rule_text
from spikesim.learning import (
    DiehlCook,
    PairSTDP,
    PlasticityRule,
    RewardSTDP,
    TripletSTDP,
    TsodyksMarkram,
)

RULES = (PairSTDP(1.0, pairing="nearest"), RewardSTDP(1.0), TsodyksMarkram(), DiehlCook())


def parameters(function):
    return tuple(inspect.signature(getattr(function, "py_func", function)).parameters)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_kernels_take_the_arguments_that_are_declared(rule):
    module = rule_kernels(rule, "float32")
    for name, arguments in ARGUMENTS.items():
        assert ("tick", *arguments) == parameters(getattr(module, name))


def test_the_fast_pair_kernels_take_the_arguments_that_are_declared():
    for name, arguments in plastic_pair.ARGUMENTS.items():
        assert ("tick", *arguments) == parameters(getattr(plastic_pair, name))


def test_numbers_are_arguments_and_texts_are_code():
    one, other = (rule_text(PairSTDP(1.0, a, pairing="nearest"), "float32") for a in (0.1, 0.2))
    assert one == other
    assert one != rule_text(PairSTDP(1.0, 0.1, mu_plus=1.0, pairing="nearest"), "float32")


def test_a_rule_that_changes_its_text_gets_other_kernels():
    class Moody(PlasticityRule):
        w_min, w_max, factor = 0.0, 1.0, "2"

        def on_pre(self):
            return f"w = w * {self.factor}"

    @dataclass(frozen=True)
    class Frozen(Moody):
        gain: float = 1.0

    class Thawed(Frozen):
        pass

    for kind in (Moody, Frozen, Thawed):
        rule = kind()
        before = rule_kernels(rule, "float32")
        object.__setattr__(rule, "factor", "3")
        assert rule_kernels(rule, "float32") is not before


def test_equal_rules_are_written_once():
    before = rule_module._kept_text.cache_info()
    modules = {id(rule_kernels(PairSTDP(1.0, 0.125), "float32")) for _ in range(3)}
    after = rule_module._kept_text.cache_info()
    assert (1, 1) == (len(modules), after.misses - before.misses)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_have_no_float_of_another_type(dtype):
    other = {"float32": "float64", "float64": "float32"}[dtype]
    for rule in RULES:
        assert other not in rule_text(rule, dtype).partition("def decay")[2]


def test_rows_of_tables_and_constants_are_in_the_order_of_the_rule():
    rule = RewardSTDP(1.0, 0.5, 0.4, tau_plus=0.02, tau_minus=0.03, tau_c=0.3, tau_d=0.1)
    assert table_traces(rule)[:4] == [0.02, 0.03, 0.3, 0.1]
    assert table_traces(rule)[4] == pytest.approx(1 / (1 / 0.3 + 1 / 0.1), rel=1e-15)
    assert [*constant_values(rule)][:4] == ["_w_min", "_w_max", "_a_plus", "_a_minus"]
    assert table_traces(TsodyksMarkram(tau_rec=0.1, tau_facil=math.inf)) == [math.inf, 0.1]


def test_only_traces_that_a_late_text_reads_are_kept():
    # on_post of the triplet rule reads o2 and not o1
    assert kept_traces(TripletSTDP(1.0)) == [1]
    assert kept_traces(PairSTDP(1.0)) == []
