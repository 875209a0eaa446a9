# SPDX-License-Identifier: Apache-2.0
"""Slices of inputs and populations as targets of a drive: the same as driving all, with silence."""

import numpy as np
import pytest

from spikesim import (
    LIF,
    Network,
    NoiseCurrent,
    Poisson,
    StepCurrent,
    TimedArray,
    ValidationError,
    simulate,
)
from spikesim.hw.compile import compile_network
from spikesim.network import OneToOne

STEPS = 60


def net(n=30):
    made = Network(dt=1e-3, units="own")
    made.add_input("in", n)
    made.add_input("more", 4)
    made.add_population("E", n, LIF(beta=0.9))
    made.connect("in", "E", OneToOne(), weight=1.2)
    made.connect("more", "E[:4]", OneToOne(), weight=1.2)
    return made


def same(first, second, **options):
    runs = [simulate(net(), inputs, STEPS, record=["spikes", "E.v"], **options)
            for inputs in (first, second)]  # fmt: skip
    assert runs[0].counts("E").sum() > 10
    assert runs[0].same_spikes(runs[1])
    np.testing.assert_array_equal(runs[0].trace("E.v"), runs[1].trace("E.v"))


@pytest.mark.parametrize("blocks", [1, 4])
def test_rasters_of_slices_are_a_raster_of_all(blocks):
    rng = np.random.default_rng(0)
    parts = {"in[20:30]": rng.random((STEPS, 10)) < 0.2, "in[3:9]": rng.random((STEPS, 6)) < 0.2}
    whole = np.zeros((STEPS, 30), bool)
    whole[:, 20:30], whole[:, 3:9] = parts.values()
    more = {"more": rng.random((STEPS, 4)) < 0.2}
    same(parts | more, {"in": whole} | more, blocks=blocks)


def test_random_events_of_a_slice_are_drawn_for_its_name():
    drawn = Poisson(200.0).trains(10, STEPS, 1e-3, 5, "in[20:30]").raster()
    whole = np.zeros((STEPS, 30), bool)
    whole[:, 20:30] = drawn
    same({"in[20:]": Poisson(200.0)}, {"in": whole}, seed=5)


@pytest.mark.parametrize("blocks", [1, 4])
def test_currents_into_slices_are_a_current_of_all(blocks):
    values = np.zeros((STEPS, 30))
    values[:, 5:15], values[:, 20:] = 0.3, np.linspace(0, 0.5, STEPS)[:, None]
    ramp = TimedArray(values[:, 20:], 1e-3)
    parts = {"E[5:15].i_ext": StepCurrent([0.0], [0.3]), "E[20:].i_ext": ramp}
    same(parts, {"E.i_ext": TimedArray(values, 1e-3)}, blocks=blocks)


def test_a_slice_may_be_given_as_an_object():
    made = net()
    raster = np.random.default_rng(0).random((STEPS, 5)) < 0.3
    first = simulate(made, {made.inputs["in"][:5]: raster}, STEPS)
    assert first.same_spikes(simulate(made, {"in[:5]": raster}, STEPS))


def test_a_core_takes_slices_of_its_inputs():
    raster = np.random.default_rng(0).random((STEPS, 5)) < 0.3
    whole = np.zeros((STEPS, 30), bool)
    whole[:, 7:12] = raster
    program = compile_network(net()).program
    with program_runs(program) as ready:
        runs = []
        for inputs in ({"in[7:12]": raster}, {"in": whole}):
            session = ready.start(inputs, STEPS)
            session.advance(STEPS)
            runs.append(session.finish())
    assert runs[0].counts("E").sum() > 5
    assert runs[0].same_spikes(runs[1])


def program_runs(program):
    import spikesim

    return spikesim.prepare(program, "golden")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"in[:5]": Poisson(1.0), "in[4:6]": Poisson(1.0)}, "each line to be driven once"),
        ({"in": Poisson(1.0), "in[4:6]": Poisson(1.0)}, "each line to be driven once"),
        ({"in[::2]": Poisson(1.0)}, "next to each other"),
        ({"in[7:7]": Poisson(1.0)}, "neurons in it"),
        ({"in[:5]": np.zeros((STEPS, 6), bool)}, "expected 5 lines, got 6"),
        ({"E[:5].i_ext": StepCurrent([0.0], [1.0]), "E[4:].i_ext": StepCurrent([0.0], [1.0])},
         "each neuron to get one current"),
        ({"E[::3].i_ext": StepCurrent([0.0], [1.0])}, "next to each other"),
        ({"E[:5].v": StepCurrent([0.0], [1.0])}, "i_ext' for a current"),
        ({"X[:5]": Poisson(1.0)}, "expected names among"),
    ],
)  # fmt: skip
def test_slices_that_cannot_be_driven_are_refused(inputs, message):
    with pytest.raises(ValidationError, match=message):
        simulate(net(), inputs, STEPS)


@pytest.mark.parametrize(("start", "legal"), [(5, True), (4, False)])
def test_slices_may_touch_but_not_overlap(start, legal):
    inputs = {"in[:5]": Poisson(100.0), f"in[{start}:8]": Poisson(100.0)}
    if legal:
        simulate(net(), inputs, 5)
        return
    with pytest.raises(ValidationError, match="driven once"):
        simulate(net(), inputs, 5)


@pytest.mark.parametrize(
    "spellings", [("E[:3]", "E[0:3]", "E[:-2]", "E[0:3:1]"), ("E", "E[:]", "E[0:5]")]
)
def test_noise_does_not_depend_on_how_a_slice_is_written(spellings):
    traces = [
        simulate(net(5), {f"{part}.i_ext": NoiseCurrent(0.0, 5.0, 1e-3)}, 20, record="E.v")
        for part in spellings
    ]
    traces = [run.trace("E.v") for run in traces]
    assert traces[0].any()
    assert all(np.array_equal(trace, traces[0]) for trace in traces[1:])
