# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.hw.generated import FIELDS, WINDOWS, Window
from spikesim.hw.image import (
    PARAM_DTYPE,
    POPULATION_DTYPE,
    SEGMENT_DTYPE,
    field_problems,
    pack_table,
    pack_weights,
    unpack_table,
    unpack_weights,
)

DTYPES = {Window.SEG: SEGMENT_DTYPE, Window.PARAM: PARAM_DTYPE, Window.POP: POPULATION_DTYPE}


def test_segment_entry_has_its_fields_where_the_specification_says():
    table = np.zeros(1, SEGMENT_DTYPE)
    table["base"], table["first"], table["count"] = 0x1234, 0x56, 0x78
    table["delay"], table["valid"], table["more"], table["next"] = 9, 1, 1, 0xABCD
    # delay in bits 32..35, valid 36, more 37, next from 48: third halfword 0b11_1001
    assert [0x1234, 0x7856, 0x39, 0xABCD] == pack_table(Window.SEG, table).tolist()


def test_eight_bit_weights_are_bytes_with_lane_0_first():
    weights = np.array([[1, -1, 127, -128]], np.int8)
    assert [0xFF01, 0x807F] == pack_weights(weights, 8).tolist()


def test_four_bit_weights_are_nibbles_with_lane_0_first():
    assert [0x8F17] == pack_weights(np.array([[7, 1, -1, -8]], np.int8), 4).tolist()


@pytest.mark.parametrize("window", DTYPES)
def test_any_table_comes_back(window):
    rng = np.random.default_rng(window)
    table = np.zeros(40, DTYPES[window])
    for name, field in FIELDS[window].items():
        low = -(1 << (field.width - 1)) if field.signed else 0
        table[name] = rng.integers(low, low + (1 << field.width), size=40)
        table[name][:2] = low, low + (1 << field.width) - 1
    halfwords = pack_table(window, table)
    assert 40 * WINDOWS[window].stride == halfwords.size
    np.testing.assert_array_equal(table, unpack_table(window, halfwords, DTYPES[window]))


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_any_weights_come_back(bits):
    rng = np.random.default_rng(bits)
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), size=(30, 8)).astype(np.int16)
    np.testing.assert_array_equal(weights, unpack_weights(pack_weights(weights, bits), 8, bits))


def test_a_part_of_an_entry_is_refused():
    with pytest.raises(ValidationError, match="multiple of 4 halfwords"):
        unpack_table(Window.SEG, [1, 2, 3], SEGMENT_DTYPE)


def test_values_beyond_their_field_are_named():
    table = np.zeros(3, PARAM_DTYPE)
    table["v_th"][2], table["refr_len"][1] = 1 << 17, 256
    problems = field_problems(Window.PARAM, table, "neuron")
    assert ["neuron 2", "neuron 1"] == [problem.split(":")[0] for problem in problems]
    assert "-131072 <= v_th <= 131071, got 131072" in problems[0]
