# SPDX-License-Identifier: Apache-2.0
"""What holds for every rule, every pair of spike trains and every way to run them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from tests.reference.plastic_drive import SCALE, Drive

PAIRS = (
    PairSTDP(1.0, 0.05, 0.06, 0.02, 0.03),
    PairSTDP(1.0, 0.3, 0.2, 0.004, 0.02, mu_plus=1.0, mu_minus=1.0),
    PairSTDP(2e-12, 0.01, 0.01),  # siemens: nothing may become denormal
)
RULES = (
    TripletSTDP(1.0, 0.01, 0.02, 0.03, 0.01),
    RewardSTDP(1.0, 0.5, 0.4, tau_c=0.3, tau_d=0.1),
)
SLOW_RULES = (
    PairSTDP(1.0, 0.05, 0.06, mu_plus=0.4, mu_minus=0.4),
    PairSTDP(1.0, 0.05, 0.06, pairing="nearest"),
    PairSTDP(1.0, 0.05, 0.06, pairing="pre_centered"),
    PairSTDP(1.0, 0.05, 0.06, pairing="restricted"),
    PowerLawSTDP(1.0, 0.05, 0.05),
    VogelsSprekeler(1.0, 0.02, rate=30.0),
    TrackingRule(1.0, rate=0.1, a=0.3, b=0.5, c=0.01, top=2.0),
    TsodyksMarkram(0.2, 0.1, 0.5),
    *(DiehlCook(variant=v) for v in ("triplet", "power", "exponential", "symmetric")),
)


@st.composite
def runs(draw):
    """Trains of 4 slots and 3 targets: regular, bursts, and long silences of either side."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ticks = draw(st.integers(1, 400))
    pre_rate, post_rate = (draw(st.sampled_from([0.005, 0.05, 0.5, 0.95])) for _ in range(2))
    gate = np.arange(ticks)[:, None] % 200 < draw(st.sampled_from([20, 100, 200]))
    pre = (rng.random((ticks, 4)) < pre_rate) & gate
    return rng.random((4, 3)), pre, rng.random((ticks, 3)) < post_rate


def _start(rule, unit):
    return unit if not np.isfinite(rule.w_max) else rule.w_min + unit * (rule.w_max - rule.w_min)


def _play(rule, run, method, dtype):
    unit, pre, post = run
    drive = Drive(rule, _start(rule, unit), method, dtype)
    if rule.modulator is None:
        return drive.play(pre, post)
    cut = len(pre) // 2
    first, _ = drive.play(pre[:cut], post[:cut])
    drive.block.reward(cut, 0.5)
    second, weights = drive.play(pre[cut:], post[cut:], cut)
    return np.concatenate([first, second]), weights


def _traffic(rule, pre, post):
    """Sum of all changes of the busiest synapse, as a part of w_max."""
    x, y, total = np.zeros((4, 1)), np.zeros(3), np.zeros((4, 3))
    for arrivals, spikes in zip(pre, post, strict=True):
        x, y = x * np.exp(-1e-3 / rule.tau_plus), y * np.exp(-1e-3 / rule.tau_minus)
        total += arrivals[:, None] * y * rule.a_minus
        x += arrivals[:, None]
        total += x * spikes * rule.a_plus
        y += spikes
    return total.max()


def _assert_methods_agree(rule, run, dtype):
    sums, weights = _play(rule, run, "deferred", dtype)
    for method in ("immediate", "dense"):
        other_sums, other_weights = _play(rule, run, method, dtype)
        assert sums.tolist() == other_sums.tolist()
        assert weights.tolist() == other_weights.tolist()


@pytest.mark.parametrize("rule", [*PAIRS[:1], *RULES], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=runs())
def test_exact_deferred_equals_immediate_bit_by_bit(rule, run):
    _assert_methods_agree(rule, run, "float64")


