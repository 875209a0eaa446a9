# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.fixed import Quantization  # noqa: E402
from spikesim.hw.compile import compile_network  # noqa: E402
from spikesim.hw.config import CoreConfig  # noqa: E402
from spikesim.hw.golden.fast import run_batch  # noqa: E402

SHARES = np.linspace(1.0, 0.3, 15)


def one_layer(seed=0, n=6, scale=3.0, **options):
    torch.manual_seed(seed)
    options = {"beta": 0.75, "reset": "soft", "bias": 0.02} | options
    net = nn.SpikingNet(nn.Linear(20, n, scale=scale), nn.LIFLayer(n, **options))
    with torch.no_grad():
        net[0].weight.pow_(3)  # a few weights are much larger than the others
    return net


def some(n=20, steps=10, batch=8, share=0.3, seed=1):
    dice = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, batch, n, generator=dice) < share).float()


def convolved():
    torch.manual_seed(3)
    options = {"beta": 0.75, "reset": "soft"}
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1, bias=False),
        nn.LIFLayer((3, 6, 6), v_th=0.5, **options),
        torch.nn.AvgPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(27, 4), nn.LIFLayer(4, v_th=0.25, **options),
    )  # fmt: skip


def membrane_error(weights, x, share, bits, decays=(0.0, 0.75), gain=1.0, bias=0.02):
    """Squared error of a neuron whose range is a share of its largest weight; by hand."""
    top = 2 ** (bits - 1) - 1
    scale = top / (share * np.abs(gain * weights).max())
    sizes = np.floor(np.abs(gain * weights) * scale + 0.5)
    codes = np.sign(gain * weights) * np.minimum(sizes, top)
    shift = 0  # the largest that leaves the threshold of 1 below 2**14
    while shift < 7 and scale * 2 ** (shift + 1) <= 2**14:
        shift += 1
    shifted = np.round(bias * scale * 2**shift) / (scale * 2**shift)
    alpha, beta = decays
    total = 0.0
    for sample in x.transpose(1, 0, 2):
        i = v = 0.0
        for tick in sample:
            i = alpha * i + tick @ (codes / scale - gain * weights)
            v = beta * v + i + shifted - bias if alpha == 0 else beta * v + i
            total += v**2
    return total


@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("options", [{}, {"alpha": 0.5, "bias": 0.0}, {"gain": -1.5}])
def test_every_neuron_has_the_range_with_the_smallest_membrane_error(bits, options):
    net, x = one_layer(**options), some()
    found = nn.calibrate(net, x, Quantization(weight_bits=bits)).settings.ranges["layer0"]
    weights = net[0].weight.detach().double().numpy()
    gain = options.get("gain", 1.0)
    decays, bias = (options.get("alpha", 0.0), 0.75), options.get("bias", 0.02)
    given = {"decays": decays, "gain": gain, "bias": bias}
    chosen = []
    for own, got in zip(weights, found, strict=True):
        errors = [membrane_error(own, x.double().numpy(), s, bits, **given) for s in SHARES]
        chosen.append(SHARES[np.argmin(errors)])
        assert got == pytest.approx(chosen[-1] * np.abs(gain * own).max(), rel=1e-12)
    assert bits == 8 or len(set(chosen)) > 2  # the largest weight is not the answer


@pytest.mark.parametrize("settings", [Quantization("population"), Quantization(power_of_two=True)])
def test_one_range_for_a_population_and_scales_that_are_powers_of_two(settings):
    settings = replace(settings, weight_bits=4)
    integers = nn.calibrate(one_layer(), some(), settings)
    (q,), found = integers.quantized(), integers.settings.ranges["layer0"]
    if settings.power_of_two:
        assert (np.frexp(q.weight_scale)[0] == 0.5).all()
        assert 6 == len(found)
    else:
        assert isinstance(found, float)
        assert 1 == len(set(q.scale.tolist()))


def test_channels_share_a_range_and_the_compiler_makes_the_same_integers():
    net = convolved()
    x = some(36, batch=5).reshape(10, 5, 1, 6, 6)
    integers = nn.calibrate(net, x, Quantization(weight_bits=4), input_shape=(1, 6, 6))
    assert [3, 4] == [len(found) for found in integers.settings.ranges.values()]
    network = nn.export(net, input_shape=(1, 6, 6))
    program = compile_network(network, quantization=integers.settings).program
    got = run_batch(
        program, x.transpose(0, 1).flatten(2).numpy(), 10 + program.latency, record=("spikes",)
    )
    with torch.no_grad():
        layers = integers.layer_spikes(x)
        plain = nn.IntegerNet(net, Quantization(weight_bits=4), input_shape=(1, 6, 6))
        assert any(
            not torch.equal(a, b) for a, b in zip(layers, plain.layer_spikes(x), strict=True)
        )
    for spikes, (first, n, start) in zip(layers, program.groups.values(), strict=True):
        own = got.spikes[:, start : start + 10, first : first + n]
        np.testing.assert_array_equal(spikes.transpose(0, 1).flatten(2).numpy(), own)


