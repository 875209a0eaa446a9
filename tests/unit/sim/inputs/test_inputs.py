# SPDX-License-Identifier: Apache-2.0
import doctest
import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from spikesim.core import SpikeTrains, stream_key
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.sim.inputs import (
    InhomogeneousPoisson,
    Poisson,
    count_tables,
    inhomogeneous,
    poisson,
    resolve_inputs,
)
from spikesim.sim.inputs.currents import StepCurrent
from tests.reference.poisson import poisson_survival

ONE = 1 << 62


@pytest.fixture
def net():
    net = Network(dt=1e-3)
    net.add_input("a", 3)
    net.add_input("b", 2)
    net.add_population("out", 1, LIF(beta=0.5))
    return net


@pytest.mark.parametrize("module", [count_tables, inhomogeneous, poisson])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_events_of_a_tick_are_ascending_over_all_inputs(net):
    a = SpikeTrains([0, 0, 2], [0, 2, 1], 3, 4)
    b = np.array([[0, 1], [0, 0], [1, 0], [0, 0]])
    starts, lines = resolve_inputs(net, {"a": a, "b": b}, 4, 0).window(0, 4)
    assert [0, 3, 3, 5, 5] == starts.tolist()
    assert [0, 2, 4, 1, 3] == lines.tolist()


def test_windows_joined_are_the_whole(net):
    drive = {"a": Poisson(200.0), "b": Poisson([50.0, 2900.0], counts=True)}
    events = resolve_inputs(net, drive, 300, 5)
    starts, lines = events.window(0, 300)
    assert (np.diff(starts) > 5).any()  # several events of a line in a tick
    cuts = [0, 1, 63, 64, 65, 65, 200, 300]
    parts = [events.window(lo, hi) for lo, hi in itertools.pairwise(cuts)]
    assert lines.tolist() == np.concatenate([part[1] for part in parts]).tolist()
    counts = np.concatenate([np.diff(part[0]) for part in parts])
    assert np.diff(starts).tolist() == counts.tolist()


@pytest.mark.parametrize(
    "drive",
    [Poisson(100.0), Poisson(np.linspace(0, 1000, 20)), InhomogeneousPoisson([0, 90.0, 5.0], 0.1)],
)
def test_a_longer_train_begins_with_the_shorter_one(drive):
    short = drive.trains(20, 250, 1e-3, 3, "x")
    assert len(short) > 100
    assert short == drive.trains(20, 400, 1e-3, 3, "x").window(0, 250)


def test_more_lines_leave_the_draws_of_the_first_as_they_are():
    few, many = (Poisson(100.0).trains(n, 200, 1e-3, 3, "x") for n in (7, 50))
    assert np.array_equal(few.raster(), many.raster()[:, :7])


def test_seed_and_name_choose_the_train():
    trains = [Poisson(100.0).trains(20, 100, 1e-3, *key) for key in ((3, "x"), (4, "x"), (3, "y"))]
    assert trains[0] != trains[1]
    assert trains[0] != trains[2]
    assert len({stream_key(*key) for key in ((3, "x"), (4, "x"), (3, "y"), (3, "x", 0))}) == 4


def test_rates_are_met_line_by_line():
    rates = np.array([0.0, 5.0, 100.0, 1000.0])
    steps = 20_000
    counts = Poisson(rates).trains(4, steps, 1e-3, 0, "x").counts()
    p = rates * 1e-3
    # Five standard deviations of a binomial; the seed is fixed.
    assert (np.abs(counts - p * steps) <= 5 * np.sqrt(steps * p * (1 - p))).all()
    assert (counts[0], counts[3]) == (0, steps)


def test_intervals_between_spikes_are_geometric():
    trains = Poisson(100.0).trains(50, 20_000, 1e-3, 1, "x")
    order = np.lexsort((trains.ticks, trains.index))
    gaps = np.diff(trains.ticks[order])[np.diff(trains.index[order]) == 0]
    observed = np.bincount(np.minimum(gaps, 40), minlength=41)[1:]
    # A gap of k ticks has probability p (1 - p)^(k - 1); 40 and more are one class.
    expected = np.append(stats.geom.pmf(np.arange(1, 40), 0.1), stats.geom.sf(39, 0.1)) * gaps.size
    assert stats.chisquare(observed, expected).pvalue > 1e-6


@pytest.mark.parametrize("mean", [1e-6, 0.1, 1.0, 4.0, 16.0, 300.0, 1e4])
def test_thresholds_are_the_poisson_distribution(mean):
    thresholds = count_tables.poisson_thresholds(mean)
    survival = [Fraction(value) for value in poisson_survival(mean, thresholds.size)]
    pairs = zip(thresholds[:-1].tolist(), survival, strict=False)
    # float64 sums; far below the 1e-9 that is promised.
    assert max(abs(Fraction(t, ONE) - s) for t, s in pairs) < Fraction(1, 10**12)
    assert survival[thresholds.size] * ONE < 2
    assert (np.diff(thresholds) <= 0).all()


