# SPDX-License-Identifier: Apache-2.0
"""Traces worked out by hand from docs/design/tick.md and arithmetic.md."""

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import (
    CYCLES_POP,
    CYCLES_SEGMENT,
    CYCLES_SOURCE,
    CYCLES_STEP,
    Clear,
    Window,
)
from spikesim.hw.golden import GoldenCore
from spikesim.hw.image import (
    PARAM_DTYPE,
    POPULATION_DTYPE,
    SEGMENT_DTYPE,
    pack_table,
    pack_weights,
)

CORE = CoreConfig(
    n_neurons=32, n_axons=8, lanes=2, weight_words=64, n_segments=64, event_queue=16, spike_queue=64
)
RAIL = 131071
NEVER = RAIL
FREE = 4096  # decay factor 1.0


def core_with(weights=(), rows=(), params=(), **population):
    """A core with one population in groups 0 and 1 (neurons 0 to 3), or those given."""
    core = GoldenCore(CORE)
    records = np.zeros(1, POPULATION_DTYPE)
    values = {"first": 0, "last": 1, "valid": 1, "record": 1, "reset": 1, "v_floor": -RAIL - 1}
    for name, value in (values | population).items():
        records[name] = value
    table = np.zeros(32, PARAM_DTYPE)
    table["v_th"] = NEVER
    for neuron, entry in enumerate(params):
        for name, value in entry.items():
            table[name][neuron] = value
    segments = np.zeros(64, SEGMENT_DTYPE)
    for source, entry in dict(rows).items():
        for name, value in entry.items():
            segments[name][source] = value
    if len(weights):
        core.write(Window.WEIGHT, 0, pack_weights(np.array(weights, np.int8), 8))
    core.write(Window.POP, 0, pack_table(Window.POP, records))
    core.write(Window.PARAM, 0, pack_table(Window.PARAM, table))
    core.write(Window.SEG, 0, pack_table(Window.SEG, segments))
    core.clear(Clear.STATE)
    return core


def trace(core, steps, neuron=0, events=()):
    """(v after the step, fired) of one neuron."""
    seen = []
    for step in range(steps):
        core.queue(step, dict(events).get(step, []))
        result = core.step()
        seen.append((core.v[neuron], neuron in result.fired))
    return seen


# --- reset modes: bias 30, threshold 100, leak 3/4 ------------------------------------------------
# 30, 22+30 = 52, 39+30 = 69, 51+30 = 81, 60+30 = 90, 67+30 = 97, 72+30 = 102 >= 100
RISE = [(30, False), (52, False), (69, False), (81, False), (90, False), (97, False)]


@pytest.mark.parametrize(
    ("mode", "value", "after"),
    [
        (0, 0, [(102, True), (106, True)]),  # none: 76 + 30 = 106
        (1, 10, [(10, True), (37, False)]),  # hard: 7 + 30
        (2, 90, [(12, True), (39, False)]),  # soft by 90: 102 - 90 = 12, 9 + 30
        (3, 55, [(2, True), (31, False)]),  # soft by threshold: 102 - 100 = 2, 1 + 30
    ],
)
def test_each_reset_mode_follows_the_trace_worked_out_by_hand(mode, value, after):
    core = core_with(
        params=[{"v_th": 100, "bias": 30}], alpha_v=3072, reset=mode, reset_value=value
    )
    assert RISE + after == trace(core, 8)


@pytest.mark.parametrize(("threshold", "fires"), [(29, True), (30, True), (31, False)])
def test_spike_at_exact_threshold_fires(threshold, fires):
    core = core_with(params=[{"v_th": threshold, "bias": 30}], alpha_v=FREE)
    assert fires == trace(core, 1)[0][1]


# --- saturation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_membrane_stops_at_either_rail(sign):
    rail = RAIL if sign > 0 else -RAIL - 1
    core = core_with(params=[{"v_th": NEVER, "bias": sign * 100_000}], alpha_v=FREE, reset=0)
    assert [sign * 100_000, rail, rail] == [v for v, _ in trace(core, 3)]


def test_soft_reset_saturates():
    # u = -131072 fires at threshold -131072; minus 131071 stays at the rail
    core = core_with(
        params=[{"v_th": -RAIL - 1, "bias": -RAIL - 1}], alpha_v=0, reset=2, reset_value=RAIL
    )
    assert [(-RAIL - 1, True)] == trace(core, 1)