@pytest.mark.parametrize("power_of_two", [False, True])
def test_snapping_keeps_calibrated_integers(power_of_two):
    settings = Quantization(weight_bits=4, power_of_two=power_of_two)
    integers = nn.calibrate(one_layer(bias=0.0), some(), settings)
    (before,) = integers.quantized()
    largest = integers.model[0].weight.detach().abs().amax(1)
    assert (torch.tensor(integers.settings.ranges["layer0"]) < largest).any()  # some are clipped
    integers.snap_()
    (after,) = integers.quantized()
    assert (before.weights[0] == after.weights[0]).all()
    assert (before.scale == after.scale).all()


@pytest.mark.parametrize("weights", [(0.75, -0.74), (-0.75, 0.35)])
def test_wide_weights_leave_the_accumulator_its_order(weights):
    # Twelve spikes of either sign: with 16 bits beyond the rail on the way, not at its end.
    net = nn.SpikingNet(nn.Linear(24, 2), nn.LIFLayer(2, beta=0.5))
    with torch.no_grad():
        net[0].weight[:, :12], net[0].weight[:, 12:] = weights
    x = torch.ones(6, 1, 24)
    settings = Quantization(weight_bits=16)
    config = CoreConfig(weight_bits=16)
    for integers in (nn.IntegerNet(net, settings), nn.calibrate(net, x, settings)):
        program = compile_network(nn.export(net), config, quantization=integers.settings).program
        got = run_batch(program, x.transpose(0, 1).numpy(), 6, record=("membrane",)).history["v"]
        error = nn.trajectory_error(integers, x)
        (q,) = integers.quantized()
        first, n, _ = program.groups["layer0"]
        v, total = got[0, :, first : first + n] / q.scale, 0.0
        expected = []
        for _ in range(6):
            total = 0.5 * total + 12 * sum(weights)
            expected.append(total)
        astray = np.abs(v - np.array(expected)[:, None]).max()
        # Nine thresholds of one sign leave 2**15 / 9 codes per unit, but for steps of 1.25; each
        # of 24 weights is wrong by half of one, which the membrane doubles.
        assert (astray < 24 * 9 * 1.25 / 2**15) == error.exact
    assert error.exact
    assert 1 / 1.25 < error.layers[0].accumulated < 1


def test_the_shift_is_lowered_where_a_membrane_would_reach_its_rail():
    net = one_layer(beta=1.0, bias=-0.8)
    x = some(steps=30)
    plain, found = nn.IntegerNet(net), nn.calibrate(net, x)
    state, reach = None, torch.zeros(6)
    for tick in x:
        with torch.no_grad():
            _, state = nn.step(net, tick, state)
        reach = torch.maximum(reach, -state["1"].v.amin(0))
    assert reach.max() > 16  # twice what is left by default
    (q,) = found.quantized()
    fits = [(reach.numpy() * q.weight_scale * 2**k).max() < 2**17 for k in range(8)]
    assert found.settings.gain_shifts == {"layer0": sum(fits) - 1}
    assert q.gain_shift == sum(fits) - 1 < plain.quantized()[0].gain_shift
    before, after = (nn.trajectory_error(one, x).layers[0].membrane for one in (plain, found))
    assert after < 0.05 < 2.0 < before
    kept = nn.calibrate(net, x, Quantization(gain_shift=4))
    assert not kept.settings.gain_shifts  # what was asked for stays


@pytest.mark.parametrize(("ticks", "shifts"), [(14, {}), (15, {"layer0": 5})])
def test_what_a_soft_reset_takes_off_has_to_fit_before(ticks, shifts):
    # 254 << 6 codes per unit leave 8.06; half a threshold stays in every tick, and is 7.5 and 8.5
    # before the reset of the last one.
    net = nn.SpikingNet(nn.Linear(3, 1), nn.LIFLayer(1, beta=1.0, reset="soft"))
    with torch.no_grad():
        net[0].weight.fill_(0.5)
    found = nn.calibrate(net, torch.ones(ticks, 1, 3)).settings
    assert (shifts, {"layer0": 0.5}) == (found.gain_shifts, found.ranges)


def test_delayed_spikes_are_those_of_earlier_ticks():
    net, x = one_layer(), some(steps=4)
    late = nn.SpikingNet(nn.Delay(2), *net)
    before = torch.cat([torch.zeros(2, 8, 20), x[:-2]])
    settings = Quantization(weight_bits=3)
    expected = nn.calibrate(net, before, settings).settings.ranges
    assert expected != nn.calibrate(net, x, settings).settings.ranges
    assert expected == nn.calibrate(late, x, settings, input_shape=(20,)).settings.ranges


def test_samples_that_are_none_are_refused():
    net = one_layer()
    for shape in ((0, 4, 20), (4, 0, 20), (4, 20)):
        with pytest.raises(ValidationError, match=r"calibrate: expected spikes \(T, B"):
            nn.calibrate(net, torch.zeros(shape))
    with pytest.raises(ValidationError, match=r"\(T, B, 20\)"):
        nn.calibrate(net, torch.zeros(4, 2, 19))