def test_thresholds_of_single_events_are_the_probability():
    tables = count_tables.count_tables(np.array([[0.0, 0.125, 0.3, 1.0]]), counts=False)
    expected = [int(Fraction(p) * ONE) for p in (0.0, 0.125, 0.3, 1.0)]
    assert expected == tables.thresholds[0, 0].tolist()


def test_counts_of_a_window_have_mean_and_variance_of_poisson():
    ticks, lines = Poisson(2500.0, counts=True).events(40, 1e-3, 0, "x", 0, 2000)
    counts = np.bincount(ticks * 40 + lines, minlength=80_000)
    # Standard errors of mean and variance of 80,000 Poisson numbers, times five.
    assert abs(counts.mean() - 2.5) < 5 * np.sqrt(2.5 / 80_000)
    assert abs(counts.var() - 2.5) < 5 * np.sqrt((2.5 + 2 * 2.5**2) / 80_000)


def test_a_bound_on_the_events_of_a_tick_holds():
    for drive, n in ((Poisson(5.0), 10), (Poisson(900.0), 300), (Poisson(7e4, counts=True), 20)):
        source = drive.bind_events(n, 1e-3, 0, "x")
        busiest = np.bincount(source.window(0, 500)[0]).max()
        assert busiest <= source.most_events
        assert source.most_events <= max(n, 70 * n * 2)


def test_a_window_that_outgrows_its_room_loses_nothing(monkeypatch):
    source = Poisson(3e3, counts=True).bind_events(50, 1e-3, 0, "x")
    whole = source.window(0, 100)
    monkeypatch.setattr("spikesim.sim.inputs.drawn._MOST_ROOM", 1)
    object.__setattr__(source, "most_events", 40)
    for expected, got in zip(whole, source.window(0, 100), strict=True):
        assert np.array_equal(expected, got)


def test_the_kernel_of_a_source_draws_its_window():
    source = InhomogeneousPoisson([800.0, 3e3], bin=0.002, repeat=True, counts=True).bind_events(
        9, 1e-3, 4, "x"
    )
    ticks, lines = source.window(0, 12)
    assert set(ticks.tolist()) == set(range(12))
    acc = np.zeros(30)
    driving, more = source.drive_call(acc, 5, np.array([0.5]), lo=2, n=6, late=3)
    for tick in range(12):
        own = lines[(ticks == tick) & (lines >= 2) & (lines < 8)]
        acc[:] = 0.0
        driving(tick + 3, *more)
        assert (0.5 * np.bincount(own, minlength=9)[2:8]).tolist() == acc[5:11].tolist()
        assert np.count_nonzero(acc) == np.count_nonzero(acc[5:11])


def test_rates_change_with_the_bins():
    rates = np.array([[0.0, 1000.0], [1000.0, 0.0]])
    raster = InhomogeneousPoisson(rates, bin=0.003).trains(2, 10, 1e-3, 0, "x").raster()
    assert [0, 0, 0, 1, 1, 1, 0, 0, 0, 0] == raster[:, 0].astype(int).tolist()
    assert [1, 1, 1, 0, 0, 0, 0, 0, 0, 0] == raster[:, 1].astype(int).tolist()


def test_a_constant_rate_is_the_homogeneous_train():
    constant = Poisson(80.0).trains(10, 100, 1e-3, 2, "x")
    binned = InhomogeneousPoisson(np.full((10, 10), 80.0), bin=0.01)
    assert constant == binned.trains(10, 100, 1e-3, 2, "x")


