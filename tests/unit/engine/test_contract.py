# SPDX-License-Identifier: Apache-2.0
"""What every engine has to do, asked of each of them in the same words.

The network is exact on all of them: decays and thresholds are powers of two, and the largest weight
onto each neuron is 127 / 128, so that 8 bits hold all weights as they are.
"""

import numpy as np
import pytest

import spikesim
from spikesim import LIF, Network, Poisson, ValidationError
from spikesim.engine import Batch, Engine, Prepared, Session, Variables
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.device.core import DeviceCore
from spikesim.hw.golden.cores import FastCore, ReadableCore
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice

STEPS = 40


def net():
    rng = np.random.default_rng(5)
    made = Network(dt=1e-3, units="own")
    made.add_input("in", 6)
    made.add_population("hidden", 7, LIF(beta=0.5, v_th=2.0, refractory_ticks=1))
    made.add_population("out", 3, LIF(beta=0.5, v_th=0.75))
    made.connect("in", "hidden", weights(rng, (6, 7)))
    made.connect("hidden", "out", weights(rng, (7, 3)), delay_ticks=2)
    return made


def weights(rng, shape):
    drawn = rng.choice([-0.25, 0.25, 0.5, 127 / 128], shape)
    drawn[0] = 127 / 128
    return drawn


def _device():
    program = compile_network(net()).program
    return Device.open(InProcessTransport(GoldenDevice(program.config), "device"))


ENGINES = {
    "float": lambda: spikesim.engines.find_engine("float"),
    "float64": lambda: spikesim.engines.find_engine("float", dtype="float64", blocks=3),
    "golden": lambda: spikesim.engines.find_engine("golden"),
    "golden-readable": lambda: spikesim.engines.find_engine("golden-readable"),
    "device": lambda: spikesim.engines.find_engine(_device()),
    "rtl": lambda: spikesim.engines.find_engine("rtl"),
}
MARKED = [pytest.param(name, marks=pytest.mark.rtl) if name == "rtl" else name for name in ENGINES]


@pytest.fixture(params=MARKED)
def engine(request):
    return ENGINES[request.param]()


def drive(seed=0):
    return {"in": np.random.default_rng(seed).random((STEPS, 6)) < 0.6}


def reference(seed=0):
    return spikesim.run(net(), drive(seed), STEPS, dtype="float64")


def test_its_parts_fulfil_the_protocols(engine):
    assert isinstance(engine, Engine)
    with engine.prepare(net()) as ready:
        assert isinstance(ready, Prepared)
        assert isinstance(ready.start({}), Session)
        assert isinstance(ready.batch({"in": drive()["in"][None]}), Batch)
    assert engine.explain(net())


def test_it_gives_the_spikes_of_the_reference(engine):
    run = spikesim.run(net(), drive(), STEPS, engine=engine)
    assert reference().counts("out").min() > 0
    assert run.same_spikes(reference())
    assert (STEPS, 1e-3, True, 0) == (run.steps, run.dt, run.complete, run.start)


def test_pieces_are_the_whole_and_need_no_known_end(engine):
    with engine.prepare(net()) as ready:
        session = ready.start(drive())
        for piece in (0, 1, 7, 32):
            session.advance(piece)
        assert STEPS == session.tick
        assert not session.interrupted
        counts = session.counts("out")
        run = session.finish()
    assert run.same_spikes(reference())
    assert reference().counts("out").tolist() == counts.tolist()


def test_inputs_may_be_exchanged_between_two_ticks(engine):
    inputs, other = drive()["in"], drive(1)["in"]
    joined = np.concatenate([inputs[:15], other[15:]])
    with engine.prepare(net()) as ready:
        session = ready.start({"in": inputs})
        session.advance(15)
        session.set_inputs({"in": other})
        session.advance(STEPS - 15)
        run = session.finish()
    assert run.same_spikes(spikesim.run(net(), {"in": joined}, STEPS))


def test_sessions_of_one_network_do_not_know_of_each_other(engine):
    with engine.prepare(net()) as ready:
        first = ready.start(drive(1), STEPS)
        first.advance(9)
        second = ready.start(drive(), STEPS)
        second.advance(STEPS)
        assert second.finish().same_spikes(reference())


