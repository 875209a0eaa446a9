# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import Clear, Window
from spikesim.hw.golden import GoldenCore
from tests.equivalence.random_programs import SMALL, random_events, random_program

ALL = sum(Clear)
IMAGE = {"WEIGHT": Window.WEIGHT, "SEG": Window.SEG, "PARAM": Window.PARAM, "POP": Window.POP}


@pytest.fixture
def core():
    core = GoldenCore(SMALL)
    program = random_program(4, SMALL)
    core.load(program)
    for step, axons in enumerate(random_events(4, program, 5)):
        core.queue(step, axons)
        core.step()
    return core


def test_a_loaded_image_reads_back_unchanged():
    program = random_program(8, SMALL)
    core = GoldenCore(SMALL)
    core.load(program)
    for name, halfwords in program.image().items():
        assert halfwords.tolist() == core.read(IMAGE[name], 0, halfwords.size)


def test_loading_starts_from_the_initial_state(core):
    program = random_program(9, SMALL)
    core.load(program)
    fresh = GoldenCore(SMALL)
    fresh.load(program)
    for name, words in fresh.words().items():
        np.testing.assert_array_equal(words, core.words()[name])
    record = program.populations[0]
    assert int(record["v_init"]) == core.v[int(record["first"]) * SMALL.lanes]


def test_a_program_for_another_core_is_refused():
    with pytest.raises(ValidationError, match="expected a program for"):
        GoldenCore(CoreConfig.default()).load(random_program(1, SMALL))


@pytest.mark.parametrize("window", [w for w in Window if w not in (Window.REG, Window.FIRED)])
def test_what_is_written_reads_back_and_bits_that_do_not_exist_are_ignored(window):
    core = GoldenCore(SMALL)
    n = min(40, core.entries(window) * core.stride(window))
    core.write(window, 0, [0xFFFF] * n)
    once = core.read(window, 0, n)
    core.write(window, 0, once)
    assert once == core.read(window, 0, n)
    if window is Window.STATE:  # v, i: 36 bits, refr: 8 bits
        assert [0xFFFF, 0xFFFF, 0x0FFF, 0] == once[:4]
    if window is Window.SEG:  # 512 words: 9 bits; 8 groups: 3; 8 slots: 3; 480 segments: 9
        assert [0x01FF, 0x0707, 0x0037, 0x01FF] == once[:4]


def test_a_halfword_changes_only_its_own_bits():
    core = GoldenCore(SMALL)
    core.write(Window.SEG, 4, [1, 2, 3, 4])
    core.write(Window.SEG, 5, [6])
    assert [0, 1, 6, 3, 4, 0] == core.read(Window.SEG, 3, 6)


def test_accumulators_are_addressed_by_slot_and_neuron():
    core = GoldenCore(SMALL)
    core.write(Window.ACC, 3 * SMALL.n_neurons + 5, [0x8000])
    assert -32768 == core.acc[3][5]


def test_fired_neurons_can_be_read_and_not_written(core):
    assert core.fired
    assert core.fired == core.read(Window.FIRED, 0, len(core.fired))
    with pytest.raises(ValidationError, match="read-only"):
        core.write(Window.FIRED, 0, [1])


@pytest.mark.parametrize(("address", "n"), [(-1, 1), (0, 33), (32, 1), (2**24, 1)])
def test_a_range_that_leaves_its_window_is_refused_and_nothing_is_written(address, n):
    core = GoldenCore(SMALL)
    before = core.read(Window.COUNT, 0, 32)
    with pytest.raises(ValidationError, match=r"within 0\.\.31 of COUNT"):
        core.write(Window.COUNT, address, [7] * n)
    assert before == core.read(Window.COUNT, 0, 32)


def test_registers_are_no_memory_of_the_core():
    with pytest.raises(ValidationError, match="memory window"):
        GoldenCore(SMALL).read(Window.REG, 0, 1)


@pytest.mark.parametrize(
    ("bit", "cleared"),
    [
        (
            Clear.STATE,
            {
                "v",
                "i",
                "refr",
                "acc",
                "fired",
                "step",
                "total_cycles",
                "last_cycles",
                "event_queue",
            },
        ),
        (Clear.COUNTS, {"count"}),
        (Clear.QUEUES, {"event_queue", "spike_queue"}),
        (Clear.WEIGHTS, {"weights"}),
        (Clear.TABLES, set()),
        (Clear.ERRORS, {"chain"}),
    ],
)
def test_clear_changes_what_its_bit_names_and_nothing_else(core, bit, cleared):
    core.chain_flag = True
    core.queue(9, [1, 2])
    before = core.words()
    core.clear(bit)
    after = core.words()
    for name, words in before.items():
        if name not in cleared:
            np.testing.assert_array_equal(words, after[name])
        elif name != "v":
            assert 0 == np.count_nonzero(after[name])


def test_clear_state_sets_the_membrane_to_its_initial_value(core):
    program = random_program(4, SMALL)
    core.clear(Clear.STATE)
    expected = np.zeros(SMALL.n_neurons, int)
    for record in program.populations:
        chosen = slice(record["first"] * SMALL.lanes, (record["last"] + 1) * SMALL.lanes)
        expected[chosen] = record["v_init"]
    np.testing.assert_array_equal(expected, core.words()["v"])


def test_clearing_everything_gives_a_new_core(core):
    core.clear(ALL)
    new = GoldenCore(SMALL)
    for name, words in new.words().items():
        np.testing.assert_array_equal(words, core.words()[name])
    for window in IMAGE.values():
        size = new.entries(window) * new.stride(window)
        assert [0] * size == core.read(window, 0, size)
