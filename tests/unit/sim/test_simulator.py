# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.network import AllToAll, FixedProbability, Network, OneToOne
from spikesim.neurons import LIF
from spikesim.sim import Poisson, Simulator, simulate
from spikesim.sim.run import run
from tests.reference.dense_stack import run_stack
from tests.reference.lif_network import run_reference


def _single(lif, weight=1.0, start_tick=0, **connection):
    net = Network(dt=1e-3)
    net.add_input("in", 1)
    net.add_population("out", 1, lif, start_tick=start_tick)
    net.connect("in", "out", [[weight]], **connection)
    return net


def _ticks(net, drive, steps=None, **options):
    """Ticks in which "out" fires; ``drive`` has one 0 or 1 per tick."""
    raster = np.array(drive, dtype=bool)[:, None]
    recording = simulate(net, {"in": raster}, steps or len(drive), **options)
    return recording.spikes["out"].ticks.tolist()


def test_spike_at_exact_threshold_fires_unless_strict():
    assert _ticks(_single(LIF(beta=0.9, v_th=1.0)), [1, 0]) == [0]
    assert _ticks(_single(LIF(beta=0.9, v_th=1.0, strict=True)), [1, 0]) == []
    just_below = float(np.nextafter(np.float32(1.0), np.float32(0.0)))
    assert _ticks(_single(LIF(beta=0.9, v_th=1.0), just_below), [1, 0], dtype="float64") == []


@pytest.mark.parametrize("delay", [0, 1, 2, 63, 64, 65, 1000])
def test_an_input_spike_acts_after_exactly_its_delay(delay):
    net = _single(LIF(beta=0.0), delay_ticks=delay)
    assert [delay, delay + 2] == _ticks(net, [1, 0, 1], steps=delay + 5)
    assert [] == _ticks(net, [1], steps=max(delay, 1))[1:]


@pytest.mark.parametrize("delay", [1, 2, 7, 500])
def test_a_neuron_spike_acts_after_exactly_its_delay(delay):
    net = Network(dt=1e-3)
    net.add_input("in", 1)
    net.add_population("first", 1, LIF(beta=0.0))
    net.add_population("out", 1, LIF(beta=0.0))
    net.connect("in", "first", [[1.0]])
    net.connect("first", "out", [[1.0]], delay_ticks=delay)
    assert [3 + delay] == _ticks(net, [0, 0, 0, 1], steps=5 + delay)


def test_delays_of_one_row_do_not_disturb_each_other():
    net = Network(dt=1e-3)
    net.add_input("in", 1)
    net.add_population("out", 4, LIF(beta=0.0))
    net.connect("in", "out", [[1.0] * 4], delay_ticks=np.array([[3, 0, 1, 2]]))
    spikes = simulate(net, {"in": [[1]]}, 5).spikes["out"]
    assert SpikeTrains([0, 1, 2, 3], [1, 2, 3, 0], 4, 5) == spikes


@pytest.mark.parametrize(("refractory_ticks", "ticks"), [(0, [0, 1, 2, 3]), (1, [0, 2]), (3, [0])])
def test_the_neuron_fires_again_right_after_its_refractory_time(refractory_ticks, ticks):
    net = _single(LIF(beta=0.0, refractory_ticks=refractory_ticks))
    assert ticks == _ticks(net, [1, 1, 1, 1])


def _v(lif, drive, weight=1.0, start_tick=0):
    recording = simulate(
        _single(lif, weight, start_tick),
        {"in": np.array(drive, bool)[:, None]},
        len(drive),
        record=("spikes", "out.v"),
    )
    return recording.trace("out.v")[:, 0].tolist()


def test_gated_membrane_moves_while_refractory_and_held_membrane_does_not():
    drive = [1, 1, 1, 1]
    gate = LIF(beta=1.0, v_th=1.0, refractory_ticks=2, refractory="gate")
    hold = LIF(beta=1.0, v_th=1.0, refractory_ticks=2, refractory="hold")
    assert [0.0, 1.0, 2.0, 0.0] == _v(gate, drive)  # fires again in tick 3, from 3
    assert [0.0, 0.0, 0.0, 0.0] == _v(hold, drive)  # fires again in tick 3, from 1


def test_the_current_decays_while_the_membrane_is_held():
    lif = LIF(beta=1.0, alpha=0.5, refractory_ticks=1, refractory="hold")
    assert [0.0, 0.0, 0.25, 0.375] == _v(lif, [1, 0, 0, 0])


