# SPDX-License-Identifier: Apache-2.0
from spikesim.core import LIF
from spikesim.network import AllToAll, Network
from spikesim.sim import explain, simulate


def _net(delay):
    net = Network(dt=1e-3)
    net.add_population("a", 3, LIF(beta=0.9))
    net.connect("a", "a", AllToAll(), weight=0.1, delay_ticks=delay)
    return net


def test_the_reason_names_the_longest_delay():
    assert "no delay ring" in explain(_net(1))
    assert "delay ring of 6 slots" in explain(_net(6))
    assert "longest delay is 6 ticks" in explain(_net(6))


def test_what_is_explained_is_what_runs():
    for delay in (1, 2):
        assert simulate(_net(delay), {}, 1).meta["kernel"] in explain(_net(delay)).split("\n")[0]


def test_a_thread_limit_that_is_not_used_is_not_hidden():
    assert "1 used of 4 allowed" in explain(_net(1), threads=4)
