# SPDX-License-Identifier: Apache-2.0
"""Statistics against Elephant on the same trains, and against what is known in closed form."""

import numpy as np
import pytest

from spikesim.analysis import (
    cv,
    cv2,
    fano_factor,
    intervals,
    mean_cv,
    mean_rates,
    pairwise_correlation,
    population_rate,
    power_spectrum,
    spike_counts,
)
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.recording import Recording

# Elephant's own use of quantities.
pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")

DT, STEPS, N = 1e-3, 4000, 12
# Same formula, other order of sums.
ROUNDING = 1e-9


@pytest.fixture(scope="module")
def trains():
    """Rates from 0 to 60 Hz: neurons without, with one, and with many spikes; a common input."""
    rng = np.random.default_rng(5)
    raster = rng.random((STEPS, N)) < np.linspace(0.0, 0.06, N)
    raster[:, 4:] |= rng.random((STEPS, 1)) < 0.01
    raster[:, 1] = False
    raster[7, 1] = True
    return SpikeTrains.from_raster(raster)


@pytest.fixture(scope="module")
def neo_trains(trains):
    pytest.importorskip("neo")
    block = Recording({"E": trains}, {}, STEPS, DT, "float").to_neo()
    return list(block.segments[0].spiketrains)


@pytest.fixture(scope="module")
def statistics():
    return pytest.importorskip("elephant.statistics")


def test_rates_are_those_of_elephant(trains, neo_trains, statistics):
    expected = [float(statistics.mean_firing_rate(t).rescale("Hz")) for t in neo_trains]
    assert np.allclose(expected, mean_rates(trains, DT), rtol=ROUNDING)


def test_the_time_histogram_is_that_of_elephant(trains, neo_trains, statistics):
    quantities = pytest.importorskip("quantities")
    expected = statistics.time_histogram(neo_trains, 20 * quantities.ms, output="mean")
    times, rate = population_rate(trains, DT, 0.02)
    assert np.allclose(expected.magnitude[:, 0], rate * 0.02, rtol=ROUNDING)
    assert np.allclose(expected.times.rescale("s").magnitude, times, rtol=ROUNDING)


def test_intervals_are_those_of_elephant(trains, neo_trains, statistics):
    isi, neuron = intervals(trains, DT)
    for k, train in enumerate(neo_trains):
        expected = statistics.isi(train).rescale("s").magnitude
        assert np.allclose(expected, isi[neuron == k], rtol=1e-6)


def test_irregularity_is_that_of_elephant(trains, neo_trains, statistics):
    for k in range(2, N):
        isi = statistics.isi(neo_trains[k])
        assert float(statistics.cv(isi)) == pytest.approx(cv(trains)[k], rel=1e-6)
        assert float(statistics.cv2(isi)) == pytest.approx(cv2(trains)[k], rel=1e-6)


def test_too_few_spikes_have_no_irregularity(trains):
    assert np.isnan(cv(trains)[:2]).all()
    assert np.isnan(cv2(trains)[:2]).all()
    assert not np.isnan(mean_cv(trains))
    assert np.isnan(mean_cv(SpikeTrains.empty(3, 5)))


def test_fano_factor_is_that_of_elephant_over_the_same_windows(trains, statistics, neo_trains):
    quantities = pytest.importorskip("quantities")
    windows = np.arange(0, STEPS, 100)
    got = fano_factor(trains, DT, 0.1)
    for k in range(1, N):
        # Elephant takes the windows as separate trains; half a tick keeps spikes off the edges.
        cut = [
            neo_trains[k].time_slice((w - 0.5) * DT * quantities.s, (w + 99.5) * DT * quantities.s)
            for w in windows
        ]
        assert float(statistics.fanofactor(cut)) == pytest.approx(got[k], rel=1e-9)
    assert np.isnan(got[0])


def test_correlation_is_that_of_elephant(trains, neo_trains):
    pytest.importorskip("elephant")
    quantities = pytest.importorskip("quantities")
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    binned = BinnedSpikeTrain(neo_trains[2:], bin_size=5 * quantities.ms)
    got = pairwise_correlation(trains, DT, 5e-3)
    assert np.allclose(correlation_coefficient(binned), got[2:, 2:], atol=ROUNDING)
    assert np.isnan(got[0]).all()
    assert (got[4:, 4:] > 0.05).all()  # the common input


