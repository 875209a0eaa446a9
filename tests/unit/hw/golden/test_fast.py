# SPDX-License-Identifier: Apache-2.0
"""Boundary of the fast golden model; its agreement with the readable one is in equivalence."""

import os
import subprocess
import sys

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.generated import Window
from spikesim.hw.golden.fast import FastState, run_batch
from spikesim.hw.golden.readable import GoldenCore
from spikesim.network import Network
from spikesim.neurons import LIF
from tests.equivalence.random_programs import SMALL, events_raster, random_events, random_program

TINY = """
import numpy as np
from tests.equivalence.random_programs import events_raster, random_events, random_program
from spikesim.hw.golden.fast import run_batch
total = 0
for seed in range(3):
    program = random_program(seed)
    raster = events_raster(program, random_events(seed, program, 3))[None]
    run = run_batch(program, raster, record=("spikes", "state"))
    total = total * 31 + int(run.total_cycles.sum()) + int(run.history["v"].astype(np.int64).sum())
print(total)
"""


@pytest.fixture
def program():
    return random_program(2, SMALL)


@pytest.fixture
def rasters(program):
    events = [events_raster(program, random_events(k, program, 6)) for k in range(3)]
    return np.stack(events)


def test_result_has_one_entry_per_image_step_and_neuron(program, rasters):
    run = run_batch(program, rasters, record=("spikes", "cycles", "state"))
    assert (3, 32) == run.counts.shape
    assert (3, 6) == run.cycles.shape
    assert (3, 6, 32) == run.spikes.shape == run.history["v"].shape
    assert (3, 6, 8, 32) == run.history["acc"].shape
    np.testing.assert_array_equal(run.spikes.sum(axis=1), run.counts)
    np.testing.assert_array_equal(run.cycles.sum(axis=1), run.total_cycles)
    np.testing.assert_array_equal(run.history["v"][:, -1], run.state["v"])


def test_only_what_was_asked_for_is_kept(program, rasters):
    run = run_batch(program, rasters)
    assert (None, None, {}) == (run.spikes, run.cycles, run.history)
    membrane = run_batch(program, rasters, record=("membrane",))
    assert {"v", "i", "refr"} == set(membrane.history)


def test_steps_beyond_the_input_are_silent_and_input_beyond_the_steps_is_unused(program, rasters):
    longer = run_batch(program, rasters, 9, record=("spikes",))
    padded = np.concatenate([rasters, np.zeros((3, 3, rasters.shape[2]), bool)], axis=1)
    np.testing.assert_array_equal(
        run_batch(program, padded, record=("spikes",)).spikes, longer.spikes
    )
    shorter = run_batch(program, rasters, 4, record=("spikes",))
    np.testing.assert_array_equal(longer.spikes[:, :4], shorter.spikes)


def test_fewer_axons_than_the_core_has_are_enough(program, rasters):
    cut = rasters.copy()
    cut[:, :, 10:] = False
    np.testing.assert_array_equal(
        run_batch(program, cut).counts, run_batch(program, rasters[:, :, :10]).counts
    )


def test_an_empty_batch_and_a_run_of_no_steps_are_legal(program, rasters):
    assert (0, 32) == run_batch(program, rasters[:0]).counts.shape
    run = run_batch(program, rasters, 0, record=("spikes",))
    assert 0 == run.counts.sum() == run.total_cycles.sum()


def test_numbers_0_and_1_are_taken_as_spikes(program, rasters):
    np.testing.assert_array_equal(
        run_batch(program, rasters).counts, run_batch(program, rasters.astype(float)).counts
    )


@pytest.mark.parametrize(
    ("shape", "value"), [((6, 96), 0), ((1, 6, 97), 0), ((1, 6, 96), 2), ((1, 6, 96), 0.5)]
)
def test_other_input_is_refused(program, shape, value):
    with pytest.raises(ValidationError, match="golden: expected"):
        run_batch(program, np.full(shape, value))


def test_unknown_records_and_negative_steps_are_refused_together(program, rasters):
    with pytest.raises(ValidationError) as caught:
        run_batch(program, rasters, -1, record=("weights",))
    assert 2 == len(caught.value.problems)


def test_without_compilation_the_same_words_come_out():
    def run(**extra):
        return subprocess.run(
            [sys.executable, "-c", TINY], env=os.environ | {"PYTHONPATH": "."} | extra,
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    assert run() == run(NUMBA_DISABLE_JIT="1")


def firing():
    """A program of one population that fires in every step."""
    net = Network(1e-3)
    net.add_population("out", 4, LIF(beta=0.0, bias=1.0))
    return compile_network(net, SMALL).program


@pytest.mark.parametrize(("start", "end"), [(65_531, 65_534), (65_532, 65_535), (65_534, 65_535)])
def test_a_spike_counter_stays_at_its_end_as_in_the_readable_model(start, end):
    program = firing()
    state = FastState.initial(program, 2)
    state.counts[1, :4] = start
    run = run_batch(program, np.zeros((2, 3, 1), bool), record=("spikes",), state=state)
    assert run.spikes[:, :, :4].all()
    assert ([3] * 4, [end] * 4) == (run.counts[0, :4].tolist(), run.counts[1, :4].tolist())
    core = GoldenCore(program.config)
    core.load(program)
    core.write(Window.COUNT, 0, [start] * 4)
    for _ in range(3):
        core.step()
    assert [end] * 4 == core.read(Window.COUNT, 0, 4)


@pytest.mark.parametrize(("steps", "full"), [(65_534, False), (65_535, True), (65_537, True)])
def test_a_long_run_counts_up_to_16_bits(steps, full):
    counts = run_batch(firing(), np.zeros((1, 0, 1), bool), steps).counts[0, :4]
    assert {min(steps, 65_535)} == set(counts.tolist())
    assert full == (counts == 65_535).all()
