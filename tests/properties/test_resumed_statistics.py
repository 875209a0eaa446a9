# SPDX-License-Identifier: Apache-2.0
"""A run cut in two by a checkpoint gives the statistics of the same ticks of one run."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spikesim import analysis
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.learning import PairSTDP
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Recording
from spikesim.sim import Poisson, Rate, Simulator, Trace, Weights

STEPS, DT, N, SEED, BIN = 300, 1e-3, 8, 3, 0.02
RECORD = ("spikes", "I.v", Trace("E.v", neurons=[5, 1], every=7), Rate("E", BIN),
          Weights("learned", every=9))  # fmt: skip
# Elephant's own use of quantities.
pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")


@pytest.fixture(scope="module")
def simulator():
    net = Network(dt=DT, seed=1)
    net.add_input("in", 10)
    net.add_population("E", N, LIF(beta=0.9))
    net.add_population("I", 3, LIF(beta=0.8))
    rng = np.random.default_rng(4)
    net.connect("in", "E", 0.6 * rng.random((10, N)))
    net.connect("E", "I", 0.6 * rng.random((N, 3)), name="learned", plasticity=PairSTDP(w_max=1.0))
    return Simulator(net)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("resumed")


@pytest.fixture(scope="module")
def whole(simulator, folder):
    return simulator.run(
        {"in": Poisson(80.0)}, STEPS, seed=SEED, record=RECORD, to=folder / "whole.h5"
    )


def _by_definition(raster):
    """Statistics of a raster, without any notion of where it began."""
    steps, width = len(raster), round(BIN / DT)
    k = steps // width
    counts = raster[: k * width].reshape(k, width, -1).sum(axis=1).T
    gaps = [np.diff(np.flatnonzero(column)) * DT for column in raster.T]
    return {
        "rates": raster.sum(axis=0) / (steps * DT),
        "counts": counts,
        "population": counts.sum(axis=0) / (raster.shape[1] * BIN),
        "intervals": np.concatenate(gaps),
    }


def _statistics(trains: SpikeTrains):
    return {
        "rates": analysis.mean_rates(trains, DT),
        "counts": analysis.spike_counts(trains, DT, BIN),
        "population": analysis.population_rate(trains, DT, BIN)[1],
        "intervals": analysis.intervals(trains, DT)[0],
    }


def _others(trains: SpikeTrains):
    return [
        analysis.population_rate(trains, DT, BIN)[0],
        analysis.fano_factor(trains, DT, BIN),
        analysis.pairwise_correlation(trains, DT, BIN),
        analysis.cv(trains),
        analysis.cv2(trains),
        analysis.power_spectrum(trains, DT, DT, segment_s=10 * DT)[1],
    ]


@settings(max_examples=6, deadline=None)
@given(cut=st.integers(1, STEPS - 21))
@example(cut=200)
@example(cut=STEPS - 20)  # one bin is left
def test_statistics_after_a_checkpoint_are_those_of_the_slice(simulator, folder, whole, cut):
    inputs, options = {"in": Poisson(80.0)}, {"seed": SEED, "record": RECORD}
    half, rest_file = folder / f"{cut}.checkpoint", folder / f"{cut}.h5"
    rest_file.unlink(missing_ok=True)
    simulator.run(inputs, cut, checkpoint=half, **options)
    rest = simulator.run(inputs, STEPS, resume=half, **options)
    simulator.run(inputs, STEPS, resume=half, to=rest_file, **options)
    rest.save(folder / "rest.npz")
    in_four_ways = (
        rest,
        Recording.open(rest_file),
        Recording.load(folder / "rest.npz"),
        Recording.open(folder / "whole.h5", start=cut),
    )
    for got in in_four_ways:
        assert (cut, STEPS - cut, STEPS) == (got.start, got.steps, got.stop)
        for name, trains in whole.spikes.items():
            assert trains.window(cut, STEPS) == got.spikes[name]
            assert np.array_equal(trains.raster()[cut:], got.raster(name))
        for name in whole.traces:
            times = whole.trace_times(name)
            kept = times >= cut * DT
            assert np.array_equal(times[kept], got.trace_times(name))
            assert np.array_equal(whole.trace(name)[kept], got.trace(name))
    expected = _by_definition(whole.raster("E")[cut:])
    found = _statistics(rest.spikes["E"])
    for name, values in expected.items():
        # Sums of at most 10 terms of size 1, divided: a few roundings.
        assert np.allclose(values, found[name], rtol=1e-12), name
    sliced = whole.spikes["E"].window(cut, STEPS)
    for one, two in zip(_others(sliced), _others(rest.spikes["E"]), strict=True):
        assert np.array_equal(one, two, equal_nan=True)


@pytest.fixture(scope="module")
def rest(simulator, folder, whole):
    inputs = {"in": Poisson(80.0)}
    simulator.run(inputs, 130, seed=SEED, checkpoint=folder / "half")
    return simulator.run(inputs, STEPS, seed=SEED, record=RECORD, resume=folder / "half")


def test_pandas_gets_the_times_of_the_run(whole, rest):
    pytest.importorskip("pandas")
    spikes = whole.to_pandas()
    late = spikes[spikes["time"] >= 130 * DT].reset_index(drop=True)
    assert late.equals(rest.to_pandas())
    for name in ("I.v", "E.v", "E.rate", "learned.w"):
        trace = whole.to_pandas(name)
        assert trace[trace.index >= 130 * DT].equals(rest.to_pandas(name))


def test_neo_and_elephant_get_the_window(whole, rest):
    pytest.importorskip("neo")
    statistics = pytest.importorskip("elephant.statistics")
    segment = rest.to_neo().segments[0]
    for train in segment.spiketrains:
        assert (130 * DT, STEPS * DT) == (
            float(train.t_start.rescale("s")), float(train.t_stop.rescale("s"))
        )  # fmt: skip
    rates = [float(statistics.mean_firing_rate(t).rescale("Hz")) for t in segment.spiketrains[:N]]
    assert np.allclose(whole.raster("E")[130:].mean(axis=0) / DT, rates, rtol=1e-9)
    signals = {signal.name: signal for signal in segment.analogsignals}
    for name, first in (("I.v", 130), ("E.v", 133), ("E.rate", 140), ("learned.w", 135)):
        assert first * DT == pytest.approx(float(signals[name].t_start.rescale("s")), rel=1e-12)


def test_independent_trains_stay_uncorrelated_after_a_checkpoint():
    raster = np.random.default_rng(0).random((40_000, 30)) < 0.02
    late = SpikeTrains.from_raster(raster).window(20_000, 40_000)
    pairs = analysis.pairwise_correlation(late, DT, 0.1)[np.triu_indices(30, 1)]
    # 435 pairs of 200 bins: the mean has a standard error of 1 / sqrt(200 * 435) = 0.0034.
    assert abs(pairs.mean()) < 4 * 0.0034
    assert 20.0 == pytest.approx(analysis.mean_rates(late, DT).mean(), rel=0.05)


def test_a_run_cut_off_covers_what_was_run(simulator):
    session = simulator.start({"in": Poisson(80.0)}, STEPS, seed=SEED)
    session.advance(100)
    got = session.finish()
    assert ((0, 100), False) == ((got.start, got.steps), got.complete)
    spikes = got.counts("E").sum()
    assert spikes / (N * 0.1) == pytest.approx(analysis.mean_rates(got.spikes["E"], DT).mean())


def test_a_pause_is_silence_that_counts(simulator):
    session = simulator.start(
        {"in": Poisson(80.0)}, STEPS, seed=SEED, record=("spikes", Rate("E", 0.05))
    )
    session.advance(100)
    session.pause(30)
    session.pause(20)
    session.advance(50)
    got = session.finish()
    assert (200, 50) == (got.steps, got.meta["paused_ticks"])
    assert not got.raster("E")[100:150].any()
    assert got.counts("E").sum() / (N * 0.2) == pytest.approx(
        analysis.mean_rates(got.spikes["E"], DT).mean(), rel=1e-12
    )
    expected = got.raster("E").reshape(4, -1).sum(axis=1) / (N * 0.05)
    assert np.allclose(expected, got.trace("E.rate")[:, 0], rtol=1e-12)
    assert 0.0 == got.trace("E.rate")[2, 0]


def test_an_empty_window_is_refused_where_time_divides_and_empty_elsewhere(simulator, folder):
    simulator.run({"in": Poisson(80.0)}, 50, seed=SEED, checkpoint=folder / "end")
    got = simulator.run(
        {"in": Poisson(80.0)}, 50, seed=SEED, record=("spikes", "E.v"), resume=folder / "end"
    )
    assert ((50, 0, 50), (0, N)) == ((got.start, got.steps, got.stop), got.raster("E").shape)
    assert ((0,), (0, N)) == (got.trace_times("E.v").shape, got.trace("E.v").shape)
    trains = got.spikes["E"]
    for statistic in (
        lambda: analysis.mean_rates(trains, DT),
        lambda: analysis.population_rate(trains, DT, BIN),
        lambda: analysis.spike_counts(trains, DT, BIN),
        lambda: analysis.power_spectrum(trains, DT, BIN),
    ):
        with pytest.raises(ValidationError, match="at least one tick"):
            statistic()
    assert np.isnan(analysis.cv(trains)).all()
    assert 0 == analysis.intervals(trains, DT)[0].size
    pytest.importorskip("neo")
    train = got.to_neo().segments[0].spiketrains[0]
    assert float(train.t_start) == float(train.t_stop) == 50 * DT
