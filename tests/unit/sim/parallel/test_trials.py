# SPDX-License-Identifier: Apache-2.0
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