@pytest.mark.slow  # each rule compiles its own kernels when the cache is cold
@pytest.mark.parametrize("rule", [*PAIRS[1:], *SLOW_RULES], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=runs())
def test_exact_deferred_equals_immediate_bit_by_bit_for_all_rules(rule, run):
    _assert_methods_agree(rule, run, "float64")


@pytest.mark.slow
@pytest.mark.parametrize("rule", [*RULES, *SLOW_RULES], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=runs())
def test_generated_float32_kernels_agree_bit_by_bit_too(rule, run):
    _assert_methods_agree(rule, run, "float32")


@pytest.mark.parametrize("rule", PAIRS, ids=repr)
@settings(max_examples=60, deadline=None)
@given(run=runs())
def test_fast_pair_kernel_is_close_to_immediate(rule, run):
    # 1e-6 of w_max at physiological rates; where more is added and taken away than w_max in
    # all, the rounding of the factors (some 2**-24 each, five of them) is a part of that.
    sums, weights = _play(rule, run, "deferred", "float32")
    other_sums, other_weights = _play(rule, run, "immediate", "float32")
    bound = (1e-6 + 2.0**-21 * _traffic(rule, *run[1:])) * rule.w_max
    assert np.abs(weights - other_weights).max() <= bound
    assert np.abs(sums - other_sums).max() <= 4 * (bound + 1 / SCALE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", [*PAIRS[:2], *RULES], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=runs(), cuts=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_a_flush_applies_what_is_pending_once(rule, dtype, run, cuts):
    unit, pre, post = run
    flushed = Drive(rule, _start(rule, unit), "deferred", dtype)
    at = 0
    for cut in sorted(int(share * len(pre)) for share in cuts):
        flushed.play(pre[at:cut], post[at:cut], at)
        flushed.block.flush(cut)
        at = cut
    _, weights = flushed.play(pre[at:], post[at:], at)
    _, expected = Drive(rule, _start(rule, unit), "immediate", dtype).play(pre, post)
    if dtype == "float64" and rule.eligibility is None:
        assert weights.tolist() == expected.tolist()
        return
    # Splitting a drift rounds once more; the fast kernel rounds as without a flush.
    traffic = _traffic(rule, pre, post) if rule in PAIRS else len(pre)
    unit_of_rounding = 2.0**-21 if dtype == "float32" else 2.0**-50
    bound = ((1e-6 if dtype == "float32" else 0.0) + unit_of_rounding * traffic) * rule.w_max
    assert np.abs(weights - expected).max() <= bound


@pytest.mark.parametrize("mu", [0.0, 1.0])
@pytest.mark.parametrize("rate_hz", [5.0, 20.0, 50.0])
def test_at_ordinary_rates_the_fast_pair_kernel_is_within_1e_6(rate_hz, mu):
    # 1 s, 4,096 synapses. The difference grows with the square root of the number of changes: it
    # is the rounding of float32 sums, and reaches some 2e-6 after 20 s.
    rule = PairSTDP(1.0, 0.005, 0.00525, mu_plus=mu, mu_minus=mu)
    rng = np.random.default_rng(7)
    pre, post = (rng.random((1000, 64)) < rate_hz * 1e-3 for _ in range(2))
    run = rng.random((64, 64)), pre, post
    _, weights = _play(rule, run, "deferred", "float32")
    _, others = _play(rule, run, "immediate", "float32")
    assert np.ptp(weights - run[0]) > 1e-3
    assert np.abs(weights - others).max() <= 1e-6


@pytest.mark.parametrize("rule", PAIRS, ids=repr)
def test_a_silence_of_any_length_loses_no_pair(rule):
    # Values of the record grow with the silence, until float32 could not hold them.
    gaps = np.arange(1, 3000, 25)
    pre, post = np.zeros((3000, gaps.size), bool), np.zeros((3000, 3), bool)
    pre[0], pre[gaps, np.arange(gaps.size)] = True, True
    post[[1, 5, 1400], [0, 1, 2]] = True
    run = np.full((gaps.size, 3), 0.5), pre, post
    sums, weights = _play(rule, run, "deferred", "float32")
    other_sums, other_weights = _play(rule, run, "immediate", "float32")
    # As little is changed as here, rounding of the weight itself is all there is.
    assert np.abs(weights - other_weights).max() <= 1e-6 * rule.w_max
    assert np.abs(sums - other_sums).max() <= gaps.size * (1e-6 * rule.w_max + 1 / SCALE)


@pytest.mark.parametrize("rule", [*PAIRS[:2], *RULES], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=runs(), ticks=st.sets(st.integers(0, 399), max_size=20))
def test_it_does_not_matter_when_the_history_is_settled(rule, run, ticks):
    unit, pre, post = run
    plain, early = (Drive(rule, _start(rule, unit)) for _ in range(2))
    for tick in range(len(pre)):
        early.block.arrays["danger"][0] |= tick in ticks
        sums = [drive.tick(tick, pre[tick], post[tick]).tolist() for drive in (plain, early)]
        assert sums[0] == sums[1]
    assert plain.block.read(len(pre)).tolist() == early.block.read(len(pre)).tolist()


@pytest.mark.parametrize("rule", [*PAIRS[:2], *RULES], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=runs(), share=st.floats(0, 1))
def test_a_target_learns_the_same_in_any_block_and_after_resume(rule, run, share):
    unit, pre, post = run
    cut = int(share * len(pre))
    whole, left, right = (Drive(rule, _start(rule, unit)[:, part]) for part in PARTS)
    sums, weights = whole.play(pre, post)
    left_sums, left_weights = left.play(pre, post[:, PARTS[1]])
    right.play(pre[:cut], post[:cut, PARTS[2]])
    resumed = Drive(rule, _start(rule, unit)[:, PARTS[2]])
    resumed.block.restore(right.block.state())
    right_sums, right_weights = resumed.play(pre[cut:], post[cut:, PARTS[2]], cut)
    assert weights.tolist() == np.hstack([left_weights, right_weights]).tolist()
    assert sums[:, :1].tolist() == left_sums.tolist()
    assert sums[cut:, 1:].tolist() == right_sums.tolist()


PARTS = (slice(0, 3), slice(0, 1), slice(1, 3))

NEAREST = PairSTDP(1.0, 0.05, 0.06, 0.005, 0.005, pairing="nearest")


@st.composite
def quiet_runs(draw):
    """Trains of 20 slots and 40 targets, few of which are ever active; traces fade and return."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ticks = draw(st.integers(1, 900))
    rates = [rng.random(n) * (rng.random(n) < share) for n, share in ((20, 0.5), (40, 0.1))]
    pause = np.arange(ticks)[:, None] % 400 < draw(st.sampled_from([5, 50, 400]))
    pre, post = (pause & (rng.random((ticks, rate.size)) < 0.1 * rate) for rate in rates)
    return rng.random((20, 40)), pre, post


@pytest.mark.parametrize("rule", [PAIRS[0], NEAREST, RULES[0]], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=quiet_runs(), share=st.floats(0, 1))
def test_skipping_faded_traces_changes_no_bit_also_after_resume(rule, run, share):
    unit, pre, post = run
    cut = int(share * len(pre))
    sums, weights = _play(rule, run, "immediate", "float32")
    first, second = (Drive(rule, _start(rule, unit), "dense") for _ in range(2))
    early, _ = first.play(pre[:cut], post[:cut])
    second.play(pre[: cut // 2], post[: cut // 2])  # leaves lists of its own to be forgotten
    second.block.restore(first.block.state())
    late, learned = second.play(pre[cut:], post[cut:], cut)
    assert sums.tolist() == np.concatenate([early, late]).tolist()
    assert weights.tolist() == learned.tolist()
