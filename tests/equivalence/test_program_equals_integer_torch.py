# SPDX-License-Identifier: Apache-2.0
"""A compiled torch stack gives the spikes of its integer-quantized forward pass, tick by tick."""

import numpy as np
import pytest
import torch

from spikesim import nn
from spikesim.engines import run
from spikesim.errors import CompileError
from spikesim.fixed import Quantization
from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.hw.golden.fast import run_batch
from spikesim.nn.integers.quant import IntegerNet

STEPS, BATCH = 12, 6

CASES = {
    "soft reset": {"reset": "soft"},
    "hard reset": {"reset": "hard"},
    "no reset": {"reset": "none"},
    "current synapse": {"reset": "soft", "alpha": 0.7},
    "floor": {"reset": "soft", "v_floor": -0.2},
    "start": {"reset": "soft", "v_init": 0.6},
    "hold": {"reset": "soft", "refractory_ticks": 1, "v_th": 0.5},
    "gate": {"reset": "hard", "refractory_ticks": 2, "refractory": "gate", "v_th": 0.5},
}


def stack(bias, **neuron):
    torch.manual_seed(0)
    model = nn.SpikingNet(
        nn.Linear(20, 30, bias=bias), nn.LIFLayer(30, beta=0.9, **neuron),
        nn.Linear(30, 17, bias=bias), nn.LIFLayer(17, beta=0.8, **neuron),
        nn.Linear(17, 4, bias=bias), nn.LIFLayer(4, beta=0.95, **neuron),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


def spikes_of_torch(integer, rasters):
    x = torch.from_numpy(rasters).float().transpose(0, 1)  # time first
    with torch.no_grad():
        return [layer.numpy().astype(bool) for layer in integer.layer_spikes(x)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("granularity", ["neuron", "population"])
def test_every_spike_is_equal_after_the_shift_by_depth(case, bias, granularity):
    if bias and "alpha" in CASES[case]:
        bias = False  # refused by export: it would ramp up with the current
    model = stack(bias, **CASES[case])
    settings = Quantization(granularity=granularity)
    integer = IntegerNet(model, settings)
    assert integer.exact()
    program = compile_network(nn.export(model), quantization=settings).program
    rasters = np.random.default_rng(1).random((BATCH, STEPS, 20)) < 0.4
    expected = spikes_of_torch(integer, rasters)
    got = run_batch(program, rasters, STEPS + program.latency, record=("spikes",))
    assert 2 == program.latency
    for depth, (first, n, start) in enumerate(program.groups.values()):
        assert depth == start
        own = got.spikes[:, start : start + STEPS, first : first + n]
        np.testing.assert_array_equal(expected[depth].transpose(1, 0, 2), own)
        assert not got.spikes[:, :start, first : first + n].any()
    assert all(layer.any() for layer in expected)


def test_four_bit_weights_agree_too():
    model = stack(True, reset="soft")
    settings = Quantization(weight_bits=4)
    config = CoreConfig(weight_bits=4)
    program = compile_network(nn.export(model), config, quantization=settings).program
    rasters = np.random.default_rng(2).random((1, STEPS, 20)) < 0.4
    expected = spikes_of_torch(IntegerNet(model, settings), rasters)[-1][:, 0]
    recording = run(program, {"in": rasters[0]}, STEPS + 2, "golden-readable")
    np.testing.assert_array_equal(expected, recording.raster("layer2")[2:])


def test_shifts_of_single_populations_are_those_of_the_program():
    model = stack(True, reset="soft")
    settings = Quantization(gain_shift=5, gain_shifts={"layer1": 1})
    integer = IntegerNet(model, settings)
    assert [5, 1, 5] == [q.gain_shift for q in integer.quantized()]
    assert (8, 18) == (integer.settings.weight_bits, integer.settings.state_bits)
    program = compile_network(nn.export(model), quantization=integer.settings).program
    rasters = np.random.default_rng(3).random((1, STEPS, 20)) < 0.4
    expected = spikes_of_torch(integer, rasters)[1][:, 0]
    got = run_batch(program, rasters, STEPS + 2, record=("spikes",))
    first, n, start = program.groups["layer1"]
    np.testing.assert_array_equal(expected, got.spikes[0, start : start + STEPS, first : first + n])
    with pytest.raises(CompileError, match="weight_bits <= 4"):
        compile_network(nn.export(model), CoreConfig(weight_bits=4), quantization=integer.settings)
