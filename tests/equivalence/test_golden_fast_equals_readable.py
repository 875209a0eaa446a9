# SPDX-License-Identifier: Apache-2.0
"""The fast golden model equals the readable one in every architectural word of every step."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikesim.hw.config import CoreConfig
from spikesim.hw.golden import GoldenCore
from spikesim.hw.golden.fast import run_batch
from tests.equivalence.random_programs import (
    SMALL,
    events_raster,
    random_events,
    random_program,
)

STEPS = 14
CORES = {
    "small": SMALL,
    "default": CoreConfig.default(),
    "one slot, two lanes": CoreConfig(
        n_neurons=64, n_axons=8, lanes=2, delay_slots=1, n_segments=128, weight_words=256
    ),
    "wide weights": CoreConfig(
        n_neurons=32, n_axons=40, lanes=16, weight_bits=16, n_segments=200, weight_words=64
    ),
    "narrow": CoreConfig(
        n_neurons=64, n_axons=40, lanes=4, weight_bits=4, state_bits=16, delay_slots=16,
        n_segments=200, weight_words=300,
    ),
}  # fmt: skip


def assert_equal_every_step(program, events):
    raster = events_raster(program, events)[None]
    fast = run_batch(program, raster, record=("spikes", "cycles", "state"))
    core = GoldenCore(program.config)
    core.load(program)
    for step, axons in enumerate(events):
        core.queue(step, axons)
        result = core.step()
        core.take_spikes()
        words = core.words()
        for name in ("v", "i", "refr", "acc"):
            got = fast.history[name][0, step]
            np.testing.assert_array_equal(words[name], got, err_msg=f"step {step}, word {name}")
        fired = np.flatnonzero(fast.spikes[0, step]).tolist()
        assert result.fired == fired, f"step {step}"
        assert result.cycles == fast.cycles[0, step], f"step {step}"
    words = core.words()
    np.testing.assert_array_equal(words["count"], fast.counts[0])
    assert words["total_cycles"] == fast.total_cycles[0]
    for name in ("v", "i", "refr", "acc"):
        np.testing.assert_array_equal(words[name], fast.state[name][0])
    np.testing.assert_array_equal(words["fired"], np.flatnonzero(fast.state["fired"][0]))


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("seed", range(6))
def test_every_word_of_every_step_is_equal(name, seed):
    program = random_program(seed, CORES[name])
    assert_equal_every_step(program, random_events(seed, program, STEPS))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), core=st.sampled_from(sorted(CORES)))
def test_random_programs_agree(seed, core):
    program = random_program(seed, CORES[core])
    assert_equal_every_step(program, random_events(seed, program, 6))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_random_programs_agree(seed):
    program = random_program(seed, list(CORES.values())[seed % len(CORES)])
    assert_equal_every_step(program, random_events(seed, program, 60))


def test_random_programs_reach_every_rail_reset_mode_and_refractory_state():
    seen = set()
    for seed in range(40):
        program = random_program(seed, SMALL)
        raster = events_raster(program, random_events(seed, program, STEPS))[None]
        run = run_batch(program, raster, record=("spikes", "state"))
        for record in program.populations:
            seen |= {("reset", int(record["reset"])), ("hold", int(record["hold"]))}
            seen.add(("start", record["start_tick"] > 0))
        for name, bits in (("v", 18), ("i", 18), ("acc", 16)):
            low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
            seen |= {(name, "low")} if (run.history[name] == low).any() else set()
            seen |= {(name, "high")} if (run.history[name] == high).any() else set()
        seen |= {"refractory"} if (run.history["refr"] > 0).any() else set()
        heads = program.segments[: program.config.n_sources]
        seen |= {("delay", int(d)) for d in program.segments["delay"]}
        seen |= {"chain"} if (heads["valid"] & heads["more"]).any() else set()
    expected = {("reset", k) for k in range(4)} | {("hold", 0), ("hold", 1), "refractory", "chain"}
    expected |= {(name, rail) for name in ("v", "i", "acc") for rail in ("low", "high")}
    expected |= {("start", False), ("start", True), ("delay", 0), ("delay", 7)}
    assert expected <= seen


def test_result_of_an_image_does_not_depend_on_its_batch():
    program = random_program(3, SMALL)
    rasters = np.stack([events_raster(program, random_events(k, program, STEPS)) for k in range(5)])
    together = run_batch(program, rasters, record=("spikes",))
    for k in range(5):
        alone = run_batch(program, rasters[k : k + 1], record=("spikes",))
        np.testing.assert_array_equal(alone.spikes[0], together.spikes[k])
        assert alone.total_cycles[0] == together.total_cycles[k]