# h is 1.25 in tick 0 and fires; what is left decays by half and gets 1.25 again in tick 1.
# hard: -0.25 + 1.25 fires at the threshold; soft: 0.25 + 1.25 fires; none: 0.625 + 1.25 fires.
@pytest.mark.parametrize(
    ("reset", "expected"), [("hard", [-0.5, -0.5]), ("soft", [0.5, 0.75]), ("none", [1.25, 1.875])]
)
def test_each_reset_leaves_its_own_membrane(reset, expected):
    lif = LIF(beta=0.5, v_th=1.0, v_reset=-0.5, reset=reset, reset_amount=0.75)
    assert expected == _v(lif, [1, 1], weight=1.25)


def test_soft_reset_subtracts_the_threshold_unless_told_otherwise():
    assert [0.25, 0.5] == _v(LIF(beta=1.0, reset="soft"), [1, 1], weight=1.25)


def test_the_membrane_stops_at_its_floor():
    assert [-0.5, -0.75, -0.75] == _v(LIF(beta=1.0, v_floor=-0.75), [1, 1, 0], weight=-0.5)


def test_before_its_start_tick_a_population_is_frozen_and_loses_its_input():
    lif = LIF(beta=1.0, alpha=0.5, bias=0.25, v_th=9.0, v_init=0.5)
    assert [0.5, 0.5, 0.75, 1.0] == _v(lif, [1, 1, 0, 0], start_tick=2)
    fast = _single(LIF(beta=1.0, v_th=1.0), start_tick=2)
    assert [2] == _ticks(fast, [1, 1, 1, 0])


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_an_empty_network_runs(steps):
    recording = simulate(Network(dt=1e-3), {}, steps)
    assert ({}, {}, steps) == (recording.spikes, recording.traces, recording.steps)


def test_no_steps_give_an_empty_recording():
    recording = simulate(_single(LIF(beta=0.5)), {"in": np.zeros((0, 1), bool)}, 0)
    assert (0, 1) == recording.raster("out").shape


def test_a_population_without_synapses_follows_its_bias():
    net = Network(dt=1e-3)
    net.add_population("out", 2, LIF(beta=1.0, bias=[0.5, 0.25]))
    assert [3, 1] == simulate(net, {}, 7).counts("out").tolist()


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_stack_exported_with_start_ticks_is_the_undelayed_stack_shifted(reset):
    rng = np.random.default_rng(4)
    sizes = (20, 30, 25, 10)
    layers, net = [], Network(dt=1e-3)
    net.add_input("in", sizes[0])
    previous = "in"
    for k in range(3):
        matrix = rng.normal(0.1, 0.5, size=(sizes[k], sizes[k + 1])).astype(np.float32)
        bias = rng.normal(0, 0.1, sizes[k + 1])
        layers.append((matrix, 0.9, bias, 1.0, reset))
        net.add_population(f"l{k}", sizes[k + 1], LIF(0.9, bias=bias, reset=reset), start_tick=k)
        net.connect(previous, f"l{k}", matrix)
        previous = f"l{k}"
    raster = rng.random((40, sizes[0])) < 0.3
    recording = simulate(net, {"in": raster}, 42)
    for k, expected in enumerate(run_stack(raster, layers)):
        assert np.array_equal(expected, recording.raster(f"l{k}")[k : k + 40])
        assert expected.any()
        assert not recording.raster(f"l{k}")[:k].any()


def _recurrent(seed=0):
    net = Network(dt=1e-3, seed=seed)
    net.add_input("x", 30)
    net.add_input("y", 10)
    net.add_population("e", 40, LIF(beta=0.9, alpha=0.6, refractory_ticks=2))
    net.add_population("i", 10, LIF(beta=0.8, reset="soft"))
    net.connect("x", "e", FixedProbability(0.3), weight=0.35)
    net.connect("y", "i", AllToAll(), weight=lambda rng, k: rng.normal(0.1, 0.1, k))
    normal = {"weight": lambda rng, k: rng.normal(0.1, 0.2, k)}
    net.connect(
        "e", "e", FixedProbability(0.2), delay_ticks=lambda r, k: r.integers(1, 9, k), **normal
    )
    net.connect("e", "i", FixedProbability(0.3), **normal)
    net.connect("i", "e", AllToAll(), weight=-0.15, delay=3e-3)
    return net


DRIVE = {"x": Poisson(100.0), "y": Poisson(np.linspace(0, 200, 10))}


