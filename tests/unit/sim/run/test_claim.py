# SPDX-License-Identifier: Apache-2.0
"""A session is used by one thread at a time, and never from a state that is half done."""

import threading

import numpy as np
import pytest

from spikesim.errors import SpikesimError, ValidationError
from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, Network
from spikesim.neurons import LIF
from spikesim.recording import Recording
from spikesim.sim import Poisson, Simulator
from spikesim.sim.record.sink import MemorySink

DRIVE = {"in": Poisson(200.0)}
STEPS = 400
USES = {
    "advance": lambda s: s.advance(1),
    "pause": lambda s: s.pause(1),
    "set_inputs": lambda s: s.set_inputs(DRIVE),
    "weights": lambda s: s.weights("learn"),
    "normalize": lambda s: s.normalize("learn", 1.0),
    "reward": lambda s: s.reward("learn", 1.0),
    "clear": lambda s: s.clear(),
    "save": lambda s: s.save("/dev/null/no"),
    "finish": lambda s: s.finish(),
}


class Gate(MemorySink):
    """Stops at its first window until it is let through, or fails in a later one."""

    def __init__(self, fail_at=None):
        super().__init__()
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.fail_at = fail_at

    def spikes(self, population, ticks, index):
        super().spikes(population, ticks, index)
        self.inside.set()
        if self.fail_at is None:
            assert self.go_on.wait(60)
        elif len(ticks) and ticks[-1] >= self.fail_at:
            raise OSError("the disk is full")


@pytest.fixture(scope="module")
def simulator():
    net = Network(dt=1e-3, seed=1)
    net.add_input("in", 10)
    net.add_population("e", 10, LIF(beta=0.9))
    net.connect("in", "e", AllToAll(), weight=0.3, plasticity=PairSTDP(w_max=0.5), name="learn")
    return Simulator(net)


@pytest.mark.parametrize("use", USES)
def test_a_second_thread_is_refused_and_the_first_goes_on(simulator, use):
    alone = simulator.run(DRIVE, STEPS, seed=1)
    gate = Gate()
    session = simulator.start(DRIVE, STEPS, seed=1, to=gate)
    first = threading.Thread(target=session.advance, args=(STEPS,))
    first.start()
    assert gate.inside.wait(60)
    with pytest.raises(SpikesimError, match=rf"one thread at a time, got {use}\(\)"):
        USES[use](session)
    gate.go_on.set()
    first.join(60)
    assert session.tick == STEPS
    assert alone.same_spikes(session.finish())


def test_a_session_may_change_its_thread_between_two_calls(simulator):
    session = simulator.start(DRIVE, STEPS, seed=1)
    for _ in range(2):
        thread = threading.Thread(target=session.advance, args=(STEPS // 2,))
        thread.start()
        thread.join(60)
    assert simulator.run(DRIVE, STEPS, seed=1).same_spikes(session.finish())


def test_a_progress_function_may_look_at_its_own_session(simulator):
    session, seen = simulator.start(DRIVE, STEPS, seed=1), []
    session.advance(STEPS, progress=lambda done, steps: seen.append(session.weights("learn").nnz))
    assert seen
    assert {100} == set(seen)


@pytest.mark.parametrize("use", [use for use in USES if use not in ("finish",)])
def test_a_session_whose_window_failed_is_not_gone_on_with(simulator, use):
    session = simulator.start(DRIVE, STEPS, seed=1, to=Gate(fail_at=200))
    with pytest.raises(OSError, match="the disk is full"):
        session.advance(STEPS)
    with pytest.raises(SpikesimError, match=r"between two ticks, got one that OSError \(the disk"):
        USES[use](session)


def test_a_session_whose_progress_function_failed_can_be_saved_but_not_recorded(
    simulator, tmp_path
):
    def fail(done, steps):
        if done >= 100:
            raise RuntimeError("mine")

    session = simulator.start(DRIVE, STEPS, seed=1)
    with pytest.raises(RuntimeError, match="mine"):
        session.advance(STEPS, progress=fail)
    for use in ("advance", "pause"):
        with pytest.raises(SpikesimError, match=r"one that RuntimeError \(mine\) closed"):
            USES[use](session)
    session.save(tmp_path / "c")
    rest = simulator.run(DRIVE, STEPS, seed=1, resume=tmp_path / "c").spikes["e"]
    whole = simulator.run(DRIVE, STEPS, seed=1).spikes["e"]
    assert np.array_equal(whole.ticks[whole.ticks >= session.tick], rest.ticks)
    assert not session.finish().complete


@pytest.mark.parametrize("file", [True, False])
def test_a_finished_session_is_looked_at_and_saved_but_not_advanced(simulator, tmp_path, file):
    to = tmp_path / "run.h5" if file else None
    session = simulator.start(DRIVE, STEPS, seed=1, to=to)
    session.advance(100)
    first = session.finish()
    assert (100, False) == (first.steps, first.complete)
    for use in ("advance", "pause"):
        with pytest.raises(SpikesimError, match=r"one that finish\(\) closed"):
            USES[use](session)
    assert 100 == session.weights("learn").nnz
    session.save(tmp_path / "c")
    assert first.same_spikes(session.finish())
    if file:
        assert first.same_spikes(Recording.open(to))


def test_a_refused_argument_closes_nothing(simulator):
    session = simulator.start(DRIVE, STEPS, seed=1)
    with pytest.raises(ValidationError, match="further ticks"):
        session.advance(STEPS + 1)
    session.advance(STEPS)
    assert session.finish().complete
