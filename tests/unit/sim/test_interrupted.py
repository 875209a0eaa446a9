# SPDX-License-Identifier: Apache-2.0
"""Runs that are cut off, by the user or by a full disk: nothing that was recorded is lost."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, FixedProbability, Network
from spikesim.neurons import LIFDelta
from spikesim.recording import Recording
from spikesim.sim import Poisson, Simulator

STEPS = 100_000
RECORD = ("spikes", "E.v")
DRIVE = {"in": Poisson(40.0)}


def network(n=60):
    """Plastic, recurrent, with delays: everything that a checkpoint has to hold."""
    net = Network(dt=1e-3, seed=1, name="small")
    net.add_input("in", 20)
    net.add_population("E", n, LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=1.0, v_reset=0.0))
    net.connect("in", "E", AllToAll(), weight=0.12, plasticity=PairSTDP(w_max=0.3), name="learn")
    net.connect("E", "E", FixedProbability(0.2), weight=0.01, delay=3e-3)
    return net


def _process(body):
    """Run a script in another process, with this module's network and a session's names."""
    head = f"""
        import resource, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_interrupted import DRIVE, RECORD, STEPS, network
        from spikesim.sim import Simulator
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _equal_from(whole, part, start, stop):
    """Whether a recording of start <= tick < stop is that part of the whole."""
    spikes, got = whole.spikes["E"], part.spikes["E"]
    inside = (spikes.ticks >= start) & (spikes.ticks < stop)
    assert inside.sum() > 100
    assert np.array_equal(spikes.ticks[inside], got.ticks)
    assert np.array_equal(spikes.index[inside], got.index)
    assert np.array_equal(whole.trace("E.v")[start:stop], part.trace("E.v"))


def test_an_interrupt_keeps_the_recording_and_a_checkpoint_to_go_on_from(tmp_path):
    pytest.importorskip("h5py")
    process = _process(f"""
        def told(done, steps):
            if done > 500:
                print(done, flush=True)
        run = Simulator(network()).run(
            DRIVE, 10**9, seed=5, record=RECORD, to={str(tmp_path / "run.h5")!r},
            checkpoint={str(tmp_path / "c")!r}, progress=told,
        )
        print("end", run.steps, run.complete)
    """)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    stopped = int(out.split("end ")[1].split()[0])
    assert out.endswith(f"end {stopped} False\n")
    steps = stopped + 700
    whole = Simulator(network()).run(DRIVE, steps, seed=5, record=RECORD)
    first = Recording.open(tmp_path / "run.h5")
    assert (stopped, False) == (first.steps, first.complete)
    _equal_from(whole, first, 0, stopped)
    rest = Simulator(network()).run(DRIVE, steps, seed=5, record=RECORD, resume=tmp_path / "c")
    _equal_from(whole, rest, stopped, steps)


def test_a_second_interrupt_leaves_at_once_with_the_file_closed(tmp_path):
    pytest.importorskip("h5py")
    process = _process(f"""
        import os, signal
        def told(done, steps):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        Simulator(network()).run(DRIVE, STEPS, to={str(tmp_path / "run.h5")!r}, progress=told)
    """)
    _, err = process.communicate(timeout=60)
    assert err.rstrip().endswith("KeyboardInterrupt")
    got = Recording.open(tmp_path / "run.h5")
    assert (False, "KeyboardInterrupt: ") == (got.complete, got.meta["stopped_by"])
    assert got.steps > 0


def test_a_full_disk_keeps_what_was_recorded_before(tmp_path):
    pytest.importorskip("h5py")
    process = _process(f"""
        simulator = Simulator(network(2000))
        simulator.run(DRIVE, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))
        simulator.run(DRIVE, STEPS, seed=5, record=RECORD, to={str(tmp_path / "run.h5")!r})
    """)
    _, err = process.communicate(timeout=60)
    # An exit by an error, not by a signal: HDF5 dies with the process when a write fails.
    assert process.returncode == 1, err
    message = err[err.index("recording '") :]
    for part in ("run.h5", "expected room for", "File too large", "free space"):
        assert part in message
    got = Recording.open(tmp_path / "run.h5")
    assert got.steps > 50
    assert "expected room" in got.meta["stopped_by"]
    whole = Simulator(network(2000)).run(DRIVE, got.steps, seed=5, record=RECORD)
    assert whole.same_spikes(got)
    assert np.array_equal(whole.trace("E.v"), got.trace("E.v"))


def test_a_checkpoint_that_cannot_be_written_costs_neither_the_run_nor_the_one_before(tmp_path):
    path = tmp_path / "c"
    Simulator(network()).run(DRIVE, 200, seed=5, checkpoint=path)
    before = path.read_bytes()
    process = _process(f"""
        simulator = Simulator(network())
        simulator.run(DRIVE, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
        run = simulator.run(DRIVE, 300, seed=5, checkpoint={str(path)!r}, checkpoint_every=100)
        print(run.complete, len(run.spikes["E"]), run.meta["checkpoint_error"])
    """)
    out, err = process.communicate(timeout=60)
    assert out.startswith("True"), err
    assert "not written at tick 300" in out
    assert "the run goes on" in err
    assert before == path.read_bytes()
    assert ["c"] == [file.name for file in tmp_path.iterdir()]


def test_a_resumed_run_replaces_no_recording(tmp_path):
    pytest.importorskip("h5py")
    path = tmp_path / "run.h5"
    simulator = Simulator(network())
    first = simulator.run(DRIVE, 100, seed=5, to=path, checkpoint=tmp_path / "c")
    with pytest.raises(
        ValidationError, match=r"new file for the ticks from 100 on, .*another name"
    ):
        simulator.run(DRIVE, 200, seed=5, to=path, resume=tmp_path / "c")
    assert first.same_spikes(Recording.open(path))


def test_a_checkpoint_of_another_network_replaces_no_recording(tmp_path):
    pytest.importorskip("h5py")
    path = tmp_path / "run.h5"
    kept = Simulator(network()).run(DRIVE, 50, to=path, checkpoint=tmp_path / "c")
    with pytest.raises(ValidationError, match=r"expected the network 'small' as it was saved"):
        Simulator(network(61)).run(DRIVE, 100, to=path, resume=tmp_path / "c")
    assert kept.same_spikes(Recording.open(path))


@pytest.mark.parametrize("keep", [0, 100, 5_000])
def test_a_truncated_recording_is_named_as_such(tmp_path, keep):
    pytest.importorskip("h5py")
    path = tmp_path / "run.h5"
    Simulator(network()).run(DRIVE, 500, record=RECORD, to=path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValidationError, match=r"run.h5.*(truncated|got another format)"):
        Recording.open(path)


@pytest.mark.parametrize("to", [None, "run.h5"])
def test_after_an_error_in_a_callback_the_session_gives_what_was_recorded(tmp_path, to):
    pytest.importorskip("h5py")

    def fail(done, steps):
        if done > 500:
            raise RuntimeError("the user's callback")

    place = None if to is None else tmp_path / to
    session = Simulator(network()).start(DRIVE, STEPS, seed=5, record=RECORD, to=place)
    with pytest.raises(RuntimeError, match="the user's callback"):
        session.advance(STEPS, progress=fail)
    got = session.finish()
    assert (False, session.tick) == (got.complete, got.steps)
    whole = Simulator(network()).run(DRIVE, got.steps, seed=5, record=RECORD)
    _equal_from(whole, got, 0, got.steps)
