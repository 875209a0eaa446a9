# SPDX-License-Identifier: Apache-2.0
"""What goes into a core, alone and in batches."""

import numpy as np
import pytest

import spikesim
from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.hw.axons import axon_sources, axon_window
from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.sim import Poisson
from tests.reference.two_inputs import ENGINES, STEPS, drive, prepared, two_input_program


@pytest.fixture(scope="module")
def program():
    return two_input_program()


def events(program, inputs, steps, seed=0):
    return axon_window(program, axon_sources(program, inputs, steps, seed), 0, steps)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_is_the_runs_of_its_samples(program, engine):
    samples = [drive(seed) for seed in range(4)]
    steps = STEPS + program.latency
    runs = [spikesim.run(program, sample, steps) for sample in samples]
    with prepared(program, engine) as ready:
        stacked = ready.batch({name: np.stack([s[name] for s in samples]) for name in "ab"})
        listed = ready.batch(samples, steps)
    for batch in (stacked, listed):
        np.testing.assert_array_equal([run.counts("out") for run in runs], batch.counts["out"])
        np.testing.assert_array_equal([sum(run.meta["cycles"]) for run in runs], batch.cycles)
        assert (4, steps) == (len(batch), batch.steps)


def test_random_inputs_of_a_batch_take_a_seed_each(program):
    sample = {"a": Poisson(300.0)}
    with prepared(program, "golden") as ready:
        batch = ready.batch([sample, sample], STEPS, seeds=[4, 9], populations=["hidden"])
    for seed, counts in zip((4, 9), batch.counts["hidden"], strict=True):
        expected = spikesim.run(program, sample, STEPS, seed=seed).counts("hidden")
        np.testing.assert_array_equal(expected, counts)


@pytest.mark.parametrize(
    ("samples", "steps", "message"),
    [
        ({"a": np.zeros((2, 3, 6), bool)}, None, r"shape \(samples, steps, 5\), got \(2, 3, 6\)"),
        ({"a": np.full((2, 3, 5), 0.5)}, None, "values 0 and 1"),
        ({"c": np.zeros((2, 3, 5), bool)}, None, "input 'c'"),
        ({"a": np.zeros((2, 3, 5)), "b": np.zeros((2, 4, 7))}, None, "one shape"),
        ({"a": np.zeros((2, 3, 5), bool)}, 2, "at least 3 steps"),
        ({}, None, "expected rasters"),
        ([{}], None, "expected steps"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(program, samples, steps, message):
    with prepared(program, "golden") as ready, pytest.raises(ValidationError, match=message):
        ready.batch(samples, steps)


def test_spikes_and_raster_are_the_same_input(program):
    trains = {name: SpikeTrains.from_raster(raster) for name, raster in drive().items()}
    first = spikesim.run(program, trains, STEPS)
    assert first.same_spikes(spikesim.run(program, drive(), STEPS))


def test_an_input_left_out_is_silent(program):
    silent = drive() | {"b": np.zeros((STEPS, 7), bool)}
    expected = spikesim.run(program, silent, STEPS)
    assert expected.same_spikes(spikesim.run(program, {"a": drive()["a"]}, STEPS))


def test_poisson_input_is_that_of_the_float_engine(program):
    drawn = Poisson(200.0).trains(5, STEPS, 1e-3, 7, "a")
    got = events(program, {"a": Poisson(200.0)}, STEPS, seed=7)
    np.testing.assert_array_equal(drawn.ticks, got.ticks)


def test_several_events_of_a_line_in_a_tick_are_refused(program):
    with pytest.raises(ValidationError, match="at most one event per line and tick"):
        spikesim.run(program, {"a": Poisson(200.0, counts=True)}, STEPS)


def test_axons_of_the_second_input_follow_those_of_the_first(program):
    got = events(program, {"b": SpikeTrains([2], [0], 7, STEPS)}, STEPS)
    assert ([2], [5]) == (got.ticks.tolist(), got.index.tolist())


def test_every_problem_of_a_run_is_reported_at_once(program):
    inputs = {"a": np.zeros((STEPS, 6)), "nobody": np.zeros((STEPS, 1))}
    with pytest.raises(ValidationError) as caught:
        spikesim.run(program, inputs, STEPS, record=("spikes", "hidden.w"))
    text = str(caught.value)
    for part in ("input 'a'", "expected 5 lines, got 6", "input 'nobody'", "'hidden.w'"):
        assert part in text


def test_inputs_have_to_be_a_mapping(program):
    with pytest.raises(ValidationError, match="expected a mapping from input name"):
        spikesim.run(program, np.zeros((STEPS, 5)), STEPS)


def test_input_longer_than_the_run_is_refused(program):
    with pytest.raises(ValidationError, match="at most 11 ticks, got 12"):
        spikesim.run(program, {"a": drive()["a"]}, STEPS - 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_knows_nothing_of_parameters_that_a_session_set(program, engine):
    samples = {name: values[None] for name, values in drive().items()}
    expected = spikesim.prepare(program, "golden").batch(samples)
    with prepared(program, engine) as ready:
        session = ready.start(drive())
        session.neurons["hidden"]["v_th"] = 3 * session.neurons["hidden"]["v_th"]
        session.advance(STEPS)
        found = ready.batch(samples)
    np.testing.assert_array_equal(found.output, expected.output)


def test_a_step_with_more_spikes_than_the_event_queue_holds_is_refused():
    net = Network(1e-3)
    net.add_input("in", 40)
    net.add_population("out", 4, LIF(beta=0.5))
    config = CoreConfig(
        n_neurons=32, n_axons=40, n_segments=128, weight_words=64, event_queue=32, spike_queue=64
    )
    program = compile_network(net, config).program
    raster = np.zeros((3, 40), bool)
    raster[1, :31] = True
    assert 31 == len(events(program, {"in": raster}, 3))
    with prepared(program, "golden") as ready:
        ready.batch({"in": raster[None]})
        raster[1, 31] = True
        for call in (
            lambda: spikesim.run(program, {"in": raster}, 3),
            lambda: ready.batch({"in": raster[None]}),
            lambda: ready.batch([{"in": raster}], 3),
        ):
            with pytest.raises(ValidationError, match=r"at most 31 .* got 32 in step 1"):
                call()