def test_states_and_parameters_are_read_and_set_by_name(engine):
    with engine.prepare(net()) as ready:
        session = ready.start({})
        values = session.neurons["hidden"]
        assert isinstance(values, Variables)
        assert ["hidden", "out"] == list(session.neurons)
        session.advance(3)
        values["v_th"] = values["v_th"] // 2
        values["v"] = values["v_th"] + np.zeros(7, np.int64)
        session.advance(1)
        values["v"] *= 0
        assert not values["v"].any()
        with pytest.raises(ValidationError, match="among"):
            values["nothing"]
        with pytest.raises(ValidationError, match="shape"):
            values["v"] = np.zeros(6, np.int64)


def test_a_population_itself_cannot_be_assigned_to(engine):
    with engine.prepare(net()) as ready:
        session = ready.start({})
        with pytest.raises(TypeError, match="item assignment"):
            session.neurons["out"] = 3
        with pytest.raises(ValidationError, match=r"among .*nobody"):
            session.neurons["nobody"]


def test_a_slice_of_a_population_stands_wherever_the_population_does(engine):
    made = net()
    views = {"hidden[2:5]": slice(2, 5), "hidden[::3]": slice(0, 7, 3), "hidden[-1]": slice(6, 7)}
    with engine.prepare(made) as ready:
        session = ready.start(drive())
        session.advance(9)
        whole, counts = session.neurons["hidden"], session.counts("hidden")
        assert len(set(counts.tolist())) > 3
        for text, chosen in views.items():
            assert text in session.neurons
            for name in ("v", "v_th"):
                full = np.broadcast_to(whole[name], 7)
                got = np.broadcast_to(session.neurons[text][name], full[chosen].shape)
                np.testing.assert_array_equal(full[chosen], got)
            np.testing.assert_array_equal(counts[chosen], session.counts(text))
        view = made.populations["hidden"][2:5]
        np.testing.assert_array_equal(counts[2:5], session.counts(view))
        np.testing.assert_array_equal(whole["v"][2:5], session.neurons[view]["v"])


def test_what_is_set_for_a_slice_leaves_the_others(engine):
    with engine.prepare(net()) as ready:
        session = ready.start(drive())
        session.advance(9)
        whole, part = session.neurons["hidden"], session.neurons["hidden[1:6:2]"]
        for name, value in (("v", 0), ("refr", [1, 2, 3]), ("v_th", 1)):
            expected = np.broadcast_to(whole[name], 7).copy()
            expected[1:6:2] = value
            part[name] = value
            np.testing.assert_array_equal(expected, whole[name])
        part["v"] += 1
        np.testing.assert_array_equal([1, 1, 1], whole["v"][1:6:2])
        with pytest.raises(ValidationError, match=r"'hidden\[1:6:2\]'.* of shape \(3,\)"):
            part["v"] = np.zeros(7, np.int64)


@pytest.mark.parametrize("ask", [lambda s, k: s.neurons[k], lambda s, k: s.counts(k)])
def test_a_slice_that_is_not_there_is_refused(engine, ask):
    with engine.prepare(net()) as ready:
        session = ready.start({})
        for text, message in (("hidden[7:]", "of 7 neurons"), ("in[:2]", "among .*'hidden'")):
            with pytest.raises(ValidationError, match=message) as error:
                ask(session, text)
            assert 1 == len(error.value.problems)
            assert text not in session.neurons


def test_clear_forgets_what_is_under_way(engine):
    with engine.prepare(net()) as ready:
        session = ready.start(drive())
        session.advance(11)
        session.clear()
        session.set_inputs({})
        session.advance(10)
        raster = session.finish().raster("out")
    assert not raster[11:].any()


def test_clear_keeps_what_it_is_told_by_one_name_or_several(engine):
    with engine.prepare(net()) as ready:
        for keep in ("refr", ["refr"], {"v", "refr"}):
            session = ready.start({})
            session.neurons["hidden"]["refr"] = 1
            session.neurons["hidden"]["v"] = 1
            session.clear(keep)
            assert session.neurons["hidden"]["refr"].tolist() == [1] * 7
            assert session.neurons["hidden"]["v"].tolist() == [int("v" in keep)] * 7
        with pytest.raises(ValidationError, match=r"to keep, got \['theta'\]"):
            session.clear("theta")


@pytest.mark.parametrize("ticks", [2.7, 3.0, "3", True, None])
def test_ticks_are_whole(engine, ticks):
    with engine.prepare(net()) as ready:
        session = ready.start({})
        with pytest.raises(ValidationError, match="expected ticks as an integer, got"):
            session.advance(ticks)
        assert session.tick == 0


