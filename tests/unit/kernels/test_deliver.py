# SPDX-License-Identifier: Apache-2.0
"""Rows are packed and delivered as a dense sum over (spike, synapse) says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.kernels.deliver import CONSTANT, EXACT, PACKED, PIECES, WIDE, deliver
from spikesim.kernels.pack import begin_pieces, encode, place

SHIFT = 14


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_pre, n_post = draw(st.integers(1, 30)), draw(st.integers(1, 40))
    shortest = draw(st.integers(0, 3))
    longest = shortest + draw(st.sampled_from([0, 1, 2, 7]))
    mode = draw(st.sampled_from([CONSTANT, PACKED, EXACT, WIDE]))
    bits = 0 if mode == EXACT else draw(st.integers(0, 3))
    blocks = draw(st.integers(1, 3))
    indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 50, n_pre))])
    nnz = int(indptr[-1])
    return {
        "mode": mode, "bits": bits, "blocks": blocks,
        # A table with longer pieces beside this one makes the ring longer, even than an entry.
        "ring_bits": 0 if mode == EXACT else bits + draw(st.sampled_from([0, 1, 9])),
        "shortest": shortest, "longest": longest,
        "indptr": indptr, "n_post": n_post, "targets": rng.integers(0, n_post, nnz, dtype=np.int32),
        "delays": rng.integers(shortest, longest + 1, nnz, dtype=np.int32),
        "codes": rng.integers(-100, 100, nnz),
        "spikes": [np.flatnonzero(rng.random(n_pre) < 0.5) for _ in range(longest + 6)],
    }  # fmt: skip


def _pack(case, stride):
    groups = ((case["longest"] - case["shortest"]) >> case["bits"]) + 1
    indptr, blocks, n_pre = case["indptr"], case["blocks"], case["indptr"].size - 1
    block_of = (np.arange(case["n_post"]) % blocks).astype(np.uint16)
    place_of = (np.arange(case["n_post"]) // blocks).astype(np.int32)
    weights = case["codes"].astype(np.float32) * np.float32(0.25)
    if case["mode"] == CONSTANT:
        weights = np.full(1, 0.75, np.float32)
    exactly = weights if case["mode"] == EXACT else weights[:0]
    counts = np.zeros((n_pre, blocks, groups), np.uint32)
    entries = np.empty(indptr[-1], np.uint64 if case["mode"] == WIDE else np.uint32)
    pieces = np.empty(indptr[-1], np.uint32)
    bound = np.zeros(case["n_post"], np.int64)
    encode(
        indptr, case["targets"], weights, case["delays"], 0.0 if case["mode"] == EXACT else 4.0,
        {PACKED: 1 << SHIFT, WIDE: 1 << 32}.get(case["mode"], 0), case["shortest"], case["bits"],
        groups, block_of, place_of, stride, entries, pieces, counts.reshape(n_pre, -1), bound,
    )  # fmt: skip
    offsets = np.zeros((blocks, n_pre * groups + 1), np.uint32)
    used, cursor = np.zeros(blocks, np.int64), np.empty(counts.shape, np.int64)
    begin_pieces(counts, np.arange(blocks) * indptr[-1], used, offsets[:, :-1], cursor)
    offsets[:, -1] = used
    kinds = {CONSTANT: np.uint16, PACKED: np.uint32, EXACT: np.int32, WIDE: np.uint64}
    kind = kinds[case["mode"]]
    index = np.zeros((blocks, indptr[-1]), kind)
    exact = np.zeros((blocks, exactly.size), np.float32)
    place(
        indptr[None, :], entries, pieces, exactly, cursor.reshape(n_pre, -1), index.reshape(-1),
        exact.reshape(-1),
    )  # fmt: skip
    return groups, block_of, place_of, offsets, index, exact, bound, weights


@settings(max_examples=60, deadline=None)
@given(cases())
def test_all_that_is_delivered_is_what_is_due(case):
    mode, blocks, slots = case["mode"], case["blocks"], 1 << case["ring_bits"]
    stride = 64
    groups, block_of, place_of, offsets, index, exact, bound, weights = _pack(case, stride)
    spikes, n_pre = case["spikes"], case["indptr"].size - 1
    fired = np.concatenate(spikes).astype(np.int32)[None, :]
    marks = np.zeros((1, len(spikes), 2), np.int64)
    marks[0, :, 1] = np.cumsum([len(s) for s in spikes])
    marks[0, 1:, 0] = marks[0, :-1, 1]
    each = weights * 4 if mode != EXACT else weights
    each = np.broadcast_to(each, case["targets"].size)
    sources = np.repeat(np.arange(n_pre), np.diff(case["indptr"]))
    kind = np.float64 if mode == EXACT else np.int32
    acc = [np.zeros(slots * stride, kind) for _ in range(blocks)]
    events = np.zeros(1, np.int64)
    for tick in range(case["longest"], len(spikes)):
        for block in range(blocks):
            deliver(
                tick, mode, SHIFT if mode == PACKED else 0, slots * stride - 1 if slots > 1 else 0,
                np.zeros(1, np.int64), fired, marks, np.array([0, 1, 0, n_pre]),
                np.array([groups, 0, 1 << case["bits"], case["shortest"], groups]), offsets[block],
                index[block], exact[block], kind(3), acc[block], stride, slots,
                np.zeros((PIECES, 2), np.uint32), np.zeros(3, np.int64), events,
            )  # fmt: skip
        if (
            tick - case["longest"] >= 1 << case["bits"]
        ):  # from here on nothing is missing from before
            expected = np.zeros(case["n_post"])
            for back, delay in ((tick - d, d) for d in np.unique(case["delays"])):
                due = np.isin(sources, spikes[back]) & (case["delays"] == delay)
                np.add.at(expected, case["targets"][due], each[due])
            slot = (tick % slots) * stride
            got = np.array([acc[b][slot + p] for b, p in zip(block_of, place_of, strict=True)])
            assert np.array_equal(expected, got)
        for block in range(blocks):
            acc[block][(tick % slots) * stride :][:stride] = 0
    if mode != EXACT:
        total = np.zeros(case["n_post"])
        np.add.at(total, case["targets"], np.abs(each))
        assert np.array_equal(total, bound)


@pytest.mark.parametrize("n", [PIECES - 1, PIECES, PIECES + 1, 2 * PIECES + 3])
def test_more_pieces_than_are_listed_at_once_are_all_delivered(n):
    offsets = np.arange(n + 1, dtype=np.uint32)
    acc, events = np.zeros(1, np.int32), np.zeros(1, np.int64)
    marks = np.array([[[0, n]]], np.int64)
    deliver(
        0, CONSTANT, 0, 0, np.zeros(1, np.int64), np.arange(n, dtype=np.int32)[None, :], marks,
        np.array([0, 1, 0, n]), np.array([1, 0, 1, 0, 1]), offsets, np.zeros(n, np.uint16),
        np.zeros(0, np.float32), np.int32(1), acc, 1, 1, np.zeros((PIECES, 2), np.uint32),
        np.zeros(3, np.int64), events,
    )  # fmt: skip
    assert acc[0] == events[0] == n


@pytest.mark.parametrize("slots", [2, 256, 512, 4096])
def test_a_ring_longer_than_an_entry_takes_no_bit_of_the_weight_for_a_slot(slots):
    """One synapse of weight -3 onto accumulator 5; the ring fits the entry up to 256 slots."""
    stride, tick = 64, slots - 1
    entry = np.array([(5 + (-3 << SHIFT)) & 0xFFFFFFFF], np.uint32)
    acc, events = np.zeros(slots * stride, np.int32), np.zeros(1, np.int64)
    marks = np.zeros((1, slots, 2), np.int64)
    marks[0, -1, 1] = 1
    deliver(
        tick, PACKED, SHIFT, slots * stride - 1, np.zeros(1, np.int64), np.zeros((1, 1), np.int32),
        marks, np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0, 1]), np.array([0, 1], np.uint32),
        entry, np.zeros(0, np.float32), np.int32(0), acc, stride, slots,
        np.zeros((PIECES, 2), np.uint32), np.zeros(3, np.int64), events,
    )  # fmt: skip
    assert np.flatnonzero(acc).tolist() == [(tick % slots) * stride + 5]
    assert acc[(tick % slots) * stride + 5] == -3
