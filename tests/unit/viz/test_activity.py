# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.analysis import mean_cv
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.viz.activity import activity, receptive_fields, weight_histogram


def _poisson(n, p, steps=1000, seed=0):
    return SpikeTrains.from_raster(np.random.default_rng(seed).random((steps, n)) < p)


def test_activity_names_every_axis_and_states_rate_and_cv():
    figure = activity({"E": _poisson(400, 0.02), "I": _poisson(50, 0.04)}, dt=1e-3)
    raster, rate, isi, irregular = figure.axes
    assert "time (s)" == rate.get_xlabel()
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in (isi, irregular))
    assert "200 of 400" in raster.get_yticklabels()[0].get_text()
    labels = [text.get_text() for text in rate.get_legend().get_texts()]
    trains = _poisson(400, 0.02)
    assert f"E: {trains.counts().sum() / 400:.2f} Hz, CV {mean_cv(trains):.2f}" == labels[0]


def test_the_drawn_rate_is_that_of_the_spikes():
    trains = _poisson(100, 0.03)
    figure = activity({"E": trains}, dt=1e-3, bin_s=0.1)
    drawn = figure.axes[1].lines[0].get_ydata()
    expected = trains.raster().reshape(10, -1).sum(axis=1) / (100 * 0.1)
    assert np.allclose([*expected, expected[-1]], drawn)  # the last bin ends, too
    assert np.allclose(np.arange(11) * 0.1, figure.axes[1].lines[0].get_xdata())


def test_the_axis_of_time_is_that_of_the_run():
    late = _poisson(20, 0.03).window(400, 1000)
    raster, rate, *_ = activity({"E": late}, dt=1e-3, bin_s=0.1).axes
    assert (0.4, 1.0) == raster.get_xlim() == rate.get_xlim()
    assert 0.4 == rate.lines[0].get_xdata()[0]
    assert raster.lines[0].get_xdata().min() >= 0.4


def test_intervals_of_whole_ticks_make_no_comb():
    gaps = np.tile(np.arange(1, 31), 20)  # as many of each length
    ticks = np.cumsum([0, *gaps])
    trains = SpikeTrains(ticks, np.zeros(ticks.size, int), 1, int(ticks[-1]) + 1)
    bars = activity({"E": trains}, dt=1e-3).axes[2].patches[0].get_xy()[:, 1]
    inner = bars[1:-2]  # up to the 99th percentile
    assert inner.min() == pytest.approx(inner.max(), rel=1e-6)


def test_silence_is_drawn_too():
    figure = activity({"E": SpikeTrains.empty(3, 10)}, dt=1e-3)
    assert 4 == len(figure.axes)


@pytest.mark.parametrize(
    "populations",
    [
        {},
        {"a": SpikeTrains.empty(1, 5), "b": SpikeTrains.empty(1, 6)},
        {"a": SpikeTrains.empty(1, 5), "b": SpikeTrains.empty(1, 5, start=1)},
        {"a": SpikeTrains.empty(1, 0)},
    ],
)
def test_records_that_do_not_go_together_are_refused(populations):
    with pytest.raises(ValidationError, match="activity"):
        activity(populations, dt=1e-3)


def test_each_field_lies_in_its_place_of_the_grid():
    weights = np.arange(6 * 5, dtype=float).reshape(6, 5)
    image = receptive_fields(weights, (2, 3), columns=2).axes[0].images[0].get_array()
    assert (3 * 3 - 1, 2 * 4 - 1) == image.shape
    assert np.array_equal(weights[:, 3].reshape(2, 3), image[3:5, 4:7])
    assert np.ma.is_masked(image[6:8, 4:7]) or np.isnan(image[6:8, 4:7]).all()


def test_weights_of_both_signs_are_centred_on_zero():
    image = receptive_fields(np.array([[-2.0], [1.0]]), (1, 2)).axes[0].images[0]
    assert (-2.0, 2.0) == image.get_clim()


def test_fields_of_another_shape_are_refused():
    with pytest.raises(ValidationError, match="2 x 2 = 4"):
        receptive_fields(np.zeros((5, 3)), (2, 2))


def test_histograms_share_their_bins_and_count_every_weight():
    axes = weight_histogram({"before": [0.0, 1.0], "after": [0.5, np.nan]}, bins=4).axes[0]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert ["before: 2, mean 0.5", "after: 1, mean 0.5"] == texts


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValidationError, match="finite"):
        weight_histogram({"w": [np.nan]})
