# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.kernels.philox import (
    OCTAVES,
    PIECE_BITS,
    fill_choices,
    fill_values,
    philox_block,
    philox_group,
)

KEY = np.uint64(0x0123456789ABCDEF)
ALL = np.zeros(0, np.int32)


# Known-answer vectors that are published with Random123 (philox 4x32, 10 rounds).
@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000",
         "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
         "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)  # fmt: skip
def test_philox_gives_the_published_words(counter, key, words):
    out = np.zeros(4, np.uint64)
    philox_block(_hex(counter), _hex(key), out)
    assert _hex(words).tolist() == out.tolist()


def test_a_group_is_sixteen_blocks_of_consecutive_counters():
    group, block = np.zeros(64, np.uint64), np.zeros(4, np.uint64)
    philox_group(KEY, 2, 7, 3, 1, group)
    for b in range(16):
        philox_block(
            np.array([48 + b, 7, 2, 1], np.uint64),
            np.array([0x89ABCDEF, 0x01234567], np.uint64),
            block,
        )
        assert block.tolist() == group[b::16].tolist()


def test_a_value_is_that_of_the_depth_its_word_names():
    # A line through the depths is reproduced, from either end.
    line = np.zeros((3, 2 * OCTAVES << PIECE_BITS))
    line[1] = 1.0
    line[0, OCTAVES << PIECE_BITS :] = 10.0
    words, values = np.zeros(64, np.uint64), np.empty(64)
    philox_group(KEY, 1, 3, 0, 0, words)
    fill_values(line, -np.inf, np.inf, KEY, 1, 3, np.array([0, 64]), ALL, values)
    ends = words % 2
    assert set(ends) == {0, 1}
    assert np.array_equal(words // 2 + 0.5 + 10.0 * ends, values)


def test_an_integer_is_that_of_the_entry_or_its_alias():
    table = np.array([k << 60 | k << 16 | 10 * k for k in range(4)], np.uint64)
    words, chosen = np.zeros(64, np.uint64), np.empty(64, np.int32)
    philox_group(KEY, 1, 3, 0, 0, words)
    fill_choices(table, 2, 5, KEY, 1, 3, np.array([0, 64]), ALL, chosen)
    entry, rest = words >> 30, words % 2**30
    expected = np.where(rest < (table[entry] >> 32), entry, 10 * entry) + 5
    assert len(set(expected.tolist())) == 7
    assert np.array_equal(expected, chosen)


@pytest.mark.parametrize("fill", ["values", "choices"])
def test_a_row_is_the_same_wherever_the_range_begins_and_whatever_is_left_out(fill):
    indptr = np.array([0, 3, 3, 100, 230])
    whole, part, few = (np.zeros(n) for n in (230, 227, 5))
    _fill(fill, 5, indptr, ALL, whole)
    _fill(fill, 6, indptr[1:] - 3, ALL, part)
    assert np.array_equal(whole[3:], part)
    places = np.array([0, 96, 63, 64, 129], np.int32)
    _fill(fill, 7, np.array([0, 2, 5]), places, few)
    assert np.array_equal(whole[np.array([3, 99, 163, 164, 229])], few)


def _fill(fill, first, indptr, places, out):
    if fill == "values":
        table = np.random.default_rng(1).normal(size=(3, 2 * OCTAVES << PIECE_BITS))
        fill_values(table, -9e99, 9e99, KEY, 1, first, indptr, places, out)
    else:
        table = np.random.default_rng(1).integers(0, 2**63, 128, np.uint64)
        fill_choices(table, 7, 0, KEY, 1, first, indptr, places, out)


def _hex(words):
    return np.array([int(word, 16) for word in words.split()], np.uint64)
