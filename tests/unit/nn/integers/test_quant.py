# SPDX-License-Identifier: Apache-2.0
"""The oracle here is written from docs/design/arithmetic.md in Python ints; it shares no code."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.traced_nets import Net, lif  # noqa: E402


def sat(x, bits):
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, x))


def decayed(z, factor):
    return (1 if z >= 0 else -1) * ((abs(z) * factor) >> 12)


def integer_population(raster, q, reset, length=0, hold=True):
    """Spikes [steps][n] of one population for input spikes [steps][n_pre]."""
    weights = q.weights[0].tolist()
    state = [(int(v), 0, 0) for v in q.v_init]
    out = []
    for tick in raster:
        acc = [0] * q.n
        for source, fired in enumerate(tick):
            for j in range(q.n if fired else 0):
                acc[j] = sat(acc[j] + weights[source][j], 16)
        fires = []
        for j in range(q.n):
            v, i, refr = state[j]
            i = sat(decayed(i, q.alpha) + sat(acc[j] << q.gain_shift, 18), 18)
            u = max(sat(decayed(v, q.beta) + i + int(q.bias[j]), 18), q.v_floor)
            u = v if hold and refr > 0 else u
            fired = refr == 0 and u >= int(q.v_th[j])
            if fired and reset == "hard":
                u = q.v_reset
            elif fired and reset == "soft":
                u = sat(u - int(q.reset_amount[j]), 18)
            state[j] = (u, i, length if fired else max(refr - 1, 0))
            fires.append(fired)
        out.append(fires)
    return out


def random_net(seed, reset, *, alpha=0.0, scale=3.0, granularity="neuron", v_reset=0.0):
    torch.manual_seed(seed)
    options = {"beta": 0.9, "alpha": alpha, "reset": reset, "learn": ("bias",), "v_reset": v_reset}
    net = nn.SpikingNet(
        nn.Linear(12, 9, scale=scale), nn.LIFLayer(9, **options),
        nn.Linear(9, 5, scale=scale), nn.LIFLayer(5, **options),
    )  # fmt: skip
    with torch.no_grad():
        for lif in net[1::2]:
            lif.bias.uniform_(-0.1, 0.1)
    return nn.IntegerNet(net, nn.Quantization(granularity=granularity))


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize("alpha", [0.0, 0.6])
@pytest.mark.parametrize("granularity", ["neuron", "population"])
def test_spikes_equal_an_integer_loop(reset, alpha, granularity):
    net = random_net(0, reset, alpha=alpha, granularity=granularity)
    x = (torch.rand(30, 4, 12) < 0.4).float()
    with torch.no_grad():
        layers = net.layer_spikes(x)
    total = 0.0
    for image in range(4):
        raster = x[:, image].bool().tolist()
        for q, spikes in zip(net.quantized(), layers, strict=True):
            raster = integer_population(raster, q, reset)
            assert raster == spikes[:, image].bool().tolist()
            total += sum(map(sum, raster))
    assert total > 0


FIELDS = {
    "floor": {"v_floor": -0.125},
    "start": {"v_init": 0.75},
    "start on the floor": {"v_init": -0.25, "v_floor": -0.25},
    "hold": {"refractory_ticks": 3},
    "gate": {"refractory_ticks": 2, "refractory": "gate"},
}


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_floor_start_and_refractory_ticks_are_those_of_the_core(reset, fields):
    torch.manual_seed(1)
    lif = nn.LIFLayer(9, beta=0.9, alpha=0.25, reset=reset, **fields)
    plain = nn.LIFLayer(9, beta=0.9, alpha=0.25, reset=reset)
    linear = nn.Linear(12, 9, scale=3.0)
    x = (torch.rand(30, 1, 12) < 0.4).float()
    net = nn.IntegerNet(nn.SpikingNet(linear, lif), nn.Quantization(granularity="population"))
    with torch.no_grad():
        (spikes,) = net.layer_spikes(x)
        (without,) = nn.IntegerNet(nn.SpikingNet(linear, plain), net.settings).layer_spikes(x)
    (q,) = net.quantized()
    length, hold = fields.get("refractory_ticks", 0), fields.get("refractory") != "gate"
    expected = integer_population(x[:, 0].bool().tolist(), q, reset, length, hold)
    assert expected == spikes[:, 0].bool().tolist()
    assert not torch.equal(spikes, without)  # the field has a say


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_integers_in_parts_equal_integers_at_once(fields):
    torch.manual_seed(2)
    first = nn.LIFLayer(9, beta=0.9, alpha=0.25, reset="soft", **fields)
    last = nn.Linear(9, 4, scale=3.0), nn.LIFLayer(4)
    net = nn.IntegerNet(nn.SpikingNet(nn.Linear(12, 9, scale=3.0), first, *last))
    x = (torch.rand(20, 3, 12) < 0.4).float()
    with torch.no_grad():
        whole, last = nn.run(net, x)
        some, state = nn.run(net, x[:7])
        rest, end = nn.run(net, x[7:], state)
        state, ticks = None, []
        for tick in x:
            spikes, state = nn.step(net, tick, state)
            ticks.append(spikes)
    assert whole.any()
    assert torch.equal(whole, torch.cat([some, rest]))
    assert torch.equal(whole, torch.stack(ticks))
    for a, b, c in zip(last[""], end[""], state[""], strict=True):
        for parts in zip(a, b, c, strict=True):
            assert parts[0] is parts[1] is None or all(torch.equal(parts[0], p) for p in parts)


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize(("beta", "alpha"), [(0.9, 0.0), (0.9, 0.9), (1.0, 0.0)])
def test_bursts_beyond_both_rails_saturate_alike(reset, beta, alpha):
    # 20 excitatory and 20 inhibitory sources of full weight: 20 * 127 << 7 is beyond 18 bits. The
    # negative reset amount lifts the membrane over the rail when it is subtracted.
    lif = nn.LIFLayer(3, beta=beta, alpha=alpha, reset=reset, reset_amount=-1.5)
    net = nn.IntegerNet(nn.SpikingNet(nn.Linear(40, 3), lif), nn.Quantization(gain_shift=7))
    with torch.no_grad():
        net.model[0].weight.fill_(0.5)
        net.model[0].weight[:, 20:] = -0.5
    x = torch.zeros(60, 1, 40)
    torch.manual_seed(0)
    for t in range(60):
        x[t, 0, :20] = float(t // 3 % 2 == 0)
        x[t, 0, 20:] = float(t // 3 % 2 == 1)
        x[t, 0] *= (torch.rand(40) < 0.9).float()
    with torch.no_grad():
        (spikes,) = net.layer_spikes(x)
    (q,) = net.quantized()
    assert (20 * 127) << 7 > 2**17
    assert integer_population(x[:, 0].bool().tolist(), q, reset) == spikes[:, 0].bool().tolist()


def test_nonzero_reset_value_forces_one_scale_and_stays_equal():
    net = random_net(2, "hard", v_reset=-0.3)
    q = net.quantized()[0]
    assert 1 == len(set(q.scale.tolist()))
    x = (torch.rand(30, 1, 12) < 0.5).float()
    with torch.no_grad():
        first = net.layer_spikes(x)[0]
    assert integer_population(x[:, 0].bool().tolist(), q, "hard") == first[:, 0].bool().tolist()


def test_gradients_are_close_to_those_of_the_float_net():
    net = random_net(3, "soft")
    x = (torch.rand(8, 16, 12) < 0.4).float()
    grads = []
    for module in (net.model, net):
        module.zero_grad()
        module(x).sum().backward()
        grads.append(torch.cat([p.grad.flatten() for p in net.model.parameters()]))
    # Rounding flips a few spikes; direction and length must survive.
    cosine = torch.nn.functional.cosine_similarity(grads[0], grads[1], dim=0)
    assert float(cosine) > 0.95
    assert 0.8 < float(grads[1].norm() / grads[0].norm()) < 1.25


@pytest.mark.parametrize("granularity", ["neuron", "population"])
def test_snapping_keeps_the_integers_and_makes_float_spikes_follow_them(granularity):
    net = random_net(4, "soft", granularity=granularity)
    before = net.quantized()
    net.snap_()
    for old, new in zip(before, net.quantized(), strict=True):
        assert (old.weights[0] == new.weights[0]).all()
        assert (old.bias == new.bias).all()
        assert (old.beta, old.gain_shift) == (new.beta, new.gain_shift)
    x = (torch.rand(30, 50, 12) < 0.4).float()
    with torch.no_grad():
        differ = float((net.model(x) != net(x)).float().mean())
    # Only truncation is left: about one code of some 10,000 per tick.
    assert differ < 0.005


def test_a_bias_in_linear_is_trained_as_the_neuron_bias():
    torch.manual_seed(0)
    net = nn.IntegerNet(nn.SpikingNet(nn.Linear(4, 3, bias=True), nn.LIFLayer(3)))
    net(torch.ones(5, 2, 4)).sum().backward()
    linear = net.model[0]
    assert linear.bias.grad is not None
    scale = net.quantized()[0].scale
    expected = [round(b * s) for b, s in zip(linear.bias.tolist(), scale, strict=True)]
    assert expected == net.quantized()[0].bias.tolist()
    net.snap_()
    assert expected == net.quantized()[0].bias.tolist()


GAIN, BIAS = np.linspace(0.25, 4.0, 9), np.linspace(-0.2, 0.1, 9)


def net_with_gains(granularity="neuron"):
    """A projection with a bias onto neurons that have a gain and a bias of their own."""
    torch.manual_seed(6)
    lif = nn.LIFLayer(9, gain=GAIN.tolist(), bias=BIAS.tolist(), beta=0.9, reset="soft")
    model = nn.SpikingNet(nn.Linear(12, 9, bias=True, scale=3.0), lif)
    with torch.no_grad():
        model[0].bias.uniform_(-0.1, 0.1)
    return nn.IntegerNet(model, nn.Quantization(granularity=granularity))


def codes(net):
    """What weights and biases are in codes before they are rounded."""
    (q,), linear = net.quantized(), net.model[0]
    weights = linear.weight.detach().double().numpy().T * GAIN * q.weight_scale
    return weights, (BIAS + GAIN * linear.bias.detach().double().numpy()) * q.scale


@pytest.mark.parametrize("granularity", ["neuron", "population"])
def test_gain_and_both_biases_go_into_the_integers(granularity):
    net = net_with_gains(granularity)
    (q,) = net.quantized()
    # Half a code, and the rounding of float32.
    for real, whole in zip(codes(net), (q.weights[0], q.bias), strict=True):
        assert np.abs(real - whole).max() < 0.5001
    x = (torch.rand(30, 1, 12) < 0.5).float()
    with torch.no_grad():
        (spikes,) = net.layer_spikes(x)
    expected = integer_population(x[:, 0].bool().tolist(), q, "soft")
    assert sum(map(sum, expected)) > 20
    assert expected == spikes[:, 0].bool().tolist()


@pytest.mark.parametrize("granularity", ["neuron", "population"])
def test_snapped_parameters_stand_for_the_integers_through_gain_and_bias(granularity):
    net = net_with_gains(granularity)
    (before,) = net.quantized()
    net.snap_()
    for real, whole in zip(codes(net), (before.weights[0], before.bias), strict=True):
        assert np.abs(real - whole).max() < 1e-6 * np.abs(whole).max()
    (after,) = net.quantized()
    assert (after.weights[0] == before.weights[0]).all()
    assert (after.bias == before.bias).all()


def test_the_gradient_of_every_parameter_has_the_gain_in_it():
    net = net_with_gains()
    x = (torch.rand(8, 400, 12) < 0.4).float()
    grads = []
    for module in (net.model, net):
        module.zero_grad()
        module(x).sum().backward()
        grads.append([p.grad for p in net.model[0].parameters()])
    for float_grad, integer_grad in zip(*grads, strict=True):
        rows = (g.reshape(9, -1) for g in (float_grad, integer_grad))
        expected, found = (row.norm(dim=1) for row in rows)
        # Rounding flips a few spikes; gains are up to 4 apart from 1.
        assert (found / expected - 1).abs().max() < 0.25


def test_learned_decay_is_refused():
    model = nn.SpikingNet(nn.Linear(4, 3), nn.LIFLayer(3, learn=("beta",)))
    with pytest.raises(ValidationError, match="beta"):
        nn.IntegerNet(model)


def test_input_of_another_type_is_refused():
    net = nn.IntegerNet(nn.SpikingNet(nn.Linear(4, 3), nn.LIFLayer(3)))
    with pytest.raises(ValidationError, match="float32"):
        net(torch.zeros(2, 1, 4, dtype=torch.float64))


def test_a_row_that_can_overflow_the_accumulator_is_reported():
    net = nn.SpikingNet(nn.Linear(300, 2), nn.LIFLayer(2))
    with torch.no_grad():
        net[0].weight.fill_(0.5)
    assert not nn.IntegerNet(net).exact()


def test_a_state_of_another_net_or_batch_is_refused():
    net = nn.IntegerNet(nn.SpikingNet(nn.Linear(4, 3), nn.LIFLayer(3, alpha=0.5)))
    state = net.init(torch.zeros(1, 4))
    with pytest.raises(ValidationError, match=r"shape \(2, 3\).*got one of shape \(1, 3\)"):
        net.step(torch.zeros(2, 4), state)
    with pytest.raises(ValidationError, match="got one with v;"):
        net.step(torch.zeros(1, 4), (nn.LIFState(torch.zeros(1, 3)),))
    with pytest.raises(ValidationError, match="1 entries, one for each population, got 2"):
        net.step(torch.zeros(1, 4), (*state, *state))


def test_the_past_of_a_loop_is_part_of_the_state():
    loop = nn.Recurrent(nn.LIFLayer(3), nn.Linear(3, 3))
    net = nn.IntegerNet(nn.SpikingNet(nn.Linear(4, 3), loop, nn.Delay(2), nn.LIFLayer(3)))
    state = net.init(torch.zeros(1, 4))
    assert (2, 1, 3) == state[-1].shape
    with pytest.raises(ValidationError, match=r"3 entries, one for each population and each of"):
        net.step(torch.zeros(1, 4), state[:-1])
    with pytest.raises(ValidationError, match=r"shape \(2, 1, 3\).*got \(1, 1, 3\)"):
        net.step(torch.zeros(1, 4), (*state[:-1], state[-1][1:]))
    assert (0, 5, 3) == net(torch.zeros(0, 5, 4)).shape


def conv_net(**options):
    torch.manual_seed(7)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), nn.LIFLayer((3, 4, 4), beta=0.9, **options),
        torch.nn.Flatten(), nn.Linear(48, 5, bias=True, scale=3.0), nn.LIFLayer(5, bias=0.25),
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight.uniform_(-0.25, 0.75)
    return net


def test_a_snapped_convolution_keeps_its_integers():
    net = nn.IntegerNet(conv_net(gain=[1.0, 2.0, 0.5]), input_shape=(1, 4, 4))
    weights = net.model[0].weight.clone()
    before = net.quantized()
    net.snap_()
    for old, new in zip(before, net.quantized(), strict=True):
        assert (old.weights[0] == new.weights[0]).all()
        assert (old.bias == new.bias).all()
    kernel = net.model[0].weight.detach().numpy()
    codes = before[0].weights[0].T.reshape(3, 1, 3, 3)
    unit = np.array([1.0, 2.0, 0.5]) * before[0].weight_scale[[0, 16, 32]]
    np.testing.assert_allclose(codes / unit.reshape(3, 1, 1, 1), kernel, rtol=1e-6)
    assert not torch.equal(weights, net.model[0].weight)


def shared():
    linear = nn.Linear(4, 4)
    return nn.SpikingNet(linear, nn.LIFLayer(4), linear, nn.LIFLayer(4, v_th=2.0)), (4,)


def normalized():
    conv = torch.nn.Conv2d(1, 2, 3)
    return torch.nn.Sequential(conv, torch.nn.BatchNorm2d(2), nn.LIFLayer((2, 2, 2))), (1, 4, 4)


def shifted():
    return Net(lambda net, x: net.b(net.a(x) + 0.5), a=nn.Linear(4, 3, bias=True), b=lif()), (4,)


def summed():
    return Net(lambda net, x: net.b(net.a(x) + x), a=nn.Linear(3, 3), b=lif()), (3,)


def uneven():
    return conv_net(bias=np.linspace(0.0, 1.0, 48).reshape(3, 4, 4)), (1, 4, 4)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (shared, "weights of their own for every population"),
        (normalized, "'2' .LIFLayer.: expected neurons driven by one Linear or convolution alone"),
        (shifted, "'b' .LIFLayer.: expected neurons driven by one Linear or convolution alone"),
        (summed, "'b' .LIFLayer.: expected neurons driven by one Linear or convolution alone"),
        (uneven, "'1' .LIFLayer.: expected a bias whose codes are those of a parameter"),
    ],
)
def test_what_is_composed_is_not_snapped_and_stays_as_it_was(made, text):
    model, shape = made()
    before = [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(ValidationError, match=text):
        nn.IntegerNet(model, input_shape=shape).snap_()
    assert all(map(torch.equal, before, model.parameters()))


def test_what_the_core_has_no_counterpart_for_is_refused_at_once_by_path():
    net = torch.nn.Sequential(
        nn.Linear(4, 3), nn.LIFLayer(3, learn=("beta",)), nn.Linear(3, 2, bias=True),
        nn.LIFLayer(2, alpha=0.5),
    )  # fmt: skip
    with pytest.raises(ValidationError) as caught:
        nn.IntegerNet(net)
    beta, ramp = str(caught.value).splitlines()[-2:]
    assert "'1' (LIFLayer): only weights and bias can be trained" in beta
    assert "'3' (LIFLayer): a Linear bias into a LIFLayer with alpha > 0" in ramp
    with pytest.raises(ValidationError, match=r"'0' \(ReLU\): no counterpart in a network"):
        nn.IntegerNet(torch.nn.Sequential(torch.nn.ReLU(), nn.LIFLayer(3)), input_shape=(3,))


def test_input_of_another_shape_or_other_than_spikes_is_refused():
    net = nn.IntegerNet(conv_net(), input_shape=(1, 4, 4))
    with pytest.raises(ValidationError, match=r"shape \(T, B, 1, 4, 4\), got \(2, 3, 1, 5, 5\)"):
        net(torch.zeros(2, 3, 1, 5, 5))
    with pytest.raises(ValidationError, match="spikes of 0 and 1, got other values"):
        net(torch.full((2, 3, 1, 4, 4), 0.5))
    flat, shaped = net(torch.ones(2, 3, 16)), net(torch.ones(2, 3, 1, 4, 4))
    assert torch.equal(flat, shaped)
    with pytest.raises(ValidationError, match=r"shape \(T, B, 1, 4, 4\), got \(2, 1, 4, 4\)"):
        net(torch.ones(2, 1, 4, 4))  # a tick of two images is no two ticks of one