def test_a_sine_is_rectified_and_met_bin_by_bin():
    drive = InhomogeneousPoisson.sinusoidal(
        50.0, 100.0, 10.0, duration=0.1, bin=0.01, phase=0.3, repeat=True
    )
    t = (np.arange(10) + 0.5) * 0.01
    expected = np.maximum(0, 50 + 100 * np.sin(2 * np.pi * 10 * t + 0.3))
    np.testing.assert_allclose(drive.rates_hz, expected, rtol=1e-12)
    n, periods = 200, 100
    ticks, _ = drive.events(n, 1e-3, 0, "x", 0, 100 * periods)
    p = expected * 1e-3
    trials = n * periods * 10
    observed = np.bincount(ticks % 100 // 10, minlength=10)
    assert (np.abs(observed - p * trials) <= 5 * np.sqrt(trials * p * (1 - p))).all()


def test_an_image_gives_one_rate_per_pixel():
    image = np.array([[0, 51], [255, 102]], np.uint8)
    assert [0.0, 20.0, 100.0, 40.0] == Poisson.from_image(image, 100.0).rates_hz.tolist()
    assert Poisson.from_image(image / 255, 1e5, counts=True).counts
    for wrong in (image.astype(int), image / 100, np.array([np.nan])):
        with pytest.raises(ValidationError, match="0 to 255 or float from 0 to 1"):
            Poisson.from_image(wrong, 100.0)


@pytest.mark.parametrize("rates", [-1.0, np.nan, np.inf, [[1.0]], "fast"])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(ValidationError, match="Poisson"):
        Poisson(rates)


@pytest.mark.parametrize(
    ("rates", "bin"), [(1.0, 0.1), ([], 0.1), ([-1.0], 0.1), ([1.0], 0.0), ([1.0], np.nan)]
)
def test_bins_that_are_none_are_refused(rates, bin):
    with pytest.raises(ValidationError, match="InhomogeneousPoisson"):
        InhomogeneousPoisson(rates, bin)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 2)), "input 'a': expected 3 lines, got 2"),
        (np.zeros((5, 3)), "at most 4 ticks, got 5"),
        (np.zeros(3), r"shape \(steps, n\)"),
        (np.full((4, 3), 0.3), "values 0 and 1"),
        (SpikeTrains.empty(2, 4), "expected 3 lines"),
        (SpikeTrains([6], [0], 3, 7), r"window\(0, 4\)"),
        (Poisson([1.0, 2.0]), r"shape \(3,\)"),
        (Poisson(2000.0), "at most 1/dt"),
        (Poisson(2e7, counts=True), "at most 10000 events per tick"),
        (InhomogeneousPoisson([[1.0, 2.0]], 0.01), r"shape \(bins,\) or \(bins, 3\)"),
        (InhomogeneousPoisson([2000.0], 0.0015), "multiple of dt"),
        (InhomogeneousPoisson(np.ones((9_000_000, 3)), 0.001, counts=True), "tables of at most"),
        (StepCurrent([0.0], [1.0]), "currents drive 'population.i_ext'"),
        ("spikes", "raster"),
    ],
)
def test_what_does_not_fit_an_input_is_refused_by_name(net, given, message):
    with pytest.raises(ValidationError, match=message) as caught:
        resolve_inputs(net, {"a": given, "b": np.zeros((4, 2))}, 4, 0)
    assert all("input 'a'" in text for text in caught.value.problems)


def test_unknown_names_are_reported_with_everything_else(net):
    given = {
        "c": np.zeros((4, 2)),
        "d": Poisson(1.0),
        "a": np.zeros(3),
        "out.v_th": StepCurrent([0.0], [1.0]),
        "out.i_ext": Poisson(1.0),
    }
    with pytest.raises(ValidationError) as caught:
        resolve_inputs(net, given, 4, 0)
    assert len(caught.value.problems) == 5
    for part in (
        "expected names among ['a', 'b'], or 'population.i_ext' for a current, got 'c'",
        "expected 'out.i_ext' for a current into 'out', got 'out.v_th'",
        "current 'out.i_ext': expected a StepCurrent",
    ):
        assert part in str(caught.value)


def test_currents_are_bound_to_their_population(net):
    events = resolve_inputs(net, {"out.i_ext": StepCurrent([0.001], [2.0])}, 4, 0)
    assert [("out", "i_ext", 0, 1)] == list(events.currents)  # neurons 0 <= k < 1
    (current,) = events.currents.values()
    assert [0.0, 2.0] == current.trace(0, 2)[:, 0].tolist()
    assert events.window(0, 4)[1].size == 0


def test_currents_that_do_not_fit_are_refused_by_name(net):
    with pytest.raises(ValidationError, match=r"current 'out.i_ext': .* for 1 neurons, got 3"):
        resolve_inputs(net, {"out.i_ext": StepCurrent([0.0], [[1.0, 2.0, 3.0]])}, 4, 0)


def test_an_input_that_is_left_out_is_silent(net):
    starts, lines = resolve_inputs(net, {"b": np.ones((1, 2))}, 2, 0).window(0, 2)
    assert ([0, 2, 2], [3, 4]) == (starts.tolist(), lines.tolist())


def test_rates_are_checked_by_every_engine():
    with pytest.raises(ValidationError, match="at most 1/dt"):
        Poisson(2000.0).trains(3, 10, 1e-3, 0, "x")


def test_counts_are_no_trains():
    with pytest.raises(ValidationError, match="expected counts=False"):
        Poisson(20.0, counts=True).trains(3, 10, 1e-3, 0, "x")


def test_inputs_that_are_no_mapping_are_refused(net):
    with pytest.raises(ValidationError, match="mapping"):
        resolve_inputs(net, np.zeros((4, 3)), 4, 0)


def test_an_input_may_end_before_the_run(net):
    events = resolve_inputs(net, {"a": np.ones((1, 3)), "b": SpikeTrains.empty(2, 0)}, 10, 0)
    starts, _ = events.window(0, 10)
    assert [0] + [3] * 10 == starts.tolist()


def test_an_array_is_a_current_tick_by_tick(net):
    values = np.array([[1.5], [0.0], [-2.0]])
    (bound,) = resolve_inputs(net, {"out.i_ext": values}, 5, 0).currents.values()
    assert [1.5, 0.0, -2.0, 0.0, 0.0] == bound.trace(0, 5)[:, 0].tolist()
    for wrong, text in (
        (np.zeros((3, 2)), "for 1 neurons, got 2"),
        (np.zeros(3), r"array \(ticks, n\), got a ndarray"),
        (np.array([[np.inf]]), "finite values"),
    ):
        with pytest.raises(ValidationError, match=text):
            resolve_inputs(net, {"out.i_ext": wrong}, 5, 0)