@pytest.mark.parametrize("steps", [5.7, -1, "5", True])
@pytest.mark.parametrize("samples", [[{}], {"in": np.zeros((2, 3, 6), bool)}])
def test_steps_of_a_batch_are_whole(engine, samples, steps):
    with engine.prepare(net()) as ready:
        with pytest.raises(ValidationError, match="batch: expected steps as an integer >= 0"):
            ready.batch(samples, steps)


def test_a_batch_is_the_runs_of_its_samples(engine):
    samples = np.stack([drive(seed)["in"] for seed in range(4)])
    expected = [reference(seed).counts("out").tolist() for seed in range(4)]
    with engine.prepare(net()) as ready:
        batch = ready.batch({"in": samples}, STEPS)
        listed = ready.batch([{"in": sample} for sample in samples], STEPS)
    assert expected == batch.counts["out"].tolist() == listed.counts["out"].tolist()
    assert [int(np.argmax(row)) for row in expected] == batch.labels.tolist()


def test_a_batch_takes_rasters_of_parts_of_an_input(engine):
    made = net()
    samples = np.stack([drive(seed)["in"] for seed in range(3)])
    silent = samples.copy()
    silent[:, :, 4:] = False
    with engine.prepare(made) as ready:
        whole = ready.batch({"in": samples}, STEPS).counts["out"]
        parts = {made.inputs["in"][4:]: samples[:, :, 4:], "in[:4]": samples[:, :, :4]}
        np.testing.assert_array_equal(whole, ready.batch(parts, STEPS).counts["out"])
        some = ready.batch({"in": silent}, STEPS).counts["out"]
        part = ready.batch({"in[0:4]": samples[:, :, :4]}, STEPS, populations=["out[1:]", "hidden"])
        np.testing.assert_array_equal(some, part.counts["out"])
        np.testing.assert_array_equal(some[:, 1:], part.counts["out[1:]"])
        assert (3, 7) == part.counts["hidden"].shape
    assert not np.array_equal(some, whole)


@pytest.mark.parametrize("listed", [False, True])
def test_a_batch_tells_how_far_it_is_and_gives_the_same(engine, listed, monkeypatch):
    samples, seen = np.stack([drive(seed)["in"] for seed in range(5)]), []
    for core in (FastCore, ReadableCore, DeviceCore):
        monkeypatch.setattr(core, "at_once", 2 * STEPS)
    given = [{"in": sample} for sample in samples] if listed else {"in": samples}
    with engine.prepare(net()) as ready:
        silent = ready.batch(given, STEPS)
        told = ready.batch(given, STEPS, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(silent.counts["out"], told.counts["out"])
    counts = [done for done, _ in seen]
    assert counts == sorted(set(counts))
    assert len(seen) >= 3  # not only the end
    assert {5} == {total for _, total in seen}
    assert counts[-1] == 5


RASTER = np.zeros((2, 5, 6), bool)


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        ({}, {}, "batch: expected rasters of an input among ['in']"),
        ({"out": RASTER}, {}, "input 'out': expected one of ['in']"),
        ({"in[9:]": RASTER}, {}, "inputs: population 'in[9:]': expected a slice with neurons in it,"
         " got [9:] of 6 neurons"),
        ({"in[::2]": RASTER}, {}, "input 'in[::2]': expected lines next to each other, got a step "
         "of 2; drive each by itself, or all with rates of 0 between"),
        ({"in[:2]": RASTER[:, :, :2], "in[1]": RASTER[:, :, :1]}, {}, "input 'in': expected each "
         "line to be driven once, got 'in[0:2]' and 'in[1:2]'"),
        ({"in[:2]": RASTER}, {}, "input 'in[:2]': expected rasters of shape (samples, steps, 2), "
         "got (2, 5, 6)"),
        ({"in": [[[1], [1, 2]]]}, {}, "input 'in': raster: expected an array, got lists of several "
         "lengths"),
        ({"in": RASTER[0]}, {}, "input 'in': expected rasters of shape (samples, steps, 6), got "
         "(5, 6)"),
        ({"in": RASTER + 0.5}, {}, "input 'in': expected bool or values 0 and 1, got dtype float64 "
         "with other values; encode intensities into spikes first"),
        ({"in[0]": RASTER[:, :, :1], "in[1]": RASTER[:1, :, :1]}, {}, "batch: expected rasters of "
         "one shape (samples, steps), got [(1, 5), (2, 5)]"),
        ({"in": RASTER}, {"steps": 4}, "batch: expected at least 5 steps, the length of the "
         "rasters, got 4"),
        ({"in": RASTER}, {"seeds": [1, 2]}, "batch: expected no seeds for rasters, in which "
         "nothing is random"),
        ({"in": RASTER}, {"populations": "in"}, "batch: expected a population among ['hidden', "
         "'out'], or a slice of one, got 'in'"),
    ],
)  # fmt: skip
def test_a_batch_that_makes_no_sense_is_refused_in_the_same_words(
    engine, samples, options, message
):
    with engine.prepare(net()) as ready, pytest.raises(ValidationError) as error:
        ready.batch(samples, **options)
    assert (message,) == error.value.problems


