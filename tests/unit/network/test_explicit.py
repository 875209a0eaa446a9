# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Network, Normal, PairList
from spikesim.neurons import LIF


def _net(n_pre, n_post):
    net = Network(dt=1e-3)
    net.add_input("in", n_pre)
    net.add_population("out", n_post, LIF(beta=0.9))
    return net


def test_listed_pairs_keep_their_values_and_their_repeats():
    pairs = PairList([2, 0, 2, 2], [1, 0, 0, 1])
    rows = (
        _net(3, 2)
        .connect("in", "out", pairs, weight=[1.0, 2.0, 3.0, 4.0], delay_ticks=[5, 6, 7, 8])
        .rows
    )
    assert [0, 1, 1, 4] == rows.indptr.tolist()
    assert [0, 0, 1, 1] == rows.targets.tolist()
    assert [2.0, 3.0, 1.0, 4.0] == rows.weights.tolist()
    assert [6, 7, 5, 8] == rows.delays.tolist()


def test_listed_pairs_take_seconds_and_distributions():
    pairs = PairList(np.arange(50), np.zeros(50, int))
    rows = _net(50, 1).connect("in", "out", pairs, weight=Normal(0, 1), delay=Normal(5e-3, 2e-3))
    assert np.unique(rows.rows.weights).size == 50
    assert np.unique(rows.rows.delays).size > 3
    assert _net(50, 1).connect("in", "out", pairs, weight=1, delay=[3e-3] * 50).rows.delays[9] == 3


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array", "lil_matrix"])
def test_a_sparse_matrix_connects_as_the_dense_one(kind):
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 7)) * (rng.random((5, 7)) < 0.4)
    dense = _net(5, 7).connect("in", "out", matrix, delay=2e-3).rows
    assert dense == _net(5, 7).connect("in", "out", getattr(sparse, kind)(matrix), delay=2e-3).rows


def test_a_bad_sparse_matrix_is_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValidationError, match=r"shape \(5, 7\).*transpose it"):
        _net(5, 7).connect("in", "out", sparse.csr_array(np.eye(7, 5)))
    with pytest.raises(ValidationError, match="finite weights, got nan"):
        _net(5, 7).connect("in", "out", sparse.csr_array(np.eye(5, 7) * np.nan))


@pytest.mark.parametrize(
    ("connect", "message"),
    [
        (lambda: PairList([0, 1], [0]), "as many pre as post, got 2, 1"),
        (lambda: PairList([0.5], [0]), "pre as integers"),
        (lambda: _join(PairList([3], [0]), weight=1.0), "0 <= pre < 3, got 3"),
        (lambda: _join(PairList([0], [-1]), weight=1.0), "0 <= post < 2, got -1"),
        (lambda: _join(PairList([0], [0])), "pass weight="),
        (lambda: _join(PairList([0], [0]), weight=[1.0, 2.0]), r"shape \(3, 2\) or \(1,\)"),
        (lambda: _join(PairList([0], [0]), weight=[np.nan]), "finite weights"),
    ],
)
def test_what_cannot_be_connected_is_refused(connect, message):
    with pytest.raises(ValidationError, match=message):
        connect()


def _join(rule, **options):
    return _net(3, 2).connect("in", "out", rule, **options)
