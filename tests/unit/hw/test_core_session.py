# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import numpy as np
import pytest

import spikesim
from spikesim.errors import DeviceError, SpikesimError, ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.program_spikes import population_spikes
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.network import Network
from spikesim.neurons import LIF
from tests.reference.two_inputs import ENGINES, STEPS, drive, prepared, two_input_program


@pytest.fixture(scope="module")
def program():
    return two_input_program()


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
    whole = spikesim.run(program, drive(), STEPS, "golden")
    with prepared(program, "device") as ready:
        before = ready.start(drive(), STEPS)
        before.advance(6)
        with pytest.raises(
            ValidationError, match="cannot be put to a step, go on with engine 'golden'"
        ) as error:
            ready.start(drive(), STEPS, resume=tmp_path / "state")
        assert 1 == len(error.value.problems)
        # The session before it has kept its core.
        before.advance(STEPS - 6)
        np.testing.assert_array_equal(whole.counts("out"), before.counts("out"))
        assert before.finish().same_spikes(whole)


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


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("later", ["start", "batch"])
def test_a_session_is_over_when_its_core_goes_to_another(program, engine, later):
    half = spikesim.run(program, drive(), STEPS, "golden").spikes["out"].window(0, 6)
    with prepared(program, engine) as ready:
        session = ready.start(drive(), 2 * STEPS)
        session.advance(6)
        if later == "start":
            ready.start({}).advance(3)
        else:
            ready.batch([{}], 3)
        for use in (
            lambda: session.advance(1),
            lambda: session.counts("out"),
            lambda: session.clear(),
            lambda: session.neurons["out"]["v"],
        ):
            with pytest.raises(SpikesimError, match=rf"a later {later}\(\)"):
                use()
        assert session.finish().spikes["out"] == half


@pytest.mark.parametrize("engine", ENGINES)
def test_a_refused_start_leaves_the_session_before_it_alone(program, engine, tmp_path):
    whole = spikesim.run(program, drive(), STEPS, "golden")
    with prepared(program, engine) as ready:
        session = ready.start(drive(), STEPS)
        session.advance(6)
        with pytest.raises(ValidationError, match="input 'nothing'"):
            ready.start({"nothing": 1})
        with pytest.raises(ValidationError, match="no such file"):
            ready.start({}, resume=tmp_path / "absent")
        with pytest.raises(ValidationError, match="expected steps"):
            ready.batch([{}])
        session.advance(6)
        assert session.finish().same_spikes(whole)


@pytest.mark.parametrize("seed", [2.5, -1, "1"])
def test_what_is_no_seed_is_refused(program, seed):
    with pytest.raises(ValidationError, match="seed: expected an integer >= 0"):
        spikesim.prepare(program, "golden").start({}, seed=seed)