def test_a_batch_of_random_inputs_takes_a_seed_each(engine):
    sample = {"in": Poisson(300.0)}
    runs = [spikesim.run(net(), sample, STEPS, seed=seed).counts("out").tolist() for seed in (7, 3)]
    with engine.prepare(net()) as ready:
        assert runs == ready.batch([sample] * 2, STEPS, seeds=[7, 3]).counts["out"].tolist()


def test_weights_come_with_their_delays(engine):
    rows = net().projections["hidden->out"].rows
    with engine.prepare(net()) as ready:
        session = ready.start({})
        got = session.weights("hidden->out")
        with pytest.raises(ValidationError, match="nothing"):
            session.weights("nothing")
    assert rows.delays.tolist() == got.delays.tolist()
    assert np.array_equal(np.sign(rows.weights), np.sign(got.weights))
    ratio = got.weights / rows.weights
    assert ratio.min() > 0
    # One scale for all: a power of two on a core.
    assert 1 == np.unique(ratio).size


@pytest.mark.parametrize(
    ("inputs", "steps", "options", "message"),
    [
        ({"x": np.zeros((3, 6))}, 3, {}, "'in'"),
        ({"in": np.zeros((3, 5))}, 3, {}, "expected 6 lines, got 5"),
        ({"in": [[1], [1, 2]]}, 3, {}, "'in': raster: expected an array, got lists of several"),
        ({"in": np.zeros((3, 6))}, 2, {}, "at most 2 ticks, got 3"),
        (np.zeros((3, 6)), 3, {}, "a mapping"),
        ({}, -1, {}, "steps as an integer"),
        ({}, 2.5, {}, "steps as an integer"),
        ({}, 10**13 + 1, {}, "at most 10,000,000,000,000 ticks, .* got 10,000,000,000,001; run"),
        ({}, 3, {"record": "out.w"}, "out"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(engine, inputs, steps, options, message):
    with engine.prepare(net()) as ready, pytest.raises(ValidationError, match=message):
        ready.start(inputs, steps, **options)


@pytest.mark.parametrize("inputs", [{"in[8:]": RASTER[0]}, {"in[::2]": RASTER[0]}])
def test_an_illegal_slice_is_one_problem(engine, inputs):
    with engine.prepare(net()) as ready:
        with pytest.raises(ValidationError) as error:
            ready.start(inputs, 5)
        session = ready.start({})
        with pytest.raises(ValidationError) as again:
            session.set_inputs(inputs)
    assert 1 == len(error.value.problems) == len(again.value.problems)


@pytest.mark.parametrize("steps", [None, 10**16])
def test_a_run_has_an_end(engine, steps):
    with pytest.raises(ValidationError, match="run: expected") as error:
        spikesim.run(net(), {}, steps, engine=engine)
    assert 1 == len(error.value.problems)


def test_a_session_without_an_end_is_bounded_all_the_same(engine):
    with engine.prepare(net()) as ready:
        session = ready.start({})
        session.advance(3)
        with pytest.raises(ValidationError, match=r"at most 10,000,000,000,000 ticks, .*003; run"):
            session.advance(10**13)


@pytest.mark.parametrize(("ticks", "legal"), [(STEPS, True), (STEPS + 1, False), (-1, False)])
def test_a_session_ends_where_it_was_told(engine, ticks, legal):
    with engine.prepare(net()) as ready:
        session = ready.start({}, STEPS)
        if legal:
            session.advance(ticks)
        else:
            with pytest.raises(ValidationError, match=f"0 to {STEPS} further ticks"):
                session.advance(ticks)
        assert legal == session.finish().complete


def test_a_wrong_model_is_refused(engine):
    with pytest.raises(ValidationError, match="expected a Network"):
        engine.prepare("net")