def test_several_populations_with_delays_equal_the_reference_in_every_bit():
    net, steps = _recurrent(), 120
    events, trains = {}, {}
    for name, poisson in DRIVE.items():
        trains[name] = poisson.trains(net.inputs[name].n, steps, net.dt, 11, name)
        events[name] = set(
            zip(trains[name].ticks.tolist(), trains[name].index.tolist(), strict=True)
        )
    spikes, v, i = run_reference(net, events, steps)
    record = ("spikes", "e.v", "i.v", "e.i")
    recording = simulate(net, DRIVE, steps, seed=11, record=record, dtype="float64")
    for name in ("e", "i"):
        assert len(spikes[name]) > 20
        got = recording.spikes[name]
        assert spikes[name] == list(zip(got.ticks.tolist(), got.index.tolist(), strict=True))
        assert np.array_equal(np.array(v[name]), recording.trace(f"{name}.v"))
    assert np.array_equal(np.array(i["e"]), recording.trace("e.i"))
    assert recording.same_spikes(simulate(net, trains, steps))


def test_the_same_seed_gives_the_same_spikes_for_any_run_and_thread_limit():
    first = simulate(_recurrent(), DRIVE, 300, seed=1)
    assert first.same_spikes(simulate(_recurrent(), DRIVE, 300, seed=1))
    assert first.same_spikes(simulate(_recurrent(), DRIVE, 300, seed=1, threads=4))
    assert not first.same_spikes(simulate(_recurrent(), DRIVE, 300, seed=2))


def test_the_length_of_the_compiled_windows_does_not_matter(monkeypatch):
    whole = simulate(_recurrent(), DRIVE, 150, seed=1, record=("spikes", "i.v"))
    monkeypatch.setattr(run, "_WINDOW_TICKS", 7)
    parts = simulate(_recurrent(), DRIVE, 150, seed=1, record=("spikes", "i.v"))
    assert whole.same_spikes(parts)
    assert np.array_equal(whole.trace("i.v"), parts.trace("i.v"))


def test_a_simulator_starts_every_run_from_the_initial_state():
    simulator = Simulator(_recurrent())
    first = simulator.run(DRIVE, 100, seed=3)
    simulator.run(DRIVE, 55, seed=4)
    assert first.same_spikes(simulator.run(DRIVE, 100, seed=3))
    assert first.same_spikes(simulate(_recurrent(), DRIVE, 100, seed=3))


def test_float32_runs_in_float32():
    recording = simulate(_recurrent(), DRIVE, 50, record=("spikes", "e.v"), dtype="float32")
    assert recording.trace("e.v").dtype == np.float32
    assert recording.meta["dtype"] == "float32"


def test_meta_counts_the_synaptic_events():
    net = Network(dt=1e-3)
    net.add_input("in", 2)
    net.add_population("out", 3, LIF(beta=0.0, v_th=9.0))
    net.connect("in", "out", AllToAll(), weight=0.1)
    assert simulate(net, {"in": [[1, 1], [0, 1]]}, 4).meta["events"] == 9


def test_only_what_was_asked_for_is_recorded():
    recording = simulate(_recurrent(), DRIVE, 5, record="e.v")
    assert ({}, ["e.v"]) == (recording.spikes, list(recording.traces))


def test_progress_reaches_the_end():
    seen = []
    net = _single(LIF(beta=0.5))
    simulate(net, {"in": [[1]]}, 9, progress=lambda done, steps: seen.append((done, steps)))
    assert seen[-1] == (9, 9)


def test_a_spike_through_one_to_one_stays_on_its_line():
    net = Network(dt=1e-3)
    net.add_input("in", 5)
    net.add_population("out", 5, LIF(beta=0.0))
    net.connect("in", "out", OneToOne(), weight=1.0)
    raster = np.random.default_rng(0).random((20, 5)) < 0.4
    assert np.array_equal(raster, simulate(net, {"in": raster}, 20).raster("out"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps as an integer >= 0, got -1"),
        ({"steps": 2.5}, "steps"),
        ({"threads": 0}, "threads"),
        ({"seed": -3}, "seed"),
        ({"dtype": "float16"}, "dtype"),
        ({"record": ("out.w",)}, "'out.w'"),
        ({"record": ("nobody.v",)}, "'nobody.v'"),
        ({"record": ("in.v",)}, "'in.v'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    arguments = {"inputs": {"in": [[1]]}, "steps": 3} | options
    with pytest.raises(ValidationError, match=message):
        simulate(_single(LIF(beta=0.5)), **arguments)


def test_problems_of_options_and_inputs_come_together():
    with pytest.raises(ValidationError) as caught:
        simulate(
            _single(LIF(beta=0.5)),
            {"other": [[1]]},
            3,
            record=("x", "y.v"),
            dtype="half",
            threads=1,
        )
    assert len(caught.value.problems) == 4
