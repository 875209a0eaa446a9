# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import numpy as np
import pytest

import spikesim
from spikesim.core import SpikeTrains
from spikesim.errors import DeviceError, ValidationError
from spikesim.hw.axons import axon_sources, axon_window
from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.hw.device import Device
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.program_spikes import population_spikes
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.sim import Poisson

STEPS = 12
ENGINES = ["golden", "golden-readable", "device"]


@pytest.fixture(scope="module")
def program():
    rng = np.random.default_rng(3)
    net = Network(1e-3, "two inputs")
    net.add_input("a", 5)
    net.add_input("b", 7)
    net.add_population("hidden", 9, LIF(beta=0.9))
    net.add_population("out", 3, LIF(beta=0.8, alpha=0.5), start_tick=1)
    net.connect("a", "hidden", rng.normal(0.2, 0.3, (5, 9)))
    net.connect("b", "hidden", rng.normal(0.2, 0.3, (7, 9)))
    net.connect("hidden", "out", rng.normal(0.2, 0.3, (9, 3)), delay_ticks=2)
    net.connect("out", "hidden", rng.normal(0.0, 0.3, (3, 9)), delay_ticks=3)
    return compile_network(net, record=["hidden", "out"]).program


def drive(seed=0, steps=STEPS):
    rng = np.random.default_rng(seed)
    return {"a": rng.random((steps, 5)) < 0.3, "b": rng.random((steps, 7)) < 0.3}


def prepared(program, engine):
    if engine != "device":
        return spikesim.engines.prepare(program, engine)
    device = Device.open(InProcessTransport(GoldenDevice(program.config), "device"))
    return spikesim.engines.prepare(program, device, each_step=True)


def events(program, inputs, steps, seed=0):
    return axon_window(program, axon_sources(program, inputs, steps, seed), 0, steps)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_all_cores_give_the_same_recording(program, engine):
    record = ("spikes", "hidden.v", "out.i")
    fast = spikesim.run(program, drive(), STEPS, "golden", record)
    with prepared(program, engine) as ready:
        session = ready.start(drive(), STEPS, record=record)
        session.advance(STEPS)
        other = session.finish()
    assert fast.same_spikes(other)
    assert fast.counts("out").sum() > 0
    for name in ("hidden.v", "out.i"):
        np.testing.assert_array_equal(other.trace(name), fast.trace(name))
    assert other.meta == fast.meta
    assert program.program_id == fast.meta["program_id"]
    assert STEPS == len(fast.meta["cycles"])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_session_advanced_in_pieces_is_the_run_in_one_go(program, engine):
    whole = spikesim.run(program, drive(), STEPS, "golden", ("spikes", "hidden.v"))
    with prepared(program, engine) as ready:
        session = ready.start(drive(), record=("spikes", "hidden.v"))
        for piece in (0, 1, 4, 2, 5):
            session.advance(piece)
        assert STEPS == session.tick
        counts = session.counts("out")
        pieces = session.finish()
    assert whole.same_spikes(pieces)
    np.testing.assert_array_equal(whole.trace("hidden.v"), pieces.trace("hidden.v"))
    np.testing.assert_array_equal(whole.counts("out"), counts)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_saved_on_any_core_goes_on_on_both_golden_models(program, engine, tmp_path):
    whole = spikesim.run(program, drive(), STEPS, "golden")
    with prepared(program, engine) as ready:
        session = ready.start(drive(), STEPS)
        session.advance(5)
        session.save(tmp_path / "state")
    for other in ("golden", "golden-readable"):
        with prepared(program, other) as ready:
            session = ready.start(drive(), STEPS, resume=tmp_path / "state")
            assert 5 == session.tick
            session.advance(STEPS - 5)
            np.testing.assert_array_equal(whole.counts("out"), session.counts("out"))
            rest = session.finish()
        for name in ("hidden", "out"):
            np.testing.assert_array_equal(whole.raster(name)[5:], rest.raster(name))


def test_a_core_cannot_be_put_to_a_step_and_says_so(program, tmp_path):
    with prepared(program, "golden") as ready:
        session = ready.start(drive(), STEPS)
        session.advance(5)
        session.save(tmp_path / "state")
    with (
        prepared(program, "device") as ready,
        pytest.raises(ValidationError, match="cannot be put to a step, go on with engine 'golden'"),
    ):
        ready.start(drive(), STEPS, resume=tmp_path / "state")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"seed": 1}, "expected seed 0"), ({"steps": 4}, "expected steps of at least 5")],
)
def test_a_state_of_another_run_is_refused(program, tmp_path, change, message):
    with prepared(program, "golden") as ready:
        session = ready.start(drive(), STEPS)
        session.advance(5)
        session.save(tmp_path / "state")
        with pytest.raises(ValidationError, match=message):
            ready.start({}, **({"steps": STEPS, "resume": tmp_path / "state"} | change))
        other = compile_network(_one(), program.config).program
        with (
            prepared(other, "golden") as elsewhere,
            pytest.raises(ValidationError, match="expected that of program"),
        ):
            elsewhere.start({}, STEPS, resume=tmp_path / "state")


def _one():
    net = Network(1e-3, "one")
    net.add_input("a", 5)
    net.add_population("out", 2, LIF(beta=0.9))
    net.connect("a", "out", np.ones((5, 2)))
    return net


