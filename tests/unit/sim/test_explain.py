# SPDX-License-Identifier: Apache-2.0
from spikesim.network import AllToAll, Network, OneToOne
from spikesim.neurons import LIF
from spikesim.sim import explain, simulate


def _net(delay, n=3):
    net = Network(dt=1e-3)
    net.add_population("a", n, LIF(beta=0.9))
    net.connect("a", "a", AllToAll(), weight=0.1, delay_ticks=delay)
    return net


def test_one_delay_is_one_piece_per_row():
    assert "one weight, 2 bytes per synapse; one delay of 6 ticks" in explain(_net(6))


def test_many_delays_are_pieces_that_short_rows_group():
    net = _net(1)
    net.connect("a", "a", OneToOne(), weight=lambda rng, k: rng.random(k), delay_ticks=20)
    net.connect("a", "a", OneToOne(), weight=lambda rng, k: rng.random(k), delay_ticks=1)
    text = explain(net)
    assert "delays 1..20 ticks: 1 piece per row, 32 delays each" in text
    assert "sums of 32 ticks are kept" in text


def test_own_weights_say_how_many_bits_they_have():
    net = _net(1)
    net.connect("a", "a", OneToOne(), weight=lambda rng, k: rng.random(k))
    assert "own weights of 18 bits packed with the target, 4 bytes per synapse" in explain(net)
    assert "own float32 weights, 8 bytes per synapse" in explain(net, dtype="float64")


def test_what_is_explained_is_what_runs():
    for dtype in ("float32", "float64"):
        head = explain(_net(2), dtype=dtype).split("\n")[0]
        assert simulate(_net(2), {}, 1, dtype=dtype).meta["kernel"] in head


def test_threads_and_blocks_are_named():
    assert "2 threads, 2 blocks" in explain(_net(1), threads=2)
    assert "1 thread, 3 blocks" in explain(_net(1), blocks=3)
    assert "2 threads, 2 blocks" in explain(_net(1), threads=4, blocks=2)
