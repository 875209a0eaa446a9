# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.fixed import Quantization
from spikesim.hw.compile import compile_network
from spikesim.hw.compile.calibrate import find_gain_shifts, sample_rasters
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