@pytest.mark.parametrize("weight", [127, -128])
def test_accumulator_saturates_at_every_addition(weight):
    core = core_with([[weight, 0]], {0: {"valid": 1}, 1: {"valid": 1, "base": 1}}, alpha_v=0)
    rail = 32767 if weight > 0 else -32768
    core.write(Window.ACC, 0, [(rail - weight // 2) & 0xFFFF])
    core.write(Window.WEIGHT, 0, pack_weights(np.array([[weight, 0], [-weight // 2, 0]]), 8))
    # axon 0 overshoots to the rail, axon 1 comes back from the rail and not from beyond it
    assert [(rail - weight // 2 - weight % 2, False)] == trace(core, 1, events={0: [0, 1]})


@pytest.mark.parametrize(
    ("gain", "weight", "v"), [(0, 100, 100), (7, 100, 12_800), (3, -128, -1024)]
)
def test_gain_shifts_the_accumulated_input(gain, weight, v):
    core = core_with([[weight, 0]], {0: {"valid": 1}}, gain=gain)
    assert [(v, False)] == trace(core, 1, events={0: [0]})


@pytest.mark.parametrize(("acc", "i"), [(32767, RAIL), (-32768, -RAIL - 1 + 20)])
def test_shifted_input_saturates_before_it_meets_the_current(acc, i):
    core = core_with(gain=7, alpha_i=2048)
    core.write(Window.ACC, 0, [acc & 0xFFFF])
    core.write(Window.STATE, 0, [0, (40 << 2) & 0xFFFF, 0, 0])  # v = 0, i = 40
    core.step()
    assert i == core.i[0]


def test_membrane_sum_is_saturated_once_after_all_three_terms():
    # v = 131000 decays to itself, i = 1000 and bias = -2000: 130000, not 131071 - 2000
    core = core_with(params=[{"bias": -2000}], alpha_v=FREE, alpha_i=FREE, v_init=131_000)
    core.i[0] = 1000
    core.step()
    assert 130_000 == core.v[0]


def test_decay_truncates_toward_zero_on_both_sides():
    core = core_with(alpha_v=2048)
    core.v[:2] = [7, -7]
    core.step()
    assert [3, -3] == core.v[:2]


def test_floor_bounds_the_membrane():
    core = core_with(params=[{"bias": -50}], alpha_v=FREE, v_floor=-70)
    assert [-50, -70, -70] == [v for v, _ in trace(core, 3)]


# --- current, refractory, start tick --------------------------------------------------------------


def test_current_decays_and_drives_the_membrane():
    core = core_with([[64, 0]], {0: {"valid": 1}}, alpha_v=FREE, alpha_i=2048)
    # i: 64, 32, 16; v: their running sum
    assert [64, 96, 112] == [v for v, _ in trace(core, 3, events={0: [0]})]


def test_gated_neuron_integrates_but_stays_silent_for_refr_len_ticks():
    core = core_with(params=[{"v_th": 20, "bias": 10, "refr_len": 2}], alpha_v=FREE)
    expected = [(10, False), (0, True), (10, False), (20, False), (0, True)]
    assert expected == trace(core, 5)


def test_held_neuron_keeps_its_membrane_while_refractory():
    core = core_with(params=[{"v_th": 20, "bias": 10, "refr_len": 2}], alpha_v=FREE, hold=1)
    expected = [(10, False), (0, True), (0, False), (0, False), (10, False), (0, True)]
    assert expected == trace(core, 6)


def test_refractory_counter_counts_down_from_its_length():
    core = core_with(params=[{"v_th": -1, "refr_len": 255}])
    lengths = []
    for _ in range(3):
        core.step()
        lengths.append(core.refr[0])
    assert [255, 254, 253] == lengths


def test_population_is_frozen_before_its_start_and_loses_its_input():
    core = core_with(
        [[50, 0]], {0: {"valid": 1}}, [{"bias": 1}], alpha_v=FREE, v_init=7, start_tick=2
    )
    assert [7, 7, 8, 9] == [v for v, _ in trace(core, 4, events={0: [0], 1: [0]})]
    assert 0 == sum(sum(slot) for slot in core.acc)


# --- delivery -------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 1, 7])
def test_input_arrives_after_its_delay(delay):
    core = core_with([[5, 0]], {0: {"valid": 1, "delay": delay}}, alpha_v=FREE)
    voltages = [v for v, _ in trace(core, 9, events={0: [0]})]
    assert [0] * delay + [5] * (9 - delay) == voltages


def test_input_of_the_largest_delay_uses_the_slot_that_is_freed_in_this_step():
    core = core_with([[5, 0]], {0: {"valid": 1, "delay": 7}, 1: {"valid": 1}}, alpha_v=0)
    # in every tick one spike for seven ticks later and one for now: they never mix
    events = {step: [0, 1] for step in range(10)}
    assert [5] * 7 + [10] * 3 == [v for v, _ in trace(core, 10, events=events)]


def test_spike_of_a_neuron_arrives_one_tick_after_it_fires():
    core = core_with(
        [[0, 9]], {8: {"valid": 1}}, [{"v_th": 10, "bias": 10}, {"v_th": NEVER}], alpha_v=FREE
    )
    assert [0, 9, 18] == [v for v, _ in trace(core, 3, neuron=1)]


def test_chain_reaches_several_groups_and_delays():
    rows = {
        0: {"valid": 1, "more": 1, "next": 50},
        50: {"base": 1, "first": 1, "delay": 1, "more": 1, "next": 51},
        51: {"base": 2, "first": 0, "delay": 2},
    }
    core = core_with([[1, 2], [3, 4], [5, 6]], rows, alpha_v=0)
    seen = []
    for step in range(3):
        core.queue(step, [0] if step == 0 else [])
        core.step()
        seen.append(core.v[:4])
    assert [[1, 2, 0, 0], [0, 0, 3, 4], [5, 6, 0, 0]] == seen


def test_a_source_without_a_valid_head_delivers_nothing():
    core = core_with([[9, 9]], {0: {"valid": 0}})
    assert [(0, False)] == trace(core, 1, events={0: [0]})


def test_an_endless_chain_is_cut_after_64_segments_and_flagged():
    core = core_with([[1, 0]], {0: {"valid": 1, "more": 1, "next": 0}})
    assert [(64, False)] == trace(core, 1, events={0: [0]})
    assert 1 == core.words()["chain"]
    core.clear(Clear.ERRORS)
    assert 0 == core.words()["chain"]


# --- cycles ---------------------------------------------------------------------------------------


def test_cycles_follow_the_formula():
    rows = {
        0: {"valid": 1, "count": 2, "more": 1, "next": 50},
        50: {"base": 3, "count": 0, "first": 5},
    }
    core = core_with(np.zeros((4, 2)), rows)
    idle = CYCLES_STEP + CYCLES_POP + 2 * 2
    assert idle == core.step().cycles
    core.queue(1, [0, 3])  # axon 3 has no row
    busy = idle + 2 * CYCLES_SOURCE + (CYCLES_SEGMENT + 3) + (CYCLES_SEGMENT + 1)
    assert busy == core.step().cycles
    assert (busy, idle + busy) == (core.last_cycles, core.total_cycles)


# --- queues, counters, fired list -----------------------------------------------------------------


def always(n):
    return [{"v_th": -RAIL - 1} for _ in range(n)]


def test_event_queue_holds_a_marker_and_the_axons_of_each_step():
    core = core_with()
    core.queue(3, [1, 7])
    core.queue(4, [])
    core.queue(32768 + 5, [2])
    assert [0x8003, 1, 7, 0x8005, 2] == core.words()["event_queue"].tolist()


def test_events_wait_for_their_step_and_repeated_markers_of_a_step_are_all_taken():
    core = core_with([[1, 0]], {a: {"valid": 1} for a in range(8)}, alpha_v=0)
    core.queue_events(0x8001, 0, 1, 0x8001, 2, 0x8003, 3)
    assert [0, 3, 0, 1] == [v for v, _ in trace(core, 4)]
    assert 0 == core.words()["event_queue"].size


def test_a_full_event_queue_takes_nothing_of_what_does_not_fit():
    core = core_with()
    core.queue_events(0x8001, *range(8))
    with pytest.raises(ValidationError, match="at most 7 words"):
        core.queue_events(0x8002, *range(7))
    assert 7 == core.event_free


def test_spike_queue_holds_a_marker_and_the_neurons_and_no_word_for_a_silent_step():
    core = core_with(params=[*always(1), {}, *always(1)], start_tick=1)
    assert [] == core.step().spike_words
    assert [0x8001, 0, 2] == core.step().spike_words
    core.step(record=False)
    assert [0x8001, 0, 2] == core.words()["spike_queue"].tolist()
    assert [0x8001, 0] == core.take_spikes(2)
    assert [2] == core.take_spikes()


def test_spikes_of_an_unrecorded_population_are_counted_and_delivered_only():
    core = core_with(params=always(1), record=0)
    result = core.step()
    assert ([0], [], 1) == (result.fired, result.spike_words, core.count[0])


def test_a_recorded_step_waits_for_n_plus_1_free_words():
    core = core_with(params=always(4))
    for _ in range(6):  # 6 * 5 = 30 words: 34 are free, 33 are enough; then 35 words
        assert core.ready
        core.step()
    core.step()
    assert not core.ready
    with pytest.raises(ValidationError, match="call take_spikes"):
        core.step()
    core.step(record=False)


@pytest.mark.parametrize(("free", "ready"), [(33, True), (32, False)])
def test_n_plus_1_free_words_are_enough(free, ready):
    core = core_with()
    core.spike_queue.extend([0] * (64 - free))
    assert ready == core.ready


def test_spike_counter_stops_at_65535():
    core = core_with(params=always(2))
    core.write(Window.COUNT, 0, [65534])
    for _ in range(3):
        core.step(record=False)
    assert [65535, 3] == core.count[:2]


def test_padding_and_absent_neurons_stay_silent():
    core = core_with([[127, 127]], {0: {"valid": 1, "first": 9}}, params=always(1))
    core.queue(0, [0])
    assert [0] == core.step().fired
    assert [127, 127] == core.acc[0][18:20]  # nobody updates group 9, so its input stays


def test_populations_end_at_the_first_invalid_record():
    core = core_with(params=always(1), valid=0)
    result = core.step()
    assert ([], CYCLES_STEP) == (result.fired, result.cycles)


def test_counters_wrap_at_their_widths():
    core = core_with()
    core.next_step, core.total_cycles = 2**32 - 1, 2**48 - 1
    cycles = core.step().cycles
    assert (0, cycles - 1) == (core.next_step, core.total_cycles)
