# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import CompileError
from spikesim.fixed import Quantization
from spikesim.fixed.constants import shares_constants
from spikesim.hw.compile import Compilation
from spikesim.hw.compile.quantize import quantize
from spikesim.hw.config import CoreConfig
from spikesim.network import Convolution, Network
from spikesim.neurons import LIF

CORE = CoreConfig.default()


def net_with(neuron, n=3, weights=((0.5, -0.25, 0.1), (1.0, 0.3, -0.2))):
    net = Network(1e-3)
    net.add_input("in", 2)
    net.add_population("out", n, neuron)
    net.connect("in", "out", np.array(weights)[:, :n])
    return net


def quantized(net, settings=None):
    return quantize(Compilation(net, CORE, settings or Quantization())).quantized


def test_every_neuron_gets_the_full_range_of_its_weights():
    q = quantized(net_with(LIF(beta=0.5)))["out"]
    codes = q.weights[0].reshape(2, 3)
    assert [127, 127, 127] == np.abs(codes).max(axis=0).tolist()
    assert [64, 127] == codes[:, 0].tolist()  # 0.5 * 127 = 63.5, halves away from zero


@pytest.mark.parametrize(
    ("options", "shared"),
    [
        ({}, False),
        ({"reset": "soft"}, False),
        ({"reset": "soft", "strict": True}, True),
        ({"reset": "soft", "reset_amount": 0.5}, True),
        ({"reset": "soft", "reset_amount": 1.0}, False),
        ({"reset": "hard", "v_reset": -0.1}, True),
        ({"v_floor": -1.0}, True),
        ({"v_init": 0.2}, True),
    ],
)
def test_constants_kept_once_per_population_need_one_scale(options, shared):
    neuron = LIF(beta=0.5, **options)
    assert shared == shares_constants(neuron)
    q = quantized(net_with(neuron))["out"]
    assert (1 if shared else 3) == len(set(q.scale.tolist()))


def test_a_floor_at_minus_infinity_is_no_floor():
    q = quantized(net_with(LIF(beta=0.5, v_floor=-np.inf)))["out"]
    assert -131072 == q.v_floor


def test_fewer_bits_than_the_core_has_are_taken():
    expected = Quantization("population", gain_shift=2, weight_bits=4, state_bits=18)
    q = quantized(net_with(LIF(beta=0.5)), expected)["out"]
    assert (2, 7) == (q.gain_shift, int(np.abs(q.weights[0]).max()))


def test_gain_shift_of_one_population_wins():
    q = quantized(net_with(LIF(beta=0.5)), Quantization(gain_shift=5, gain_shifts={"out": 1}))
    assert 1 == q["out"].gain_shift


def test_every_setting_that_does_not_suit_network_and_core_is_reported_at_once():
    settings = Quantization(gain_shifts={"x": 1}, weight_bits=16, state_bits=40)
    with pytest.raises(CompileError) as caught:
        quantized(net_with(LIF(beta=0.5)), settings)
    assert 3 == len(caught.value.problems)


def test_every_population_that_cannot_be_expressed_is_named():
    net = net_with(LIF(beta=[0.5, 0.6, 0.7]))
    net.add_population("silent", 1, LIF(beta=0.5, v_th=np.inf))
    net.add_population("mixed", 2, LIF(beta=0.9, v_reset=[0.0, -0.5]))
    with pytest.raises(CompileError) as caught:
        quantized(net)
    text = str(caught.value)
    for part in ("'out': beta", "split the population", "'silent': expected a finite", "'mixed'"):
        assert part in text


@pytest.mark.parametrize(("bits", "top", "limit"), [((4, 16), 7, 1 << 12), ((8, 17), 127, 1 << 13)])
def test_widths_left_open_are_those_of_the_core(bits, top, limit):
    core = CoreConfig(weight_bits=bits[0], state_bits=bits[1])
    start = Compilation(net_with(LIF(beta=0.5), weights=((0.05,) * 3,) * 2), core)
    q = quantize(start).quantized["out"]
    assert bits == (q.weight_bits, q.state_bits)
    assert top == int(np.abs(q.weights[0]).max())
    assert limit // 2 < q.v_th.max() <= limit


def convolved(neuron, kernel=((1.0, 0.25, -0.5), (0.1, 0.2, 0.3))):
    """Two channels of five neurons, of which those at the border see two weights of three."""
    net = Network(1e-3)
    net.add_input("in", (1, 5))
    net.add_population("out", (2, 5), neuron)
    net.connect("in", "out", Convolution(np.reshape(kernel, (2, 1, 3)), padding=1))
    return net


def test_neurons_at_the_border_share_the_codes_of_their_channel():
    net = convolved(LIF(beta=0.5, v_th=np.linspace(1.0, 2.0, 10)))
    q, rows = quantized(net)["out"], net.projections["in->out"].rows
    codes = np.zeros((5, 10), int)
    codes[rows.sources, rows.targets] = q.weights[0]
    first = [[32, -64, 0, 0, 0], [127, 32, -64, 0, 0], [0, 127, 32, -64, 0]]
    assert first == codes[:, :5].T[:3].tolist()
    second = [[85, 127, 0, 0, 0], [42, 85, 127, 0, 0], [0, 42, 85, 127, 0]]
    assert second == codes[:, 5:].T[:3].tolist()
    assert [0, 0, 0, 127, 32] == codes[:, 4].tolist()
    assert 42 + 85 + 127 == q.acc_bound


def test_neurons_of_a_channel_with_gains_of_their_own_have_codes_of_their_own():
    gain = np.linspace(1.0, 2.0, 10)
    net = convolved(LIF(beta=0.5, gain=gain))
    q, rows = quantized(net)["out"], net.projections["in->out"].rows
    largest = np.zeros(10)
    np.maximum.at(largest, rows.targets, np.abs(rows.weights) * gain[rows.targets])
    np.testing.assert_allclose(127 / largest, q.weight_scale)
    assert q.weights[0].shape == rows.weights.shape
