# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import LIF, CsrRows
from spikesim.kernels import clocked
from spikesim.network import Network
from spikesim.sim.layout import build_layout
from tests.reference.lif_network import _neuron, _step


def _rows(seed, n_pre=6, n_post=5, longest=4):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n_pre, n_post)).astype(np.float32) * (
        rng.random((n_pre, n_post)) < 0.6
    )
    return CsrRows.from_dense(dense, rng.integers(0, longest + 1, dense.shape))


def test_deliver_now_adds_the_row_of_the_source():
    rows = _rows(0)
    for source in range(rows.n_pre):
        due = np.zeros(rows.n_post)
        events = clocked.deliver_now(source, rows.indptr, rows.targets, rows.weights, due)
        assert rows.to_dense()[source].tolist() == due.tolist()
        assert np.count_nonzero(rows.to_dense()[source]) == events


@pytest.mark.parametrize("slot", range(5))
def test_deliver_ring_puts_each_weight_its_offset_ahead(slot):
    rows = _rows(1)
    ring = np.zeros((5, rows.n_post))
    clocked.deliver_ring(2, slot, rows.indptr, rows.targets, rows.weights, rows.delays, ring)
    expected = np.zeros((5, rows.n_post))
    for j in range(rows.indptr[2], rows.indptr[3]):
        expected[(slot + rows.delays[j]) % 5, rows.targets[j]] += rows.weights[j]
    assert expected.tolist() == ring.tolist()


@pytest.mark.parametrize("direct", [True, False])
def test_deliver_takes_the_listed_sources_above_the_first(direct):
    rows = _rows(2)
    offsets = np.zeros_like(rows.delays)
    ring = np.zeros((1, rows.n_post))
    listed = np.array([0, 2], np.int32)
    events = clocked.deliver(
        listed, 3, 0, rows.indptr, rows.targets, rows.weights, offsets, direct, ring
    )
    dense = rows.to_dense().astype(np.float64)
    assert (dense[3] + dense[5]).tolist() == ring[0].tolist()
    assert np.count_nonzero(dense[[3, 5]]) == events


def test_collect_appends_the_set_flags_of_its_range():
    flags = np.array([1, 0, 1, 1, 0, 1], np.uint8)
    out = np.full(6, -1, np.int32)
    assert clocked.collect(1, 5, flags, out, 1) == 3
    assert out.tolist() == [-1, 2, 3, -1, -1, -1]


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize("refractory", ["gate", "hold"])
@pytest.mark.parametrize("strict", [False, True])
def test_update_lif_equals_the_written_equations(reset, refractory, strict):
    rng = np.random.default_rng(0)
    n = 37  # no multiple of a vector width
    lif = LIF(
        beta=rng.random(n),
        alpha=rng.random(n),
        gain=rng.normal(size=n),
        bias=rng.normal(size=n) * 0.1,
        v_th=rng.random(n),
        v_reset=rng.normal(size=n),
        reset=reset,
        reset_amount=rng.random(n),
        refractory=refractory,
        refractory_ticks=rng.integers(0, 4, n),
        v_init=rng.random(n),
        v_floor=np.full(n, -0.5),
        strict=strict,
    )
    net = Network(dt=1e-3)
    net.add_population("before", 2, LIF(beta=0.5))
    net.add_population("tested", n, lif)
    layout = build_layout(net)
    v, i = layout.v_init.copy(), np.zeros(n + 2)
    refr, flags = np.zeros(n + 2, np.int32), np.zeros(n + 2, np.uint8)
    cells = [_neuron(lif, k, n) for k in range(n)]
    fired = 0
    for _ in range(50):
        due = np.concatenate([[9.0, 9.0], np.round(rng.normal(size=n), 1)])
        expected = [_step(lif, cell, due[2 + k]) for k, cell in enumerate(cells)]
        clocked.update_lif(
            2,
            n + 2,
            layout.modes[1],
            layout.params,
            layout.refractory_ticks,
            due,
            v,
            i,
            refr,
            flags,
        )
        assert expected == flags[2:].astype(bool).tolist()
        assert [cell["v"] for cell in cells] == v[2:].tolist()
        assert [cell["i"] for cell in cells] == i[2:].tolist()
        assert [cell["refr"] for cell in cells] == refr[2:].tolist()
        assert due.tolist() == [9.0, 9.0] + [0.0] * n  # read input is cleared, the rest is not
        fired += sum(expected)
    assert fired > 100


@pytest.mark.skipif(not hasattr(clocked.update_lif, "py_func"), reason="numba: JIT is disabled")
@pytest.mark.parametrize(("dtype", "mark"), [("float64", "pd"), ("float32", "ps")])
def test_the_update_is_vector_code(dtype, mark):
    # Compiled anew: code that comes from the cache cannot be inspected.
    import numba

    dispatcher = numba.njit(clocked.update_lif.py_func, nogil=True, error_model="numpy")
    real = numba.from_dtype(np.dtype(dtype))
    line = numba.types.Array(real, 1, "C")
    ints = numba.types.Array(numba.int32, 1, "C")
    dispatcher.compile(
        (
            numba.int64,
            numba.int64,
            numba.types.Array(numba.int64, 1, "C"),
            numba.types.Array(real, 2, "C"),
            ints,
            line,
            line,
            line,
            ints,
            numba.types.Array(numba.uint8, 1, "C"),
        )
    )
    (assembly,) = dispatcher.inspect_asm().values()
    assert f"mul{mark}" in assembly
    assert f"add{mark}" in assembly
    assert "fmadd" not in assembly  # a fused product would round differently from the oracle
