# SPDX-License-Identifier: Apache-2.0
"""The Verilated core equals the golden model in every architectural word of every step."""

from functools import lru_cache

import numpy as np
import pytest

from spikesim.hw.config import CoreConfig
from spikesim.hw.rtl.lockstep import Divergence, Lockstep, lockstep
from spikesim.hw.rtl.model import RtlModel
from spikesim.hw.rtl.shrink import shrink
from tests.equivalence.random_programs import SMALL, events_raster, random_events, random_program

pytestmark = pytest.mark.rtl

# Besides the default core: other widths, lanes and ring lengths, on cores that build quickly.
CORES = {
    "default": CoreConfig.default(),
    "small": SMALL,
    "two lanes, one slot": CoreConfig(
        n_neurons=32, n_axons=8, lanes=2, delay_slots=1, n_segments=64, weight_words=64,
        event_queue=64, spike_queue=64,
    ),
    "sixteen lanes of 4 bits": CoreConfig(
        n_neurons=64, n_axons=40, lanes=16, weight_bits=4, state_bits=16, delay_slots=16,
        n_segments=128, weight_words=100, event_queue=64, spike_queue=128,
    ),
    "16-bit weights": CoreConfig(
        n_neurons=32, n_axons=33, lanes=4, weight_bits=16, n_segments=80, weight_words=60,
        event_queue=64, spike_queue=64,
    ),
}  # fmt: skip


@lru_cache(maxsize=1)
def bench(name):
    return Lockstep(RtlModel(CORES[name], seed=7))


def compare(name, seed, steps, readable=False):
    """Neuron-steps compared; a divergence fails with the smallest case found."""
    config = CORES[name]
    program = random_program(seed, config)
    raster = events_raster(program, random_events(seed, program, steps))
    report = bench(name).run(program, raster, readable=readable)
    if not report.equal:

        def diverges(p, r):
            return bench(name).run(p, r).divergence

        small, events, found = shrink(program, raster, diverges, tries=100)
        pytest.fail(
            f"core {name!r}, seed {seed}: {report.divergence}\nsmallest case: {found}\n"
            f"  {int(small.segments['valid'].sum())} rows, populations {dict(small.groups)}\n"
            f"  input (step, axon): {np.argwhere(events).tolist()[:20]}"
        )
    return report.neuron_steps


@pytest.mark.parametrize(("name", "programs", "steps"), [
    ("default", 8, 70), ("small", 30, 40), ("two lanes, one slot", 10, 40),
    ("sixteen lanes of 4 bits", 10, 40), ("16-bit weights", 10, 40),
])  # fmt: skip
def test_every_word_of_every_step_is_equal(name, programs, steps):
    done = sum(compare(name, seed, steps) for seed in range(programs))
    assert CORES[name].n_neurons * programs * steps == done


def test_the_default_volume_is_a_hundred_thousand_neuron_steps():
    assert 256 * 8 * 70 >= 100_000


def test_the_readable_model_agrees_as_well():
    for seed in range(100, 104):
        assert 0 < compare("small", seed, 30, readable=True)


@pytest.mark.slow
def test_ten_million_neuron_steps_are_equal():
    done = 0
    seed = 10_000
    while done < 10_000_000:
        done += compare("default", seed, 400)
        seed += 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CORES if n != "default"])
def test_many_random_programs_on_other_cores_are_equal(name):
    for seed in range(20_000, 20_300):
        assert 0 < compare(name, seed, 40)


def test_a_program_without_input_or_population_runs():
    program = random_program(1, SMALL)
    assert lockstep(program, np.zeros((5, SMALL.n_axons), bool)).equal


def test_a_divergence_is_found_where_it_is_and_made_small():
    program = random_program(3, SMALL)
    raster = events_raster(program, random_events(3, program, 20))
    assert raster[9].any()
    axon = int(np.flatnonzero(raster[9])[0])

    def diverges(candidate, events):
        """Stand in for a core that fails when one axon fires in step 9 or later."""
        hit = np.flatnonzero(events[:, axon][9:])
        return Divergence(9 + int(hit[0]), "deliver", "acc", (0, 1), 5, 6) if hit.size else None

    small, events, found = shrink(program, raster, diverges)
    assert [[9, axon]] == np.argwhere(events).tolist()
    assert 0 == small.segments["valid"].sum()
    assert "step 9, phase deliver: acc[0, 1] expected 5 (golden), got 6 (RTL)" == str(found)


def test_a_weight_that_the_golden_model_has_not_is_found():
    """The comparison itself: change one weight behind the golden model's back."""
    program = random_program(5, SMALL)
    raster = events_raster(program, random_events(5, program, 30))
    lanes = Lockstep(RtlModel(SMALL))
    load = lanes._device.load

    def load_wrong(candidate, verify=True):
        load(candidate, verify)
        word = lanes._device.read("WEIGHT", 0, 1)
        lanes._device.write("WEIGHT", 0, word ^ 1)

    lanes._device.load = load_wrong
    report = lanes.run(program, raster)
    assert not report.equal
    assert ("learn", "weights", -1) == (
        report.divergence.phase, report.divergence.signal, report.divergence.step,
    )  # fmt: skip
