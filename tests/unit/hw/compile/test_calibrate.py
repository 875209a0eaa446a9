# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.engines import run
from spikesim.errors import CompileError, ValidationError
from spikesim.fixed import Quantization
from spikesim.hw.compile import compile_network
from spikesim.hw.compile.calibrate import find_gain_shifts, sample_rasters
from spikesim.hw.config import CoreConfig
from spikesim.network import Network
from spikesim.neurons import LIF


def inhibited(weight=-1.0):
    """A leakless neuron that every input spike pushes one threshold down."""
    net = Network(1e-3)
    net.add_input("in", 1)
    net.add_population("out", 1, LIF(beta=1.0))
    net.connect("in", "out", [[weight]])
    return net


def build(net):
    return lambda settings: compile_network(net, quantization=settings).program


def test_gain_shift_is_lowered_until_no_state_reaches_a_rail():
    raster = np.ones((1, 20, 1), bool)
    found = find_gain_shifts(build(inhibited()), Quantization(), {"in": raster})
    # 20 steps of 127 << shift: 2540 << 7 is beyond 131071, 2540 << 5 = 81280 is not
    assert {"out": 5} == found.gain_shifts
    assert {"out": 20 * 127 << 5} == found.peaks
    assert () == found.saturated


def test_what_needs_no_change_is_left_alone():
    found = find_gain_shifts(build(inhibited()), Quantization(), {"in": np.ones((2, 3, 1), bool)})
    assert {} == found.gain_shifts
    assert (1, found.cycles_max) == (found.events_per_step, int(found.cycles_mean))


def test_a_rail_that_no_shift_avoids_is_reported():
    raster = np.ones((1, 1100, 1), bool)  # 1100 * 127 > 131071 even without a shift
    result = compile_network(inhibited(), samples={"in": raster})
    assert ("out",) == result.report.calibration.saturated
    assert any("reached its rail" in warning for warning in result.report.warnings)


def test_calibrated_shift_reaches_the_program():
    raster = np.ones((20, 1), bool)  # one sample needs no batch axis
    result = compile_network(inhibited(), samples={"in": raster})
    assert 5 == int(result.program.populations["gain"][0])
    assert "gain shift lowered to 5" in str(result.report)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({"x": np.ones((1, 2, 1))}, "expected one of \\['in'\\]"),
        ({"in": np.ones((1, 2, 3))}, r"expected shape \(batch, steps, 1\)"),
        ({"in": np.ones(3)}, "expected shape"),
        ({}, "at least one input"),
    ],
)
def test_samples_that_do_not_fit_are_refused(samples, message):
    with pytest.raises(ValidationError, match=message):
        sample_rasters(build(inhibited())(Quantization()), samples)


def driven(alpha=1.0):
    """A neuron that fires at every spike; its current is kept, its membrane is reset."""
    net = Network(1e-3)
    net.add_input("in", 1)
    net.add_population("out", 1, LIF(beta=0.0, alpha=alpha, reset="hard"))
    net.connect("in", "out", [[1.0]])
    return net


def test_the_current_is_calibrated_where_the_membrane_never_grows():
    raster = np.ones((1, 20, 1), bool)
    found = find_gain_shifts(build(driven()), Quantization(), {"in": raster})
    trace = run(
        build(driven())(Quantization(gain_shift=0)), {"in": raster[0]}, 20, record=("out.v",)
    )
    assert not trace.traces["out.v"].any()  # reset in each step
    assert ({"out": 5}, {"out": 20 * 127 << 5}) == (found.gain_shifts, found.peaks)


def test_a_current_that_fades_needs_no_lower_shift():
    found = find_gain_shifts(build(driven(alpha=0.5)), Quantization(), {"in": np.ones((1, 20, 1))})
    assert {} == found.gain_shifts


@pytest.mark.parametrize(("steps", "shift"), [(32, 5), (33, 4)])
def test_a_peak_just_below_the_rail_is_let_pass(steps, shift):
    # 32 * 127 << 5 = 130048 is below 131071, 33 * 127 << 5 = 134112 is not
    found = find_gain_shifts(build(driven()), Quantization(), {"in": np.ones((1, steps, 1))})
    assert {"out": shift} == found.gain_shifts


def test_a_shift_that_was_set_is_where_calibration_starts():
    settings = Quantization(gain_shifts={"out": 3})
    found = find_gain_shifts(build(driven()), settings, {"in": np.ones((1, 20, 1))})
    assert ({}, {"out": 20 * 127 << 3}) == (found.gain_shifts, found.peaks)


def test_populations_that_need_different_shifts_all_keep_what_was_found():
    net = driven()
    net.add_input("seldom", 1)
    net.add_population("second", 1, LIF(beta=0.0, alpha=1.0, reset="hard"))
    net.connect("seldom", "second", [[1.0]])
    often = np.ones((1, 65, 1), bool)
    seldom = often & (np.arange(65) < 33)[:, np.newaxis]
    # 65 * 127 << 3 = 66040 and 33 * 127 << 4 = 67056 are the largest below 131071.
    found = find_gain_shifts(build(net), Quantization(), {"in": often, "seldom": seldom})
    assert {"out": 3, "second": 4} == found.gain_shifts
    assert {"out": 66040, "second": 67056} == found.peaks


@pytest.mark.parametrize("shape", [(1, 3, 1), (2, 2, 1)])
def test_samples_of_two_lengths_or_batches_are_refused(shape):
    net = inhibited()
    net.add_input("other", 1)
    net.connect("other", "out", [[1.0]])
    samples = {"in": np.ones((1, 2, 1)), "other": np.ones(shape)}
    with pytest.raises(ValidationError, match="expected one batch and length"):
        sample_rasters(build(net)(Quantization()), samples)


def test_only_the_population_that_saturates_is_changed():
    net = driven()
    net.add_population("calm", 1, LIF(beta=0.5))
    net.connect("in", "calm", [[1.0]])
    result = compile_network(net, samples={"in": np.ones((1, 20, 1))})
    assert [5, 7] == result.program.populations["gain"].tolist()
    assert {"out": 5} == dict(result.report.calibration.gain_shifts)


def test_the_busiest_step_of_the_samples_is_held_against_the_event_queue():
    net = Network(1e-3)
    net.add_input("in", 9)
    net.add_population("out", 1, LIF(beta=0.5))
    net.connect("in", "out", np.ones((9, 1)))
    config = CoreConfig(event_queue=8)
    raster = np.zeros((2, 3, 9), bool)
    raster[1, 2, :7] = True
    report = compile_network(net, config, samples={"in": raster}).report
    assert (7, 3) == (report.calibration.events_per_step, report.calibration.steps)
    assert pytest.approx(7 / 6) == report.calibration.events_mean
    raster[1, 2, 7] = True
    with pytest.raises(CompileError, match=r"at most 7 spikes in one step.*got 8.*'up5k'"):
        compile_network(net, config, samples={"in": raster})
