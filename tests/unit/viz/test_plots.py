# SPDX-License-Identifier: Apache-2.0
"""Pictures of a recording and of a training."""

import numpy as np
import pytest

from spikesim import viz
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.nn.training.history import History
from spikesim.recording import Recording


@pytest.fixture
def recording():
    rng = np.random.default_rng(3)
    spikes = {
        name: SpikeTrains.from_raster(rng.random((200, n)) < 0.1, start=300)
        for name, n in (("E", 30), ("I", 5))
    }
    traces = {"E.v": rng.random((200, 30)), "I.v": rng.random((20, 2)), "E.rate": np.ones((4, 1))}
    return Recording(
        spikes, traces, 200, 1e-3, "float", start=300,
        trace_ticks={"I.v": np.arange(300, 500, 10), "E.rate": [300, 350, 400, 450]},
        trace_index={"I.v": [4, 2]},
    )  # fmt: skip


def test_a_raster_shows_each_spike_at_its_time(recording):
    (axes,) = viz.plot_raster(recording).axes
    assert (0.3, 0.5) == axes.get_xlim()
    assert ["E (30 of 30)", "I (5 of 5)"] == [t.get_text() for t in axes.get_yticklabels()]
    dots = axes.lines[2]  # E and its border come first
    assert np.array_equal(recording.times("I"), dots.get_xdata())
    assert np.array_equal(30 + recording.spikes["I"].index, dots.get_ydata())
    (only,) = viz.plot_raster(recording, ["I"], neurons=3).axes
    assert ["I (3 of 5)"] == [t.get_text() for t in only.get_yticklabels()]


def test_traces_show_their_rows_at_their_times(recording):
    v, few, rate = viz.plot_traces(recording).axes
    assert 4 == len(v.lines)
    assert "neuron, 26 more" == v.get_legend().get_title().get_text()
    assert np.array_equal(recording.trace("I.v")[:, 1], few.lines[1].get_ydata())
    assert np.array_equal(recording.trace_times("I.v"), few.lines[1].get_xdata())
    assert ["4", "2"] == [text.get_text() for text in few.get_legend().get_texts()]
    assert np.allclose([0.3, 0.35, 0.4, 0.45, 0.5], rate.lines[0].get_xdata())
    assert (0.3, 0.5) == v.get_xlim()
    (one,) = viz.plot_traces(recording, "E.v", columns=[29]).axes
    assert np.array_equal(recording.trace("E.v")[:, 29], one.lines[0].get_ydata())


def test_a_history_shows_loss_and_accuracy_by_epoch():
    history = History(
        [2.0, 1.0, 0.5], validation_loss=[2.1, 1.2, 1.3], validation_accuracy=[0.5, 0.9, 0.8]
    )
    loss, accuracy = viz.plot_history(history).axes
    assert ([1, 2, 3], [2.0, 1.0, 0.5]) == (
        list(loss.lines[0].get_xdata()), list(loss.lines[0].get_ydata())
    )  # fmt: skip
    assert [2.1, 1.2, 1.3] == list(loss.lines[1].get_ydata())
    assert [50.0, 90.0, 80.0] == list(accuracy.lines[0].get_ydata())
    assert "last 80.00 %, best 90.00 %" == accuracy.get_title(loc="left")
    assert 1 == len(viz.plot_history(History([2.0])).axes)


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda r: viz.plot_raster(r, ["X"]), "populations of .'E', 'I'., got .'X'."),
        (lambda r: viz.plot_raster(Recording({}, {}, 5, 1e-3, "float")), "at least one population"),
        (lambda r: viz.plot_traces(r, "E.i"), "not recorded"),
        (lambda r: viz.plot_traces(r, "I.v", columns=[2]), "columns below 2"),
        (lambda r: viz.plot_traces(Recording({}, {}, 5, 1e-3, "float")), "run with record="),
        (lambda r: viz.plot_history(History()), "at least one epoch"),
    ],
)
def test_nothing_to_draw_is_said(recording, draw, says):
    with pytest.raises(ValidationError, match=says):
        draw(recording)


def test_a_raster_of_layers_has_the_axis_of_the_run(recording):
    axes = viz.spike_raster(recording.spikes, 1e-3).axes
    assert all((299.5, 499.5) == a.get_xlim() for a in axes)
