# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np

from spikesim.hw.compile.allocate import place
from spikesim.hw.compile.lower import Lowered, SourceRow
from spikesim.hw.compile.segment import choose_segments
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


def test_extensions_use_entries_of_sources_without_a_row_then_those_beyond_all():
    rows = {axon: [SourceRow(d, words(axon)) for d in range(4)] for axon in range(8)}
    neurons = {j: [SourceRow(0, words(0))] for j in range(16)}
    low = lowered(rows, neurons)
    need, problems = choose_segments(low, CORE)
    assert [] == problems
    program = place(low, need, CORE, ("p",), {})
    segments = program.segments
    assert list(range(24)) == np.flatnonzero(segments["valid"]).tolist()
    extensions = segments["next"][segments["more"] == 1]
    assert 24 == extensions.size == len(set(extensions.tolist()))
    assert set(extensions.tolist()) == set(range(24, 48))


def test_neurons_of_the_core_that_the_network_has_not_never_fire():
    own = np.zeros(8, PARAM_DTYPE)
    own["v_th"], own["bias"] = 5, 3
    low = replace(lowered({0: [SourceRow(0, words(0))]}), params=own)
    params = place(low, choose_segments(low, CORE)[0], CORE, ("p",), {}).params
    assert [5] * 8 + [CORE.max_state] * 24 == params["v_th"].tolist()
    assert [3] * 8 + [0] * 24 == params["bias"].tolist()


def test_every_word_of_a_row_is_found_along_its_chain():
    rng = np.random.default_rng(4)
    rows = {}
    for axon in range(8):
        dense = rng.integers(-9, 10, size=(2, 8, 4)) * (rng.random((2, 8, 1)) < 0.4)
        rows[axon] = [SourceRow(d, dense[d].astype(np.int16)) for d in range(2) if dense[d].any()]
    low = lowered({axon: row for axon, row in rows.items() if row})
    need, _ = choose_segments(low, CORE)
    program = place(low, need, CORE, ("p",), {})
    for axon, row in low.axon_rows.items():
        found = {source.delay: np.zeros((8, 4), int) for source in row}
        entry, more = program.segments[axon], True
        while more:
            span = slice(int(entry["first"]), int(entry["first"] + entry["count"]) + 1)
            base = int(entry["base"])
            found[int(entry["delay"])][span] += program.weights[base : base + entry["count"] + 1]
            more = bool(entry["more"])
            entry = program.segments[int(entry["next"])]
        for source in row:
            np.testing.assert_array_equal(source.words, found[source.delay])
