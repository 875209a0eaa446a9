# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from spikesim.engines import run
from spikesim.errors import CompileError, ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.network import Network
from spikesim.neurons import LIF

SMALL = CoreConfig(
    n_neurons=32, n_axons=8, lanes=4, delay_slots=4, n_segments=40, n_populations=2,
    weight_words=16, event_queue=4, spike_queue=64,
)  # fmt: skip


def test_every_limit_is_reported_in_one_error():
    net = Network(1e-3)
    net.add_input("in", 10)
    net.add_population("a", 30, LIF(beta=0.5, refractory_ticks=300))
    net.add_population("b", 30, LIF(beta=0.5), start_tick=70_000)
    net.add_population("c", 1, LIF(beta=0.5, v_init=0.1))
    net.connect("in", "a", np.ones((10, 30)), delay_ticks=4)
    net.connect("a", "b", np.ones((30, 30)), delay_ticks=5)
    with pytest.raises(CompileError) as caught:
        compile_network(net, SMALL, events_per_step=4)
    text = str(caught.value)
    expected = (
        "need 10 axons", "need 17 groups", "need 3 records", "at most 3 ticks, got 4",
        "at most 4 ticks, got 5", "refractory_ticks <= 255", "start_tick <= 65535",
        "at most 3 spikes in one step", "weight words of 4, the core has 16",
    )  # fmt: skip
    for part in expected:
        assert part in text
    assert len(expected) == len(caught.value.problems)


def test_limits_and_parameters_that_cannot_be_expressed_come_together():
    net = Network(1e-3)
    net.add_input("in", 9)
    net.add_population("a", 2, LIF(beta=[0.5, 0.9]))
    with pytest.raises(CompileError) as caught:
        compile_network(net, SMALL)
    assert ["need 9 axons", "beta must be"] == [
        next(part for part in ("need 9 axons", "beta must be") if part in problem)
        for problem in caught.value.problems
    ]


def test_threshold_beyond_the_state_word_is_refused():
    net = Network(1e-3)
    net.add_input("in", 1)
    net.add_population("a", 1, LIF(beta=0.5, bias=100.0, v_th=1.0))
    net.connect("in", "a", [[0.001]])
    with pytest.raises(CompileError, match="bias of neuron 0 becomes"):
        compile_network(net)


def test_a_network_without_populations_and_an_unknown_record_are_refused():
    with pytest.raises(CompileError, match="at least one population"):
        compile_network(Network(1e-3))
    net = Network(1e-3)
    net.add_population("a", 1, LIF(beta=0.5))
    with pytest.raises(CompileError, match="'b'"):
        compile_network(net, record=["b"])


def test_a_network_without_synapses_runs():
    net = Network(1e-3)
    net.add_population("clock", 3, LIF(beta=1.0, bias=[0.5, 0.25, 1.0]))
    program = compile_network(net).program
    assert [4, 2, 8] == run(program, {}, 8).counts("clock").tolist()


def test_compiling_twice_gives_the_same_program():
    def build():
        net = Network(1e-3, "n", seed=3)
        net.add_input("in", 8)
        net.add_population("a", 8, LIF(beta=0.5))
        net.connect("in", "a", np.random.default_rng(0).normal(size=(8, 8)))
        return compile_network(net, SMALL).program

    assert build().hash() == build().hash()


def test_numbers_that_fit_exactly_reproduce_the_float_trajectory():
    """Weights and constants that are exact in integers: compiled spikes equal hand-made ones."""
    net = Network(1e-3)
    net.add_input("in", 2)
    net.add_population("a", 1, LIF(beta=1.0, v_th=1.0, reset="soft"))
    net.add_population("b", 1, LIF(beta=1.0, v_th=1.0))
    net.connect("in", "a", [[0.5], [-0.25]])
    net.connect("a", "b", [[1.0]], delay_ticks=4)
    raster = np.zeros((12, 2), bool)
    raster[[0, 1, 2, 3], 0] = True  # a: 0.5, 1.0 fires, 0.5, then 1.0 - 0.25 and 1.25 fires
    raster[[3], 1] = True
    raster[4, 0] = True
    recording = run(compile_network(net).program, {"in": raster}, 12)
    assert [1, 4] == recording.spikes["a"].ticks.tolist()
    assert [5, 8] == recording.spikes["b"].ticks.tolist()


def test_two_projections_to_two_populations_with_own_delays_all_arrive():
    net = Network(1e-3)
    net.add_input("in", 1)
    for name in ("a", "b"):
        net.add_population(name, 5, LIF(beta=0.0, v_th=1.0))
    net.connect("in", "a", np.ones((1, 5)), delay_ticks=np.array([[0, 1, 2, 3, 0]]))
    net.connect("in", "b", np.ones((1, 5)), delay_ticks=np.array([[3, 2, 1, 0, 1]]))
    program = compile_network(net, SMALL).program
    recording = run(program, {"in": [[1], [0], [0], [0]]}, 4)
    assert [0, 4, 1, 2, 3] == recording.spikes["a"].index.tolist()
    assert [3, 2, 4, 1, 0] == recording.spikes["b"].index.tolist()