@pytest.mark.parametrize("engine", ENGINES)
def test_states_and_parameters_are_read_and_set_by_name(program, engine):
    with prepared(program, engine) as ready:
        session = ready.start(drive())
        session.advance(3)
        values = session.neurons["hidden"]
        before = values["v"].copy()
        values["v"] = before + 1
        np.testing.assert_array_equal(before + 1, values["v"])
        top = values["v_th"].copy()
        values["v_th"] = np.full(9, (1 << 17) - 1)
        session.advance(4)
        assert 0 == session.counts("hidden").sum() - _counts_at(program, 3)
        # A new session has the parameters of the program again.
        np.testing.assert_array_equal(top, ready.start(drive()).neurons["hidden"]["v_th"])


def _counts_at(program, steps):
    return (
        spikesim.run(program, {k: v[:steps] for k, v in drive().items()}, steps)
        .counts("hidden")
        .sum()
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("value", "legal"),
    [((1 << 17) - 1, True), (1 << 17, False), (-(1 << 17), True), (-(1 << 17) - 1, False)],
)
def test_codes_beyond_their_word_are_refused(program, engine, value, legal):
    with prepared(program, engine) as ready:
        values = ready.start({}).neurons["out"]
        if legal:
            values["v"] = value
            assert [value] * 3 == values["v"].tolist()
            return
        with pytest.raises(ValidationError, match="expected 'v' as codes of -131072 to 131071"):
            values["v"] = value
        assert [0, 0, 0] == values["v"].tolist()


def test_a_float_is_no_code(program):
    with prepared(program, "golden") as ready:
        with pytest.raises(ValidationError, match="expected 'v' as integer codes"):
            ready.start({}).neurons["out"]["v"] = 0.5


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_come_back_as_codes_with_their_delays(program, engine):
    with prepared(program, engine) as ready:
        session = ready.start({})
        inputs, lateral = session.weights("a->hidden"), session.weights("hidden->out")
    assert ({0}, {2}) == (set(inputs.delays.tolist()), set(lateral.delays.tolist()))
    assert ((5, 9), (9, 3)) == (inputs.to_dense().shape, lateral.to_dense().shape)
    # Codes are the given weights on a grid per target, so each is at most half a code off.
    given, codes = np.random.default_rng(3).normal(0.2, 0.3, (5, 9)), inputs.to_dense()
    for column, code in zip(given.T, codes.T, strict=True):
        scale = code @ column / (column @ column)
        assert np.abs(code - scale * column).max() < 0.6


def test_weights_of_no_pair_are_refused(program):
    with prepared(program, "golden") as ready:
        with pytest.raises(ValidationError, match="'source->target'"):
            ready.start({}).weights("hidden")


@pytest.mark.parametrize("engine", ENGINES)
def test_clear_goes_back_to_the_start_and_keeps_what_it_is_told(program, engine):
    with prepared(program, engine) as ready:
        session = ready.start(drive())
        session.advance(6)
        held = session.neurons["hidden"]["v"].copy()
        session.clear(keep=["v"])
        np.testing.assert_array_equal(held, session.neurons["hidden"]["v"])
        session.clear()
        assert not session.neurons["hidden"]["v"].any()
        assert 0 == session.counts("out").sum()
        assert 6 == session.tick
        with pytest.raises(ValidationError, match="expected states among"):
            session.clear(keep=["theta"])


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


@pytest.mark.parametrize("steps", [-1, 2.5, True])
def test_steps_have_to_be_a_number_of_ticks(program, steps):
    with pytest.raises(ValidationError, match="steps as an integer"):
        spikesim.run(program, {}, steps)


@pytest.mark.parametrize(("ticks", "legal"), [(STEPS, True), (STEPS + 1, False), (-1, False)])
def test_a_session_ends_where_it_was_told(program, ticks, legal):
    with prepared(program, "golden") as ready:
        session = ready.start({}, STEPS)
        if legal:
            session.advance(ticks)
            assert session.finish().complete
            return
        with pytest.raises(ValidationError, match=f"expected 0 to {STEPS} further ticks"):
            session.advance(ticks)
        assert not session.finish().complete


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


def test_a_counter_at_its_end_is_no_count(program):
    device = Device.open(InProcessTransport(GoldenDevice(program.config), "device"))
    with spikesim.engines.prepare(program, device) as ready:
        session = ready.start({})
        first = program.groups["out"][0]
        device.write("COUNT", first, [65_534])
        assert 65_534 == session.counts("out")[0]
        device.write("COUNT", first, [65_535])
        with pytest.raises(DeviceError, match="counts below 65535"):
            session.counts("out")


def test_a_compile_result_runs_as_its_program(program):
    class Result:
        pass

    result = Result()
    result.program = program
    assert 0 == len(spikesim.run(result, {}, 2, "golden").spikes["out"])


def test_spikes_are_split_by_population_and_padding_is_left_out(program):
    first, n, _ = program.groups["out"]
    where = [0, 8, first + 2, first + n]
    spikes = population_spikes(program, program.groups, [0, 0, 1, 1], where, 2)
    assert [0, 8] == spikes["hidden"].index.tolist()
    assert ([1], [2]) == (spikes["out"].ticks.tolist(), spikes["out"].index.tolist())


def test_importing_the_engines_loads_neither_numba_nor_torch():
    code = (
        "import sys, spikesim.hw.engines, spikesim.hw.compile;"
        "print([m for m in ('numba', 'torch', 'serial') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