def test_a_clock_is_regular_and_a_long_poisson_train_is_not():
    clock = SpikeTrains(np.arange(0, 1000, 7), np.zeros(143, np.int32), 1, 1000)
    assert ([0.0], [0.0]) == (cv(clock).tolist(), cv2(clock).tolist())
    raster = np.random.default_rng(1).random((20000, 40)) < 0.02
    poisson = SpikeTrains.from_raster(raster)
    # 400 spikes per neuron: the mean over 40 neurons has a standard error of about 0.008; a
    # Bernoulli process of probability p has CV and Fano factor sqrt(1 - p) and 1 - p.
    assert cv(poisson).mean() == pytest.approx(np.sqrt(0.98), abs=0.03)
    assert fano_factor(poisson, DT, 0.1).mean() == pytest.approx(0.98, abs=0.06)


def test_the_spectrum_has_the_power_of_the_rate_and_its_peak():
    rng = np.random.default_rng(2)
    t = np.arange(20000) * DT
    chance = 0.02 * (1 + 0.8 * np.sin(2 * np.pi * 40 * t))
    trains = SpikeTrains.from_raster(rng.random((20000, 50)) < chance[:, np.newaxis])
    frequency, density = power_spectrum(trains, DT, 1e-3, segment_s=0.5)
    assert 40.0 == frequency[np.argmax(density)]
    _, rate = population_rate(trains, DT, 1e-3)
    # Parseval: up to the windows' weighting of the record's ends, the integral is the variance.
    assert density.sum() * frequency[1] == pytest.approx(rate.var(), rel=0.05)


def test_counts_of_whole_bins_add_up(trains):
    counts = spike_counts(trains, DT, 0.007)
    assert (N, STEPS // 7) == counts.shape
    assert np.array_equal(trains.window(0, STEPS // 7 * 7).counts(), counts.sum(axis=1))


def test_a_spike_behind_the_last_whole_bin_is_in_none():
    trains = SpikeTrains([4, 9, 10], [0, 0, 1], 2, 11)
    assert [[1, 1], [0, 0]] == spike_counts(trains, DT, 5 * DT).tolist()
    assert [100.0, 100.0] == pytest.approx(population_rate(trains, DT, 5 * DT)[1].tolist())


@pytest.mark.parametrize("bin_s", [0.0, -1e-3, 1.5e-3, float("nan"), 5.0])
def test_bins_that_do_not_fit_are_refused(trains, bin_s):
    with pytest.raises(ValidationError, match="bin_s"):
        population_rate(trains, DT, bin_s)


@pytest.mark.parametrize("start", [1, 37, 10**9])
def test_statistics_of_a_later_window_are_the_same_and_their_times_later(trains, start):
    later = trains.shift(start)
    width = 7 * DT  # 4,000 ticks are no whole number of bins
    for of in (mean_rates, lambda t, dt: intervals(t, dt)[0]):
        assert np.array_equal(of(trains, DT), of(later, DT), equal_nan=True)
    for of in (spike_counts, fano_factor, pairwise_correlation):
        assert np.array_equal(of(trains, DT, width), of(later, DT, width), equal_nan=True)
    (times, rates), (later_times, later_rates) = (
        population_rate(t, DT, width) for t in (trains, later)
    )
    assert np.array_equal(rates, later_rates)
    assert np.array_equal((np.arange(times.size) * 7 + start) * DT, later_times)


@pytest.mark.parametrize(
    ("ticks", "expected"), [([3], np.nan), ([3, 9], np.nan), ([3, 5, 9], 1 / 3)]
)
def test_irregularity_takes_two_intervals(ticks, expected):
    """Intervals of 2 and 4: their standard deviation is 1, their mean 3."""
    train = SpikeTrains(ticks, [0] * len(ticks), 1, 10)
    assert cv(train)[0] == pytest.approx(expected, rel=ROUNDING, nan_ok=True)
    assert mean_cv(train) == pytest.approx(expected, rel=ROUNDING, nan_ok=True)


def test_records_without_time_are_refused():
    with pytest.raises(ValidationError) as caught:
        mean_rates(SpikeTrains.empty(1, 0), 0.0)
    assert 2 == len(caught.value.problems)


def test_segments_that_do_not_fit_are_refused(trains):
    with pytest.raises(ValidationError, match="segments of 2 to 4000"):
        power_spectrum(trains, DT, DT, segment_s=4.1)
