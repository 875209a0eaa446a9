# SPDX-License-Identifier: Apache-2.0
import doctest
import importlib
import pkgutil
from dataclasses import dataclass

import pytest

import spikesim.learning
from spikesim.errors import ValidationError
from spikesim.learning import (
    DiehlCook,
    PairSTDP,
    PowerLawSTDP,
    RewardSTDP,
    TrackingRule,
    TripletSTDP,
    TsodyksMarkram,
    VogelsSprekeler,
)
from spikesim.learning.rule import PlasticityRule, SpikeTrace

FADING = SpikeTrace("x", 0.02)


@dataclass(frozen=True)
class Written(PlasticityRule):
    """A rule with a text of the user's."""

    text: str
    trace: SpikeTrace = FADING
    w_min = 0.0
    w_max = 1.0

    @property
    def pre_traces(self):
        return (self.trace,)

    def on_post(self):
        return self.text


@pytest.mark.parametrize(
    "rule",
    [
        *(PairSTDP(1.0, pairing=p) for p in ("all", "nearest", "pre_centered", "restricted")),
        PowerLawSTDP(1.0),
        TripletSTDP(1.0),
        TripletSTDP.full(1.0),
        VogelsSprekeler(1.0, 0.01),
        VogelsSprekeler(0.0, -0.01, w_min=-1.0),
        RewardSTDP(1.0),
        TrackingRule(1.0),
        TsodyksMarkram(),
        *(DiehlCook(variant=v) for v in ("triplet", "power", "exponential", "symmetric")),
    ],
    ids=repr,
)
def test_a_rule_is_a_value(rule):
    assert rule.problems() == []
    assert rule == type(rule)(**vars(rule))
    assert len({rule, type(rule)(**vars(rule))}) == 1
    assert rule.changes_weights is not isinstance(rule, TsodyksMarkram)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairSTDP(0.0), "w_min < w_max"),
        (lambda: PairSTDP(1.0, tau_plus=0.0), "'x': expected tau > 0"),
        (lambda: PairSTDP(1.0, tau_minus=0.0), "'y': expected tau > 0"),
        (lambda: PairSTDP(1.0, mu_plus=-1.0), "mu >= 0"),
        (lambda: PairSTDP(1.0, mu_minus=-1.0), "mu >= 0"),
        (lambda: PairSTDP(1.0, a_plus=float("nan")), "finite potentiate"),
        (lambda: PairSTDP(1.0, pairing="some"), "'restricted'.*, got 'some'"),
        (lambda: PowerLawSTDP(1.0, w_ref=0.0), "w_ref > 0 .*got 0.0"),
        (lambda: TripletSTDP(1.0, pairing="some"), "'all' or 'nearest', got 'some'"),
        (lambda: DiehlCook(variant="best"), "got 'best'"),
        (lambda: TsodyksMarkram(u_release=1.5), "0 to 1, got 1.5"),
        (lambda: RewardSTDP(1.0, tau_c=float("inf"), tau_d=float("inf")), "finite tau"),
        (lambda: Written("w = w + q"), "unknown name 'q'"),
        (lambda: Written("if w: w = 0"), "not allowed"),
        (lambda: Written("w = ("), "as in Python: '\\(' was never closed"),
        (lambda: Written("w = w.real"), "not allowed"),
        (lambda: Written("w = x", SpikeTrace("x", 0.1, "jump")), "'jump'"),
        (lambda: Written("w = x", SpikeTrace("w_max", 0.1)), "another name than 'w_max'"),
    ],
)
def test_a_wrong_rule_says_what_is_wrong(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


AMPLITUDES = {  # by hand from the equations, with bounds 2 apart of which the lower is not 0
    "pair": (
        PairSTDP(1.5, a_plus=0.5, a_minus=0.25, mu_plus=0.0, mu_minus=2.0, w_min=-0.5),
        {"potentiate": 0.5 * 2, "depress": 0.25 / 2},
    ),
    "triplet": (
        TripletSTDP(1.5, 0.1, 0.2, 0.3, 0.4, w_min=-0.5),
        {"a2_plus": 0.2, "a2_minus": 0.4, "a3_plus": 0.6, "a3_minus": 0.8},
    ),
    "power law": (PowerLawSTDP(99.0, a_plus=0.5, mu=0.25, w_ref=16.0), {"potentiate": 0.5 * 8}),
}


@pytest.mark.parametrize("name", AMPLITUDES)
def test_amplitudes_are_in_the_unit_of_the_weight(name):
    rule, expected = AMPLITUDES[name]
    found = rule.constants()
    assert expected == pytest.approx({key: found[key] for key in expected}, rel=1e-12)


def test_the_fast_pair_kernel_gets_the_same_amplitudes():
    window = PairSTDP(1.5, a_plus=0.5, a_minus=0.25, w_min=-0.5).pair
    assert window is not None
    assert (True, 1.0, 0.5) == (window.additive, window.a_plus, window.a_minus)


def test_all_problems_come_at_once():
    with pytest.raises(ValidationError) as raised:
        PairSTDP(-1.0, tau_plus=-1.0, mu_plus=-1.0)
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize(
    ("rule", "fast"),
    [
        (PairSTDP(2.0), (True, 0.01, 0.0105)),
        (PairSTDP(2.0, mu_plus=1.0, mu_minus=1.0), (False, 0.005, 0.00525)),
        (PairSTDP(2.0, mu_plus=1.0), None),
        (PairSTDP(2.0, pairing="nearest"), None),
        (PairSTDP(2.0, a_minus=-0.1), None),
        (TripletSTDP(2.0), None),
    ],
)
def test_only_what_the_fast_pair_kernel_can_do_goes_there(rule, fast):
    assert rule.pair == fast


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(spikesim.learning.__path__)])
def test_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(f"spikesim.learning.{name}")).failed == 0
