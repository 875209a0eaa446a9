# SPDX-License-Identifier: Apache-2.0
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import FixedProbability, Network
from spikesim.neurons import LIF
from spikesim.sim import Poisson, Simulator


def _simulator(**options):
    net = Network(dt=1e-3, seed=1)
    net.add_input("in", 20)
    net.add_population("e", 30, LIF(beta=0.9, v_th=1.0))
    net.connect("in", "e", FixedProbability(0.5), weight=0.3)
    net.connect("e", "e", FixedProbability(0.2), weight=0.1, delay=2e-3)
    return Simulator(net, **options)


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_trials_are_the_runs_one_by_one(jobs, threads):
    simulator = _simulator(threads=threads)
    images = [{"in": Poisson(rate)} for rate in (50.0, 100.0, 0.0, 200.0)]
    got = simulator.trials(images, 100, jobs=jobs, record=("spikes", "e.v"))
    for k, (inputs, recording) in enumerate(zip(images, got, strict=True)):
        alone = simulator.run(inputs, 100, seed=k, record=("spikes", "e.v"))
        assert alone.same_spikes(recording)
        assert np.array_equal(alone.trace("e.v"), recording.trace("e.v"))
    assert len(got[3].spikes["e"]) > len(got[0].spikes["e"]) > len(got[2].spikes["e"]) == 0


@pytest.mark.parametrize("jobs", [1, 3])
def test_progress_counts_trials(jobs):
    seen = []
    _simulator().trials(
        {}, 20, seeds=range(5), jobs=jobs, progress=lambda done, all_: seen.append((done, all_))
    )
    assert [(k, 5) for k in range(1, 6)] == sorted(seen)


def test_seeds_make_trials_of_one_input():
    simulator = _simulator()
    got = simulator.trials({"in": Poisson(100.0)}, 100, seeds=[4, 5, 4])
    assert got[0].same_spikes(got[2])
    assert not got[0].same_spikes(got[1])


def test_trials_without_a_number_or_with_another_number_of_seeds_are_refused():
    simulator = _simulator()
    with pytest.raises(ValidationError, match="seeds="):
        simulator.trials({"in": Poisson(1.0)}, 10)
    with pytest.raises(ValidationError, match="one seed for each of 2 inputs, got 1"):
        simulator.trials([{}, {}], 10, seeds=[1])
    with pytest.raises(ValidationError, match="jobs as an integer"):
        simulator.trials([{}], 10, jobs=0)
    with pytest.raises(ValidationError, match="'other'"):
        simulator.trials([{}, {"other": [[1]]}], 10, jobs=2)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("signals", [1, 2])
def test_an_interrupt_stops_all_trials_and_tells_which_are_complete(jobs, signals):
    script = textwrap.dedent(f"""
        import logging, sys
        logging.basicConfig(format="%(message)s")
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_trials import Poisson, _simulator
        simulator = _simulator()
        steps = 10**9
        short = simulator.trials([{{}}], 10)
        print("begin", flush=True)
        got = simulator.trials({{"in": Poisson(50.0)}}, steps, seeds=range(40), jobs={jobs})
        print("end", [one.complete for one in got], all(0 < one.steps < steps for one in got))
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert "begin\n" == process.stdout.readline()
    time.sleep(2)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    out, err = process.communicate(timeout=60)
    if signals == 1:
        assert process.returncode == 0, err
        assert f"end {[False] * jobs} True\n" == out
        assert "of 40 trials these are complete: none; cut off: " + str(list(range(jobs))) in err
    else:
        assert process.returncode != 0 or "cut off" in err


def test_trials_that_were_through_come_back_whole_with_those_that_were_cut_off(monkeypatch, caplog):
    simulator = _simulator()
    inputs = [{"in": Poisson(50.0)}] * 6
    whole = simulator.trials(inputs, 100)
    begun = []
    start = simulator.start

    def counted(*args, **options):
        begun.append(1)
        if len(begun) == 3:
            signal.raise_signal(signal.SIGINT)
        return start(*args, **options)

    monkeypatch.setattr(simulator, "start", counted)
    got = simulator.trials(inputs, 100)
    assert [True, True, False] == [one.complete for one in got]
    assert all(a.same_spikes(b) for a, b in zip(whole[:2], got[:2], strict=True))
    assert "of 6 trials these are complete: [0, 1]; cut off: [2]" in caplog.text
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_trial_that_fails_stops_the_others():
    simulator = _simulator()
    inputs = [{"other": [[1]]}] + [{"in": Poisson(50.0)}] * 3
    began = time.monotonic()
    with pytest.raises(ValidationError, match="'other'"):
        simulator.trials(inputs, 10**8, jobs=2)
    assert time.monotonic() - began < 30
