# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from spikesim.hw.compile.lower import Lowered, SourceRow
from spikesim.hw.compile.segment import choose_segments, needs, split_row
from spikesim.hw.config import CoreConfig
from spikesim.hw.image import PARAM_DTYPE, POPULATION_DTYPE

CORE = CoreConfig(
    n_neurons=32, n_axons=8, lanes=4, n_segments=48, weight_words=64, spike_queue=64
)  # 8 groups, 40 sources, 8 entries beyond them


def words(*groups):
    """Weight words with a 1 in each of the groups named."""
    row = np.zeros((8, 4), np.int16)
    row[list(groups), 0] = 1
    return row


def lowered(axon_rows=None, neuron_rows=None):
    populations = np.zeros(1, POPULATION_DTYPE)
    populations["last"], populations["valid"] = 7, 1
    return Lowered(
        {"in": (0, 8)}, {"p": (0, 32, 0)}, np.zeros(32, PARAM_DTYPE), populations,
        axon_rows or {}, neuron_rows or {},
    )  # fmt: skip


def pieces(rows, hole):
    return [(p.first, len(p.words), p.delay) for p in split_row(rows, hole)]


@pytest.mark.parametrize(
    ("hole", "expected"),
    [
        (1, [(0, 1, 0), (2, 1, 0), (5, 1, 0)]),
        (2, [(0, 3, 0), (5, 1, 0)]),
        (3, [(0, 6, 0)]),
    ],
)
def test_a_row_is_split_at_holes_of_at_least_the_given_length(hole, expected):
    assert expected == pieces([SourceRow(0, words(0, 2, 5))], hole)


def test_segments_are_in_image_order():
    rows = [SourceRow(3, words(0, 7)), SourceRow(1, words(0, 4))]
    assert [(0, 1, 1), (0, 1, 3), (4, 1, 1), (7, 1, 3)] == pieces(rows, 1)


def test_all_zero_groups_take_no_memory():
    need = needs(lowered({0: [SourceRow(0, words(2, 3))], 1: [SourceRow(0, words(7))]}), 2)
    assert (3, 2, 1) == (need.words, need.segments, need.chain)


def test_holes_are_kept_when_segments_are_scarce():
    rows = {axon: [SourceRow(0, words(0, 3, 6))] for axon in range(8)}
    plenty, _ = choose_segments(lowered(rows), CORE)
    assert (24, 24) == (plenty.words, plenty.segments)
    neurons = {j: [SourceRow(0, words(0))] for j in range(32)}
    config = replace(CORE, weight_words=256)
    scarce, problems = choose_segments(lowered(rows, neurons), config)
    assert ([], 40, 56 + 32) == (problems, scarce.segments, scarce.words)


def test_every_hole_is_given_up_when_words_are_scarce():
    rows = {axon: [SourceRow(0, words(0, 2, 4, 6))] for axon in range(8)}
    full, problems = choose_segments(lowered(rows), replace(CORE, weight_words=32))
    assert ([], 32, 32) == (problems, full.words, full.segments)


def test_what_does_not_fit_names_need_limit_and_what_to_change():
    rows = {axon: [SourceRow(d, words(*range(8))) for d in range(8)] for axon in range(8)}
    _, problems = choose_segments(lowered(rows), CORE)
    assert 2 == len(problems)
    assert "need 512 weight words of 4, the core has 64" in problems[0]
    assert "need 64 row segments, the core has 48" in problems[1]


def test_words_and_segments_that_fit_only_one_at_a_time_are_refused():
    rows = {axon: [SourceRow(0, words(0, 3, 6))] for axon in range(8)}
    neurons = {j: [SourceRow(0, words(0))] for j in range(32)}
    _, (problem,) = choose_segments(lowered(rows, neurons), replace(CORE, weight_words=80))
    assert "need 56 weight words with 56 segments, or 88 with 40" in problem
    assert "the core has 80 and 48" in problem


@pytest.mark.parametrize("kind", ["axon", "neuron"])
def test_a_chain_longer_than_64_segments_is_refused(kind):
    config = replace(CORE, n_segments=200, weight_words=200)
    for length, expected in ((64, 0), (65, 1)):
        rows = {3: [SourceRow(0, words(0)) for _ in range(length)]}
        made = lowered(rows) if kind == "axon" else lowered(neuron_rows=rows)
        need, problems = choose_segments(made, config)
        assert (length, expected) == (need.chain, len(problems))
    assert f"{kind} 3 of the core needs 65 segments, a source may have 64" in problems[0]


def test_memory_table_and_chain_may_be_full_to_the_last_entry():
    rows = {axon: [SourceRow(0, words(0, 1)), SourceRow(1, words(4))] for axon in range(8)}
    need = needs(lowered(rows), 1)
    assert (24, 16, 2) == (need.words, need.segments, need.chain)
    for field, full in (("words", 64), ("segments", 48), ("chain", 64)):
        assert replace(need, **{field: full}).fits(CORE)
        assert not replace(need, **{field: full + 1}).fits(CORE)
