# SPDX-License-Identifier: Apache-2.0
"""A slice of a population as a record item and as the object of a statistic."""

import numpy as np
import pytest

import spikesim
from spikesim import LIF, Network, Rate, Recording, Trace, ValidationError, simulate
from spikesim.hw.compile import compile_network

STEPS = 40


def net():
    made = Network(dt=1e-3, units="own")
    made.add_population("E", 20, LIF(beta=1.0, bias=np.linspace(0.05, 0.6, 20)))
    return made


ITEMS = ("E[:5].spikes", "E[3::4].spikes", "spikes", "E[:5].v", "E[::7].v", "E.v")


@pytest.mark.parametrize("to", [None, "run.h5"])
def test_slices_are_recorded_as_parts_of_the_whole(to, tmp_path):
    to = None if to is None else tmp_path / to
    run = simulate(net(), {}, STEPS, record=ITEMS, to=to)
    for name, chosen in (("E[:5]", slice(0, 5)), ("E[3::4]", slice(3, None, 4))):
        np.testing.assert_array_equal(run.raster("E")[:, chosen], run.raster(name))
    np.testing.assert_array_equal(run.trace("E.v")[:, :5], run.trace("E[:5].v"))
    np.testing.assert_array_equal(run.trace("E.v")[:, ::7], run.trace("E[::7].v"))
    assert [0, 7, 14] == run.columns("E[::7].v").tolist()


def test_a_core_records_slices_too():
    program = compile_network(net()).program
    run = spikesim.run(program, {}, STEPS, record=ITEMS)
    np.testing.assert_array_equal(run.raster("E")[:, :5], run.raster("E[:5]"))
    np.testing.assert_array_equal(run.trace("E.v")[:, ::7], run.trace("E[::7].v"))
    assert [0, 7, 14] == run.columns("E[::7].v").tolist()


def test_a_slice_is_sampled_as_seldom_as_its_whole():
    record = [Trace("E[4:10:3].v", every=7), "E.v"]
    run = simulate(net(), {}, STEPS, record=record)
    assert [4, 7] == run.columns("E[4:10:3].v").tolist()
    np.testing.assert_array_equal(run.trace("E.v")[::7, [4, 7]], run.trace("E[4:10:3].v"))
    np.testing.assert_allclose(np.arange(0, STEPS, 7) * 1e-3, run.trace_times("E[4:10:3].v"))


def test_only_the_slice_is_kept_where_only_it_was_asked_for():
    run = simulate(net(), {}, STEPS, record="E[:5].spikes")
    assert ["E[:5]"] == list(run.spikes)


def test_a_slice_is_found_however_it_is_written():
    run = simulate(net(), {}, STEPS, record=["E[0:5:1].spikes", "E[2::7].v", "E[3].v"])
    assert run.counts("E[:5]").tolist() == run.counts("E[:5:1]").tolist()
    assert run.counts("E[0:5]").tolist() == run.spikes["E[0:5:1]"].counts().tolist()
    assert [2, 9, 16] == run.columns("E[2::07].v").tolist()
    np.testing.assert_array_equal(run.trace("E[3].v"), run.trace("E[3:4:].v"))
    assert STEPS == run.trace_times("E[3:4].v").size
    with pytest.raises(ValidationError, match=r"E\[:4\]"):
        run.counts("E[:4]")
    with pytest.raises(ValidationError, match=r"E\[2::5\]"):
        run.trace("E[2::5].v")


def test_the_rate_of_a_slice_is_that_of_its_spikes():
    made = net()
    run = simulate(made, {}, STEPS, record=["spikes", Rate(made.populations["E"][10:], 10e-3)])
    expected = run.raster("E")[:, 10:].reshape(4, 10, 10).sum(axis=(1, 2)) / (10 * 10e-3)
    np.testing.assert_allclose(run.trace("E[10:20].rate")[:, 0], expected, rtol=1e-12)


def test_statistics_take_slices_of_what_was_recorded(tmp_path):
    run = simulate(net(), {}, STEPS)
    np.testing.assert_array_equal(run.counts("E")[5:9], run.counts("E[5:9]"))
    np.testing.assert_array_equal(run.raster("E")[:, ::3], run.raster("E[::3]"))
    run.save(tmp_path / "run")
    np.testing.assert_array_equal(
        run.counts("E")[5:9], Recording.load(tmp_path / "run").counts("E[5:9]")
    )


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("E[20:].spikes", "neurons in it"),
        ("E[:5].x", "a state of population 'E'"),
        ("X[:5].v", "a population of"),
        (Trace("E[:5].v", neurons=[1]), "a slice or neurons, got both"),
        (Rate("E[30]", 1e-3), "below 20"),
    ],
)
def test_slices_that_mean_nothing_are_refused(item, message):
    with pytest.raises(ValidationError, match=message):
        simulate(net(), {}, STEPS, record=item)
