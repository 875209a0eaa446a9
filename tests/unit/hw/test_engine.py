# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.hw.engine import ENGINES, axon_events, find_engine, population_spikes, run_program
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Recording
from spikesim.sim import Poisson

STEPS = 12


@pytest.fixture(scope="module")
def program():
    rng = np.random.default_rng(3)
    net = Network(1e-3, "two inputs")
    net.add_input("a", 5)
    net.add_input("b", 7)
    net.add_population("hidden", 9, LIF(beta=0.9))
    net.add_population("out", 3, LIF(beta=0.8, alpha=0.5, start_tick=1))
    net.connect("a", "hidden", rng.normal(0.2, 0.3, (5, 9)))
    net.connect("b", "hidden", rng.normal(0.2, 0.3, (7, 9)))
    net.connect("hidden", "out", rng.normal(0.2, 0.3, (9, 3)))
    return compile_network(net).program


def drive(seed=0):
    rng = np.random.default_rng(seed)
    return {"a": rng.random((STEPS, 5)) < 0.3, "b": rng.random((STEPS, 7)) < 0.3}


def test_both_golden_engines_give_the_same_recording(program):
    record = ("spikes", "hidden.v", "out.i")
    fast = run_program(program, drive(), STEPS, "golden", record)
    readable = run_program(program, drive(), STEPS, "golden-readable", record)
    assert fast.same_spikes(readable)
    assert fast.counts("out").sum() > 0
    for name in ("hidden.v", "out.i"):
        np.testing.assert_array_equal(readable.trace(name), fast.trace(name))
    assert readable.meta == fast.meta
    assert program.program_id == fast.meta["program_id"]
    assert STEPS == len(fast.meta["cycles"])


def test_spikes_and_raster_are_the_same_input(program):
    trains = {name: SpikeTrains.from_raster(raster) for name, raster in drive().items()}
    first = run_program(program, trains, STEPS)
    assert first.same_spikes(run_program(program, drive(), STEPS))


def test_an_input_left_out_is_silent(program):
    silent = drive() | {"b": np.zeros((STEPS, 7), bool)}
    expected = run_program(program, silent, STEPS)
    assert expected.same_spikes(run_program(program, {"a": drive()["a"]}, STEPS))


def test_poisson_input_is_that_of_the_float_engine(program):
    drawn = Poisson(200.0).trains(5, STEPS, 1e-3, 7, "a")
    events = axon_events(program, {"a": Poisson(200.0)}, STEPS, seed=7)
    np.testing.assert_array_equal(drawn.ticks, events.ticks)


def test_axons_of_the_second_input_follow_those_of_the_first(program):
    events = axon_events(program, {"b": SpikeTrains([2], [0], 7, STEPS)}, STEPS)
    assert ([2], [5]) == (events.ticks.tolist(), events.index.tolist())


def test_every_problem_of_a_run_is_reported_at_once(program):
    inputs = {"a": np.zeros((STEPS, 6)), "nobody": np.zeros((STEPS, 1))}
    with pytest.raises(ValidationError) as caught:
        run_program(program, inputs, STEPS, record=("spikes", "hidden.w"))
    text = str(caught.value)
    for part in ("input 'a'", "expected spikes of 5 lines", "input 'nobody'", "'hidden.w'"):
        assert part in text


def test_input_longer_than_the_run_is_refused(program):
    with pytest.raises(ValidationError, match="at most 11 steps, got 5 lines over 12"):
        run_program(program, {"a": drive()["a"]}, STEPS - 1)


@pytest.mark.parametrize("steps", [-1, 2.5, True])
def test_steps_have_to_be_a_number_of_ticks(program, steps):
    with pytest.raises(ValidationError, match="steps as an integer"):
        run_program(program, {}, steps)


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
    assert 31 == len(axon_events(program, {"in": raster}, 3))
    raster[1, 31] = True
    with pytest.raises(ValidationError, match=r"at most 31 .* got 32 in step 1"):
        run_program(program, {"in": raster}, 3)


def test_an_engine_may_be_an_object(program):
    class Echo:
        def run_program(self, program, axons, steps, record, **options):
            return Recording({}, {}, steps, program.dt, "echo", {"options": options, "n": axons.n})

    recording = run_program(program, {}, 4, Echo(), clk_hz=12)
    assert ("echo", {"clk_hz": 12}) == (recording.engine, recording.meta["options"])
    assert program.config.n_axons == recording.meta["n"]


@pytest.mark.parametrize("engine", ["vhdl", object(), None])
def test_an_unknown_engine_is_refused(program, engine):
    with pytest.raises(ValidationError, match="expected an engine among"):
        run_program(program, {}, 1, engine)


def test_only_a_program_runs():
    with pytest.raises(ValidationError, match="expected a Program, got str"):
        run_program("net", {}, 1)


def test_a_compile_result_runs_as_its_program(program):
    class Result:
        pass

    result = Result()
    result.program = program
    assert 0 == len(run_program(result, {}, 2).spikes["out"])


def test_golden_engines_can_be_found():
    for name in ("golden", "golden-readable"):
        assert name in ENGINES
        assert callable(find_engine(name))


def test_spikes_are_split_by_population_and_padding_is_left_out(program):
    first, n, _ = program.groups["out"]
    spikes = population_spikes(program, [0, 0, 1, 1], [0, 8, first + 2, first + n], 2)
    assert [0, 8] == spikes["hidden"].index.tolist()
    assert ([1], [2]) == (spikes["out"].ticks.tolist(), spikes["out"].index.tolist())


def test_importing_the_engine_loads_neither_numba_nor_torch():
    code = (
        "import sys, spikesim.hw.engine, spikesim.hw.compile;"
        "print([m for m in ('numba', 'torch', 'serial') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_a_board_without_a_port_is_refused_and_names_the_virtual_one(program):
    with pytest.raises(ValidationError, match=r"'board' expected port=.*engine='virtual'"):
        run_program(program, drive(), STEPS, "board")


@pytest.mark.parametrize("option", [{"port": "/dev/ttyUSB0"}, {"baud": 9600}])
def test_the_virtual_board_takes_no_line(program, option):
    with pytest.raises(ValidationError, match=r"'virtual' starts .*engine='board'"):
        run_program(program, drive(), STEPS, "virtual", **option)


@pytest.mark.rtl
def test_the_virtual_board_by_name_gives_the_golden_recording(program):
    golden = run_program(program, drive(), STEPS)
    assert golden.same_spikes(run_program(program, drive(), STEPS, "virtual"))


@pytest.mark.parametrize(
    "given", [np.ones((STEPS, 5), bool), None, [1]], ids=["array", "None", "list"]
)
def test_inputs_that_are_no_mapping_are_refused_with_the_names(program, given):
    with pytest.raises(ValidationError, match=r"expected a mapping .*\['a', 'b'\]"):
        run_program(program, given, STEPS)
