# SPDX-License-Identifier: Apache-2.0
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.sim import Simulator
from spikesim.sim.parallel.threads import Threads
from spikesim.sim.run.tick_program import call


def alone_after(*windows):
    """How many windows run on one thread after each that was judged."""
    threads, counts = Threads(2), []
    for share in windows:
        threads.judge(share, 1.0)
        counts.append(0)
        while threads._alone:
            threads._alone -= 1
            counts[-1] += 1
    return counts


def test_a_taken_core_is_tried_again_ever_later_and_a_free_one_forgets():
    assert alone_after(0.5, 0.5, 0.5, 0.9, 0.5) == [1, 2, 4, 0, 1]
    assert alone_after(*[0.1] * 8)[-3:] == [16, 16, 16]


def test_a_short_window_says_nothing():
    threads = Threads(2)
    threads.judge(0.0, 0.01)
    assert threads._alone == 0


def test_the_step_loop_is_loaded_before_a_window_is_judged(monkeypatch):
    # Else the thread that waits for the load looks as if its core were taken.
    called = []

    def call_and_tell(start, ticks, *rest):
        called.append(ticks)
        call(start, ticks, *rest)

    monkeypatch.setattr("spikesim.sim.parallel.threads.call", call_and_tell)
    net = Network(dt=1e-3)
    net.add_population("out", 4, LIF(beta=0.9))
    Simulator(net, threads=2).run({}, 300)
    assert called[0] == 0
    assert all(ticks > 0 for ticks in called[1:])
