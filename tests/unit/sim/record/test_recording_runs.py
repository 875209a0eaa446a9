# SPDX-License-Identifier: Apache-2.0
"""What the engine records, asked for in different ways."""

import numpy as np
import pytest

from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Rate, Recording, Trace
from spikesim.sim import Poisson, simulate

STEPS = 333


@pytest.fixture(scope="module")
def net():
    net = Network(dt=1e-3, seed=3)
    net.add_input("in", 20)
    net.add_population("E", 15, LIF(beta=0.9, alpha=0.5))
    net.add_population("I", 5, LIF(beta=0.8))
    rng = np.random.default_rng(1)
    net.connect("in", "E", rng.random((20, 15)) * 0.5)
    net.connect("E", "I", rng.random((15, 5)) * 0.5)
    return net


def _run(net, record, **options):
    return simulate(net, {"in": Poisson(60.0)}, STEPS, record=record, seed=2, **options)


@pytest.fixture(scope="module")
def whole(net):
    return _run(net, ("spikes", "E.v", "E.i", "I.v"))


def test_a_subset_at_intervals_is_a_part_of_the_whole(net, whole):
    part = _run(net, (Trace("E.v", neurons=[7, 2], every=10), Trace("E.i", every=7), "I.spikes"))
    assert np.array_equal(whole.trace("E.v")[::10, [7, 2]], part.trace("E.v"))
    assert np.array_equal(whole.trace("E.i")[::7], part.trace("E.i"))
    assert [7, 2] == part.columns("E.v").tolist()
    assert np.allclose(np.arange(0, STEPS, 10) * 1e-3, part.trace_times("E.v"))
    assert {"I": whole.spikes["I"]} == part.spikes


def test_a_rate_needs_no_spikes(net, whole):
    rate = _run(net, Rate("E", bin=20e-3))
    assert whole.counts("E").sum() > 50
    bins = whole.raster("E")[:320].reshape(16, -1).sum(axis=1)
    assert np.allclose(bins / (15 * 0.02), rate.trace("E.rate")[:, 0], rtol=1e-12)
    assert {} == rate.spikes


def test_a_file_holds_the_same_as_memory(net, whole, tmp_path):
    pytest.importorskip("h5py")
    streamed = _run(net, ("spikes", "E.v", "E.i", "I.v"), to=tmp_path / "run.h5")
    for got in (streamed, Recording.open(tmp_path / "run.h5")):
        assert whole.same_spikes(got)
        for name in whole.traces:
            assert np.array_equal(whole.trace(name), got.trace(name))
        assert (whole.meta, True) == (got.meta, got.complete)
