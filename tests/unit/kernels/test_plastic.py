# SPDX-License-Identifier: Apache-2.0
import math
from dataclasses import dataclass

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.kernels.plastic import PlasticBlock
from spikesim.learning import (
    DiehlCook,
    PairSTDP,
    PlasticityRule,
    RewardSTDP,
    SpikeTrace,
    TrackingRule,
    TripletSTDP,
    TsodyksMarkram,
    VogelsSprekeler,
)
from tests.reference import stdp
from tests.reference.plastic_drive import Drive

DT = 1e-3
# Rounding of some hundred float64 steps; float32: the same with 2**-24.
CLOSE = {"float64": 1e-12, "float32": 2e-5}
TRIPLET = (0.01, 0.02, 0.03, 0.01)

RULES = {
    "additive": (PairSTDP(1.0, 0.05, 0.06, 0.02, 0.03), stdp.pair(0.05, 0.06, 0.02, 0.03)),
    "multiplicative": (
        PairSTDP(1.0, 0.05, 0.06, 0.02, 0.03, mu_plus=1.0, mu_minus=1.0),
        stdp.pair(0.05, 0.06, 0.02, 0.03, mu=1.0),
    ),
    "power": (
        PairSTDP(1.0, 0.05, 0.06, mu_plus=0.4, mu_minus=0.4),
        stdp.pair(0.05, 0.06, 0.02, 0.02, mu=0.4),
    ),
    "nearest": (
        PairSTDP(1.0, 0.05, 0.06, pairing="nearest"),
        stdp.pair(0.05, 0.06, 0.02, 0.02, trace=stdp.nearest),
    ),
    "triplet": (
        TripletSTDP(1.0, *TRIPLET),
        stdp.triplet(*TRIPLET, 0.0168, 0.0337, 0.101, 0.114),
    ),
    "inhibitory": (VogelsSprekeler(1.0, 0.02, rate=30.0), stdp.inhibitory(0.02, 30.0, 0.02)),
    "tracking": (
        TrackingRule(1.0, rate=0.1, a=0.3, b=0.5, c=0.01),
        stdp.tracking(0.1, 0.3, 0.5, 0.01, 0.008),
    ),
} | {
    f"digits {v}": (DiehlCook(variant=v), stdp.digits(v))
    for v in ("triplet", "power", "exponential", "symmetric")
}


def trains(seed, ticks=150, n_pre=3, n_post=2):
    rng = np.random.default_rng(seed)
    # A pause lets traces fade and spikes of the targets pile up.
    busy = (np.arange(ticks) % 70 < 40)[:, None]
    return (rng.random((ticks, n_pre)) < 0.15) & busy, rng.random((ticks, n_post)) < 0.2


def assert_equals_equation(name, method, dtype):
    rule, oracle = RULES[name]
    pre, post = trains(1)
    start = np.random.default_rng(2).uniform(0.2, 0.8, (3, 2))
    sums, weights = Drive(rule, start, method, dtype).play(pre, post)
    expected = np.zeros_like(sums)
    for i, k in np.ndindex(3, 2):
        arrivals, posts = np.flatnonzero(pre[:, i]), np.flatnonzero(post[:, k])
        delivered, w = stdp.play(oracle, arrivals.tolist(), posts.tolist(), start[i, k], DT)
        expected[arrivals, k] += delivered
        assert w == pytest.approx(weights[i, k], abs=CLOSE[dtype])
    assert np.abs(expected - sums).max() < 4 * CLOSE[dtype]


@pytest.mark.parametrize("name", RULES)
def test_rule_equals_its_equation_played_in_order_of_time(name):
    assert_equals_equation(name, "deferred", "float64")


@pytest.mark.parametrize("name", ["additive", "multiplicative"])
def test_the_fast_pair_kernel_equals_the_equation_too(name):
    assert_equals_equation(name, "deferred", "float32")


