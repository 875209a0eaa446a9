# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys
import time

import pytest

from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Recording
from spikesim.sim import Poisson
from spikesim.sim import simulate as run

pytest.importorskip("h5py")


@pytest.fixture
def path(tmp_path):
    net = Network(dt=1e-3, seed=3, name="pair")
    net.add_input("in", 20)
    net.add_population("e", 20, LIF(beta=0.9, alpha=0.5))
    net.add_population("i", 5, LIF(beta=0.8))
    net.connect("in", "e", [[0.3] * 20] * 20, delay_ticks=2)
    net.connect("e", "i", [[0.3] * 5] * 20, delay_ticks=3)
    net.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def _alone(path):
    return run(Network.load(path), {"in": Poisson(100.0)}, 200, seed=4, record=("spikes", "i.v"))


def test_it_runs_a_saved_network_and_keeps_what_is_asked_for(spikesim, path, tmp_path):
    call = spikesim(
        "simulate", path, "--seconds", "0.2", "--poisson", "in=100Hz", "--seed", 4, "--json",
        "--to", tmp_path / "run.h5", "--record", "spikes", "--record", "i.v",
    )  # fmt: skip
    assert 0 == call.code
    alone = _alone(path)
    kept = Recording.open(tmp_path / "run.h5")
    assert alone.same_spikes(kept)
    assert alone.trace("i.v").tobytes() == kept.trace("i.v")[:].tobytes()
    assert len(alone.spikes["i"]) == call.document["populations"]["i"]["spikes"] > 0
    assert alone.meta["events"] == call.document["events"]


def test_a_recording_that_exists_is_kept_unless_told_otherwise(spikesim, path, tmp_path):
    options = ("simulate", path, "--seconds", "0.05", "--to", tmp_path / "run.h5")
    assert 0 == spikesim(*options).code
    before = (tmp_path / "run.h5").read_bytes()
    for ranks in (1, 2):
        call = spikesim(*options, "--ranks", ranks, "--seed", 9)
        assert 2 == call.code
        assert "--overwrite" in call.err
        assert before == (tmp_path / "run.h5").read_bytes()
    assert 0 == spikesim(*options, "--overwrite").code


def test_a_log_says_how_far_the_run_is(spikesim, path):
    assert "simulated 50 of 50 ticks" in spikesim("simulate", path, "--seconds", "0.05").err


def test_people_get_a_table_of_rates(spikesim, path):
    call = spikesim("simulate", path, "--seconds", "0.2", "--poisson", "in=100")
    assert 0 == call.code
    assert "Hz" in call.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--poisson", "in=often"], "NAME=RATE"),
        (["--poisson", "out=5Hz"], "expected names among"),
        (["--record", "nobody.v"], "nobody.v"),
        (["--seconds", "0.0005"], "--seconds"),
        (["--to", "/no/such/folder/run.h5"], "does not exist"),
        (["--threads", "1000"], "at most"),
        (["--ranks", "100000"], "processes on this machine"),
        (["--seed", "99999999999999999999999"], "9223372036854775807"),
        (["--seed", "-1"], "expected 0 to 9223372036854775807"),
    ],
)
def test_bad_options_are_refused_by_name(spikesim, path, options, message):
    call = spikesim("simulate", path, "--seconds", "0.2", *options)
    assert 2 == call.code
    assert message in call.err


@pytest.mark.parametrize("ranks", [2, 3])
def test_several_processes_give_the_same_spikes(spikesim, path, tmp_path, ranks):
    pytest.importorskip("mpi4py")
    call = spikesim(
        "simulate", path, "--seconds", "0.2", "--poisson", "in=100Hz", "--seed", 4, "--json",
        "--to", tmp_path / "run.h5", "--record", "spikes", "--record", "i.v", "--ranks", ranks,
    )  # fmt: skip
    assert 0 == call.code, call.err
    alone = _alone(path)
    kept = Recording.open(tmp_path / "run.h5")
    assert alone.same_spikes(kept)
    assert alone.trace("i.v").tobytes() == kept.trace("i.v")[:].tobytes()
    assert ranks == call.document["ranks"]


def test_an_error_in_the_processes_is_said_once(spikesim, path):
    pytest.importorskip("mpi4py")
    call = spikesim("simulate", path, "--seconds", "0.2", "--poisson", "out=5Hz", "--ranks", 2)
    assert 2 == call.code
    assert 1 == call.err.count("expected names among")


def test_what_is_read_is_never_replaced(spikesim, path):
    before = path.read_bytes()
    for command in (
        ("simulate", path, "--seconds", "0.05", "--to", path),
        ("compile", path, "-o", path.parent / "." / "net.npz"),
    ):
        call = spikesim(*command, "--overwrite")
        assert 2 == call.code
        assert "another file than the one that is read" in call.err
        assert before == path.read_bytes()


def test_spikes_of_a_part_are_counted_for_its_neurons(spikesim, path):
    call = spikesim(
        "simulate", path, "--seconds", "0.2", "--poisson", "in=100Hz", "--seed", 4, "--json",
        "--record", "e[:5].spikes",
    )  # fmt: skip
    assert 0 == call.code
    found = call.document["populations"]["e[:5]"]
    spikes = int(_alone(path).counts("e[:5]").sum())
    assert (5, spikes, spikes / 5 / 0.2) == (found["neurons"], found["spikes"], found["rate_hz"])
    assert spikes > 0


def test_an_input_gets_one_rate(spikesim, path):
    call = spikesim(
        "simulate", path, "--seconds", "0.05", "--poisson", "in=10Hz", "--poisson", "in=20"
    )
    assert 2 == call.code
    assert "expected one rate for 'in'" in call.err


def test_an_interrupt_ends_all_processes_and_keeps_what_was_recorded(path, tmp_path):
    pytest.importorskip("mpi4py")
    command = [sys.executable, "-m", "spikesim.cli.main", "simulate", path, "--seconds", "100000",
               "--ranks", "2", "--poisson", "in=100Hz", "--to", tmp_path / "run.h5"]  # fmt: skip
    started = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        _wait_for(tmp_path / "run.h5")
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)
    finally:
        started.kill()
    assert 130 == started.returncode, said
    assert "interrupted" in said
    kept = Recording.open(tmp_path / "run.h5")
    assert not kept.complete
    assert len(kept.spikes["e"]) > 0


def _wait_for(path):
    """Until the file holds some windows; on a busy machine the compiler takes its minutes first."""
    for _ in range(2400):
        if path.exists() and path.stat().st_size > 50_000:
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} was not written")