def test_spikes_of_populations_that_are_not_recorded_are_left_out():
    net = Network(1e-3)
    net.add_population("a", 1, LIF(beta=1.0, bias=1.0))
    net.add_population("b", 1, LIF(beta=1.0, bias=1.0))
    program = compile_network(net, record=["b"]).program
    assert [0, 1] == program.populations["record"].tolist()
    for engine in ("golden", "golden-readable"):
        assert {"b"} == set(run(program, {}, 3, engine).spikes)


def images(n=784):
    net = Network(1e-3)
    net.add_input("in", n)
    net.add_population("out", 10, LIF(beta=0.5))
    net.connect("in", "out", np.ones((n, 10)))
    return net


def test_a_core_is_taken_by_its_name():
    assert CoreConfig.large() == compile_network(images(), "large").program.config
    assert CoreConfig.default() == compile_network(images(64), "up5k").program.config
    assert CoreConfig.default() == compile_network(images(64), None).program.config


@pytest.mark.parametrize("config", ["huge", 3, {"n_axons": 1024}, CoreConfig])
def test_something_else_than_a_core_is_refused_in_one_sentence(config):
    with pytest.raises(ValidationError) as caught:
        compile_network(images(), config)
    (problem,) = caught.value.problems
    assert "expected a CoreConfig or one of 'up5k', 'large', got" in problem


@pytest.mark.parametrize(
    ("net", "options", "need"),
    [
        (images(), {}, "n_axons 1024"),
        (images(1024), {}, "n_axons 1024"),
        (images(256), {"events_per_step": 512}, "event_queue 2048"),
    ],
)
def test_what_a_larger_core_holds_is_refused_with_its_name(net, options, need):
    with pytest.raises(CompileError, match=rf"compile for config='large' \({need}\)"):
        compile_network(net, **options)
    compile_network(net, "large", **options)


def test_a_larger_core_that_would_not_do_either_is_not_named():
    with pytest.raises(CompileError) as caught:
        compile_network(images(1025))
    assert "large" not in str(caught.value).replace("larger", "")
    assert "build the core with a larger A" in str(caught.value)


def test_arguments_of_another_kind_are_all_named():
    with pytest.raises(ValidationError) as caught:
        compile_network("net", 3, quantization=8, events_per_step=-1, steps=0)
    parts = ("a Network, got str", "as a Quantization", "events_per_step", "steps", "CoreConfig")
    assert len(parts) == len(caught.value.problems)
    for part, problem in zip(parts, caught.value.problems, strict=True):
        assert part in problem


def filled(extra=0):
    """As many weight words, segments, groups, populations, axons as the core has, and some more.

    8 axons and 32 neurons with one row each fill 40 entries; every row is one group of one word.
    """
    net = Network(1e-3)
    net.add_input("in", 8)
    net.add_population("a", 16, LIF(beta=0.5))
    net.add_population("b", 16, LIF(beta=0.5))
    ones = np.zeros((16, 16))
    ones[:, 0] = 1.0
    net.connect("in", "a", ones[:8])
    net.connect("a", "b", ones)
    net.connect("b", "a", ones * 0.5)
    if extra:
        more = np.zeros((8, 16))
        more[:extra, 0] = 1.0
        net.connect("in", "b", more, delay_ticks=1)
    return net


FULL = CoreConfig(
    n_neurons=32, n_axons=8, lanes=4, delay_slots=4, n_segments=40, n_populations=2,
    weight_words=40, event_queue=16, spike_queue=64,
)  # fmt: skip


@pytest.mark.parametrize("engine", ["golden", "golden-readable"])
def test_tables_of_exactly_full_length_run(engine):
    program = compile_network(filled(), FULL).program
    assert (40, 40, 2, 8) == (
        len(program.weights), len(program.segments), len(program.populations), program.n_axons_used,
    )  # fmt: skip
    raster = np.ones((6, 8), bool)
    roomy = compile_network(filled(), CoreConfig.default()).program
    expected = run(roomy, {"in": raster}, 6, engine)
    got = run(program, {"in": raster}, 6, engine)
    assert expected.same_spikes(got)
    assert got.counts("b").any()


def test_one_row_more_than_the_tables_hold_is_refused():
    with pytest.raises(CompileError) as caught:
        compile_network(filled(extra=1), FULL)
    assert "need 41 weight words of 4, the core has 40" in str(caught.value)
    assert "need 41 row segments, the core has 40" in str(caught.value)
    larger = replace(FULL, weight_words=41, n_segments=41)
    assert 41 == len(compile_network(filled(extra=1), larger).program.segments)