@pytest.mark.slow  # each compiles its own kernels when the cache is cold
@pytest.mark.parametrize("method", ["deferred", "immediate", "dense"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_rule_equals_its_equation_by_every_method(name, method, dtype):
    assert_equals_equation(name, method, dtype)


@pytest.mark.parametrize("lag", [-30, -5, -1, 0, 1, 5, 30])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_pair_gives_the_window(lag, dtype):
    rule = PairSTDP(1.0, 0.1, 0.12, 0.02, 0.03)
    pre, post = np.zeros((120, 1), bool), np.zeros((120, 1), bool)
    pre[50] = post[50 + lag] = True
    _, weights = Drive(rule, np.array([[0.5]]), dtype=dtype).play(pre, post)
    # A post spike in the tick of the arrival comes after it.
    late, early = 0.1 * math.exp(-lag * DT / 0.02), -0.12 * math.exp(lag * DT / 0.03)
    assert 0.5 + (late if lag >= 0 else early) == pytest.approx(weights[0, 0], abs=1e-7)


@pytest.mark.parametrize("method", ["deferred", "immediate", "dense"])
def test_reward_turns_eligibility_into_weight(method):
    rule = RewardSTDP(5.0, 0.5, 0.4, tau_c=0.3, tau_d=0.1, w_min=-5.0)
    pre, post = trains(5)
    rewards = [(30, 0.5), (31, 0.2), (90, 1.0)]
    drive = Drive(rule, np.zeros((3, 2)), method, "float64")
    for tick in range(150):
        for when, amount in rewards:
            if when == tick:
                drive.block.reward(tick, amount)
        drive.tick(tick, pre[tick], post[tick])
    weights = drive.block.read(150).reshape(3, 2)
    for i, k in np.ndindex(3, 2):
        arrivals, posts = np.flatnonzero(pre[:, i]).tolist(), np.flatnonzero(post[:, k]).tolist()
        taus = (0.02, 0.02, 0.3, 0.1)
        gained = stdp.rewarded(arrivals, posts, rewards, 150, DT, (0.5, 0.4), taus)
        # Simpson's rule is off by less than 1e-10 on steps of 1/100 time constant.
        assert gained == pytest.approx(weights[i, k], abs=1e-9)
    assert np.abs(weights).max() > 0.01


@dataclass(frozen=True)
class Alone(PlasticityRule):
    """A rule with a single text."""

    event: str
    text: str
    w_min, w_max = 0.0, 9.0

    @property
    def eligibility(self):
        return SpikeTrace("c", 0.05, "hold")

    def _text(self, event):
        return self.text if event == self.event else ""

    def on_pre(self):
        return self._text("on_pre")

    def on_post(self):
        return self._text("on_post")

    def between(self):
        return self._text("between")


def area(ticks):
    """Integral of the decay of ``Alone``'s eligibility, in seconds."""
    return 0.05 * -math.expm1(-ticks * DT / 0.05)


@pytest.mark.parametrize("method", ["deferred", "immediate", "dense"])
@pytest.mark.parametrize(
    ("event", "text", "second", "last"),
    [
        ("on_pre", "w = w + 0.125", 0.125, 0.25),
        ("on_post", "w = w + 0.125", 0.125, 0.25),
        ("between", "w = w + area", area(7), area(7) + area(4)),
    ],
    ids=["on_pre", "on_post", "between"],
)
def test_each_text_alone_moves_the_weight(event, text, second, last, method):
    pre, post = np.zeros((2, 20, 1), bool)
    pre[[5, 12]] = True
    post[[8, 14]] = event == "on_post"  # else a text between would begin anew at each
    sums, weights = Drive(Alone(event, text), np.array([[0.5]]), method, "float64").play(
        pre[:16], post[:16]
    )
    # The first arrival ends a time that has no beginning.
    begin = sums[5, 0]
    assert second == pytest.approx(sums[12, 0] - begin, rel=1e-12)
    assert last == pytest.approx(weights[0, 0] - begin, rel=1e-12)


def test_short_term_plasticity_reaches_its_stationary_release():
    rule = TsodyksMarkram(u_release=0.2, tau_rec=0.1, tau_facil=0.5)
    drive = Drive(rule, np.array([[0.5]]), dtype="float64")
    every = 20
    sent = [drive.tick(t, [t % every == 0], [False])[0] for t in range(201 * every)]
    u = 0.2 / (1 - 0.8 * math.exp(-every * DT / 0.5))
    rested = math.exp(-every * DT / 0.1)
    x = (1 - rested) / (1 - (1 - u) * rested)
    assert 0.5 * 0.2 == sent[0]
    assert 0.5 * u * x == pytest.approx(sent[200 * every], rel=1e-12)
    assert drive.block.read(0).tolist() == [0.5]


def test_inhibition_stands_still_at_the_given_rate():
    # Independent Poisson trains: the mean drift changes sign at the target's rate.
    rng = np.random.default_rng(0)
    drift = []
    for rate in (20.0, 40.0, 60.0):
        rule = VogelsSprekeler(10.0, 1e-4, rate=40.0, w_min=-10.0)
        pre, post = rng.random((20_000, 20)) < 0.03, rng.random((20_000, 20)) < rate * DT
        _, weights = Drive(rule, np.zeros((20, 20)), "dense").play(pre, post)
        # dw per second 2 eta tau r_pre (r_post - rate); arrivals of one tick pair once less.
        drift.append(weights.mean() / (2 * 1e-4 * 0.02 * 30 * 20))
    assert np.allclose([-20, 0, 20], drift, atol=2.0)


def test_normalize_holds_the_sum_onto_each_target():
    rule = PairSTDP(1.0, 0.05, 0.05)
    pre, post = trains(3)
    drive = Drive(rule, np.full((3, 2), 0.3))
    _, before = drive.play(pre, post)
    drive.block.normalize(150, 0.6)
    after = drive.block.read(150).reshape(3, 2)
    assert np.allclose(0.6, after.sum(axis=0))
    assert np.allclose(before / before.sum(axis=0), after / after.sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", [DiehlCook(), RewardSTDP(1.0)])
def test_normalizing_a_matrix_gives_the_bits_of_normalizing_its_synapses(rule, dtype):
    start = np.random.default_rng(1).uniform(0.1, 0.9, (3, 2))
    start[:, 1] = 0.0
    after = {}
    for method in ("dense", "immediate"):
        block = Drive(rule, start, method, dtype).block
        for total in (0.7, 5.0):  # the second reaches the bound
            block.normalize(10, total)
        after[method] = block.read(10).reshape(3, 2)
    assert after["dense"].tolist() == after["immediate"].tolist()
    assert after["dense"].max() == 1.0


def test_reading_changes_nothing():
    pre, post = trains(4)
    for name in ("additive", "multiplicative", "triplet"):
        quiet, watched = (Drive(RULES[name][0], np.full((3, 2), 0.5)) for _ in range(2))
        for tick in range(150):
            quiet.tick(tick, pre[tick], post[tick])
            watched.tick(tick, pre[tick], post[tick])
            watched.block.read(tick + 1)
        assert quiet.block.read(150).tolist() == watched.block.read(150).tolist()


def test_wrong_use_is_refused():
    one = np.array([0, 1]), np.array([0]), np.array([2.0]), 1
    with pytest.raises(ValidationError, match="start weights"):
        PlasticBlock(PairSTDP(1.0), DT, *one)
    block = PlasticBlock(PairSTDP(3.0), DT, *one)
    with pytest.raises(ValidationError, match="modulator"):
        block.reward(0, 1.0)
    with pytest.raises(ValidationError, match="plastic state"):
        block.restore({})
    with pytest.raises(ValidationError, match="method"):
        PlasticBlock(PairSTDP(3.0), DT, *one, method="later")
