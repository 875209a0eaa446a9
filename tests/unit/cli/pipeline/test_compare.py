# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.cli.pipeline.board import device_crcs, expected_crcs, run_images, step_through
from spikesim.cli.pipeline.compare import QUANTITIES, STATE_WORDS, Tally, add_image
from spikesim.hw.device import Device
from spikesim.hw.golden.fast import run_batch
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice

STEPS, IMAGES = 9, 3


@pytest.fixture
def program(files):
    from spikesim.hw.program import Program

    return Program.load(files / "prog.spk")


@pytest.fixture
def rasters():
    return np.random.default_rng(5).random((IMAGES, STEPS, 16)) < 0.4


@pytest.fixture
def golden(program, rasters):
    return run_batch(program, rasters, record=("spikes", "cycles"))


@pytest.fixture
def device(program):
    with Device.open(InProcessTransport(GoldenDevice(program.config))) as device:
        device.load(program)
        yield device


def tally_of(program, golden, runs, change=lambda k, spikes, words, cycles: cycles):
    tally = Tally()
    for k, run in enumerate(runs):
        spikes = {name: run.record.raster(name).copy() for name in program.groups}
        words = {name: values.copy() for name, values in run.words.items()}
        cycles = change(k, spikes, words, run.cycles)
        add_image(tally, program, golden, k, spikes, words, cycles)
    return tally


def test_equal_engines_give_no_mismatch_and_compare_everything(program, rasters, golden, device):
    tally = tally_of(program, golden, run_images(device, rasters, golden, IMAGES))
    config = program.config
    assert tally.clean
    assert IMAGES == tally.words_read
    assert {
        "spikes": IMAGES * STEPS * 16, "acc": IMAGES * config.delay_slots * config.n_neurons,
        "cycles": IMAGES, **dict.fromkeys(("v", "i", "refr", "count"), IMAGES * config.n_neurons),
    } == tally.compared  # fmt: skip


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_one_changed_value_is_one_mismatch(program, rasters, golden, device, quantity):
    def change(k, spikes, words, cycles):
        if k == 1 and quantity == "spikes":
            spikes["layer1"][4, 2] ^= True
        elif k == 1 and quantity in STATE_WORDS:
            words[quantity].reshape(-1)[7] += 1
        return cycles + (k == 1 and quantity == "cycles")

    tally = tally_of(program, golden, run_images(device, rasters, golden, IMAGES), change)
    assert {**dict.fromkeys(QUANTITIES, 0), quantity: 1} == tally.mismatches
    assert not tally.clean


def test_equal_state_is_recognized_by_its_crc(program, rasters, golden, device):
    runs = list(run_images(device, rasters, golden, read_first=1))
    assert [False, True, True] == [run.words is None for run in runs]


@pytest.mark.parametrize("quantity", STATE_WORDS)
def test_state_is_read_when_its_crc_differs(program, rasters, golden, device, quantity):
    wrong = golden.counts if quantity == "count" else golden.state[quantity]
    wrong[2].reshape(-1)[3] ^= 1
    runs = list(run_images(device, rasters, golden, read_first=0))
    assert [True, True, False] == [run.words is None for run in runs]
    tally = Tally()
    add_image(tally, program, golden, 2, {n: runs[2].record.raster(n) for n in program.groups},
              runs[2].words, runs[2].cycles)  # fmt: skip
    assert 1 == tally.mismatches[quantity] == tally.words


def test_crcs_are_those_of_the_windows_halfwords(program, rasters, golden, device):
    device.run({"in": rasters[0]}, STEPS)
    assert device_crcs(device) == expected_crcs(golden, 0)
    assert device_crcs(device) != expected_crcs(golden, 1)


def test_stepping_gives_the_spikes_and_cycles_of_one_run(program, rasters, golden, device):
    record, cycles, codes = step_through(device, rasters[0], "layer1.v")
    whole = device.run({"in": rasters[0]}, STEPS)
    assert golden.cycles[0].tolist() == cycles.tolist()
    assert all(whole.spikes[name] == record.spikes[name] for name in program.groups)
    assert rasters[0].tolist() == record.raster("in").tolist()
    first, n, _ = program.groups["layer1"]
    assert golden.state["v"][0, first : first + n].tolist() == codes[-1].tolist()
