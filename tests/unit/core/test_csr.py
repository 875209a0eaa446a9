# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import CsrRows
from spikesim.errors import ValidationError

GOOD = {
    "indptr": [0, 1, 3],
    "targets": [1, 0, 2],
    "weights": [0.5, -1.0, 2.0],
    "delays": [0, 3, 1],
    "n_post": 3,
}


def test_columns_get_their_types():
    rows = CsrRows(**GOOD)
    assert rows.indptr.dtype == np.int64
    assert (np.int32, np.float32, np.int32) == (
        rows.targets.dtype,
        rows.weights.dtype,
        rows.delays.dtype,
    )
    assert (2, 3, 3) == (rows.n_pre, rows.n_post, rows.nnz)


def test_a_matrix_survives_the_way_there_and_back():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 7)).astype(np.float32) * (rng.random((5, 7)) < 0.5)
    assert np.array_equal(matrix, CsrRows.from_dense(matrix).to_dense())


def test_a_zero_is_no_synapse():
    assert CsrRows.from_dense([[0.0, 1.0]]).nnz == 1


def test_a_delay_per_entry_stays_with_its_entry():
    rows = CsrRows.from_dense([[0.0, 1.0], [2.0, 3.0]], delay=[[9, 8], [7, 6]])
    assert [8, 7, 6] == rows.delays.tolist()


def test_entries_in_any_order_make_sorted_rows():
    rows = CsrRows.from_coo([1, 0, 1], [2, 1, 0], [3.0, 1.0, 2.0], 4, n_pre=2, n_post=3)
    assert [0, 1, 3] == rows.indptr.tolist()
    assert [1, 0, 2] == rows.targets.tolist()
    assert [1.0, 2.0, 3.0] == rows.weights.tolist()


def test_delays_and_weights_are_sorted_with_their_entries():
    rows = CsrRows.from_coo([1, 0, 1], [2, 1, 0], [3.0, 1.0, 2.0], [30, 10, 20], 2, 3)
    assert [1.0, 2.0, 3.0] == rows.weights.tolist()
    assert [10, 20, 30] == rows.delays.tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"indptr": [0, 2, 3]},
        {"targets": [2, 0, 2]},
        {"weights": [0.5, -1.0, 3.0]},
        {"delays": [0, 3, 2]},
        {"n_post": 4},
    ],
)
def test_rows_are_equal_in_every_column_or_not_at_all(change):
    assert CsrRows(**GOOD) == CsrRows(**GOOD)
    assert CsrRows(**GOOD) != CsrRows(**(GOOD | change))


@pytest.mark.parametrize("name", ["indptr", "targets", "weights", "delays"])
def test_a_column_cannot_be_changed(name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(CsrRows(**GOOD), name)[0] = 1


def test_several_synapses_of_one_pair_are_kept_and_summed():
    rows = CsrRows.from_coo([0, 0], [0, 0], [1.0, 2.0], [1, 5], 1, 1)
    assert rows.nnz == 2
    assert rows.to_dense().tolist() == [[3.0]]


def test_sources_name_the_row_of_each_synapse():
    assert [0, 1, 1] == CsrRows(**GOOD).sources.tolist()


def test_no_synapses_at_all_are_legal():
    rows = CsrRows.from_dense(np.zeros((2, 3)))
    assert (0, 2) == (rows.nnz, rows.n_pre)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indptr": [0, 4, 3]}, "never falls"),
        ({"indptr": [1, 2, 3]}, "starts at 0"),
        ({"indptr": [0, 1, 4]}, "ends at 3"),
        ({"indptr": []}, "indptr"),
        ({"targets": [1, 0, 3]}, "target < n_post = 3, got 3"),
        ({"targets": [1, -1, 0]}, "got -1"),
        ({"targets": [1.0, 0.0, 2.0]}, "targets as integers"),
        ({"weights": [0.5, np.nan, 1.0]}, "finite float32 weights, got nan in synapse 1"),
        ({"weights": [0.5, np.inf, 1.0]}, "finite"),
        ({"weights": [0.5, 1e39, 1.0]}, "finite float32"),
        ({"weights": [0.5, 1.0]}, "one length"),
        ({"delays": [0, -1, 1]}, "delay"),
        ({"delays": [0, 0.5, 1]}, "delays as integers"),
        ({"n_post": -1}, "n_post"),
    ],
)
def test_a_damaged_column_is_named(change, message):
    with pytest.raises(ValidationError, match=message):
        CsrRows(**(GOOD | change))


def test_every_problem_is_named_at_once():
    with pytest.raises(ValidationError) as caught:
        CsrRows(**(GOOD | {"targets": [9, 0, 0], "weights": [np.nan] * 3, "delays": [-1, 0, 0]}))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("matrix", [np.zeros(3), np.array([["a"]]), np.zeros((1, 1, 1))])
def test_what_is_no_matrix_is_refused(matrix):
    with pytest.raises(ValidationError, match="weight matrix"):
        CsrRows.from_dense(matrix)


def test_a_source_out_of_range_is_refused():
    with pytest.raises(ValidationError, match="n_pre = 2, got 2"):
        CsrRows.from_coo([2], [0], 1.0, 1, 2, 1)
