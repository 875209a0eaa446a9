# SPDX-License-Identifier: Apache-2.0
"""Projections whose synapses learn their delays."""

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

STEPS, BATCH, D = 12, 2, 5
METHODS = ["gauss", "triangle", "prune"]
WAYS = [
    *({"method": method} for method in METHODS), {"granularity": "axon"},
    {"granularity": "dendrite"}, {"granularity": "axon", "method": "triangle"},
]  # fmt: skip


def made(kind, method="gauss", seed=0, **options):
    torch.manual_seed(seed)
    if kind == "linear":
        return nn.DelayedLinear(3, 4, D, method=method, **options), (3,)
    if kind == "conv1":
        return nn.DelayedConv(4, 4, (3,), D, method=method, padding=1, groups=2, **options), (4, 6)
    layer = nn.DelayedConv(2, 3, (3, 2), D, method=method, stride=2, dilation=2, **options)
    return layer, (2, 7, 6)


KINDS = ["linear", "conv1", "conv2"]


def spikes(shape, steps=STEPS, seed=0, p=0.4):
    return torch.from_numpy(np.random.default_rng(seed).random((steps, BATCH, *shape)) < p).double()


def by_hand(layer, x):
    """Sum over delays with torch's own projections, each tick apart."""
    weights = layer.synapses()
    outs = []
    for t in range(len(x)):
        total = 0.0
        for k in range(min(t, layer.max_delay) + 1):
            if isinstance(layer, nn.DelayedLinear):
                total = total + x[t - k] @ weights[k].T
            else:
                conv = torch.conv1d if weights.ndim == 4 else torch.conv2d
                total = total + conv(x[t - k], weights[k], **layer.options)
        outs.append(total)
    return torch.stack(outs)


@pytest.mark.parametrize("how", WAYS, ids=lambda how: "-".join(how.values()))
@pytest.mark.parametrize("kind", KINDS)
def test_output_and_slopes_are_those_of_the_sum_over_delays(kind, how):
    layer, shape = made(kind, **how)
    layer.double()
    x, y = (spikes(shape).requires_grad_() for _ in range(2))
    expected = by_hand(layer, x)
    weight = torch.randn_like(expected)
    (expected * weight).sum().backward()
    slopes = {name: p.grad for name, p in layer.named_parameters()}
    layer.zero_grad()
    found = layer(y)
    assert found.abs().sum() > 0
    # Weights are used with 24 bits, what is no spike with 17 or more.
    precise = 1e-6 if how.get("granularity") != "axon" else 1e-4
    torch.testing.assert_close(expected, found, rtol=0, atol=precise)
    (found * weight).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=10 * precise)
    for name, p in layer.named_parameters():
        assert p.grad.abs().sum() > 0
        torch.testing.assert_close(slopes[name], p.grad, rtol=10 * precise, atol=100 * precise)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("how", WAYS, ids=lambda how: "-".join(how.values()))
@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_equals_steps_parts_and_what_a_file_kept(kind, how, hard, dtype):
    layer, shape = made(kind, **how)
    nn.narrow_delays(layer, 0.4)
    if hard:
        layer.harden()
    net = torch.nn.Sequential(layer).to(dtype)
    x = torch.randn(STEPS, BATCH, *shape, dtype=dtype, generator=torch.manual_seed(1))
    with torch.no_grad():
        whole, last = nn.run(net, x)
        first, state = nn.run(net, x[:4])
        kept = io.BytesIO()
        torch.save({"net": net.state_dict(), "state": state}, kept)
        kept.seek(0)
        saved = torch.load(kept)
        other = torch.nn.Sequential(made(kind, seed=1, **how)[0]).to(dtype)
        other.load_state_dict(saved["net"])
        state, ticks = saved["state"], [*first]
        for tick in x[4:]:
            y, state = nn.step(other, tick, state)
            ticks.append(y)
    assert torch.equal(whole, torch.stack(ticks))
    assert torch.equal(last["0"], state["0"])
    held = [nn.advance(net, part, streaming=True) for part in (x[:1], x[1:3], x[3:])]
    assert torch.equal(whole, torch.cat(held))


@pytest.mark.parametrize("granularity", ["axon", "dendrite"])
@pytest.mark.parametrize("kind", KINDS)
def test_axons_and_dendrites_have_one_delay(kind, granularity):
    layer, _ = made(kind, granularity=granularity)
    delays = layer.delays()
    assert layer.synapses.weight.shape == delays.shape
    shared = delays.transpose(0, 1) if granularity == "axon" else delays
    for each in shared:
        assert 1 == each.unique().numel()
    assert delays.unique().numel() == len(shared)


def test_hard_dense_delays_shift_each_weight():
    layer, shape = made("linear")
    layer.harden()
    layer.double()
    x, weight, ticks = spikes(shape).numpy(), layer.synapses.weight.detach().numpy(), layer.delays()
    expected = np.zeros((STEPS, BATCH, 4))
    for post, pre in np.ndindex(4, 3):
        d = int(ticks[post, pre])
        expected[d:, :, post] += weight[post, pre] * x[: STEPS - d, :, pre]
    np.testing.assert_allclose(layer(spikes(shape)).detach().numpy(), expected, atol=1e-6)


def test_a_convolution_of_one_pixel_with_a_delay_per_channel_is_a_shift():
    layer = nn.DelayedConv(3, 3, (1, 1), max_delay=7, groups=3, granularity="dendrite")
    with torch.no_grad():
        layer.synapses.weight.fill_(1.0)
    layer.harden()
    layer.synapses.ticks.copy_(torch.tensor([0, 3, 7]).reshape(3, 1, 1, 1))
    x = spikes((3, 4, 5)).float()
    found = layer(x)
    for channel, d in enumerate((0, 3, 7)):
        assert torch.equal(x[: STEPS - d, :, channel], found[d:, :, channel])
        assert not found[:d, :, channel].any()
    assert torch.equal(nn.Delay([0, 3, 7], (3, 4, 5))(x), found)


@pytest.mark.parametrize("other", [{"method": "triangle"}, {"max_delay": 6}, {"method": "prune"}])
def test_weights_of_other_delays_are_not_loaded(other):
    given = torch.nn.Sequential(nn.DelayedLinear(3, 4, **{"max_delay": D, **other})).state_dict()
    net = torch.nn.Sequential(nn.DelayedLinear(3, 4, D))
    before = copy.deepcopy(net.state_dict())
    says = r"0\.synapses: expected .* with (method='gauss'|max_delay=5)"
    with pytest.raises(RuntimeError, match=says):
        net.load_state_dict(given)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_no_delay_at_all_is_a_dense_projection():
    layer = nn.DelayedLinear(3, 4, 0)
    plain = nn.Linear(3, 4)
    with torch.no_grad():
        plain.weight.copy_(layer.synapses.weight)
    x = spikes((3,)).float()
    assert torch.equal(plain(x), layer(x))
    assert (0, BATCH, 3) == tuple(nn.run(layer, x)[1][""].shape)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.DelayedLinear(3, 0, 4), r"expected sizes .* got \(3, 0\)"),
        (
            lambda: nn.DelayedLinear(3, 4, -1),
            "expected max_delay in whole ticks, 0 or more, got -1",
        ),
        (lambda: nn.DelayedLinear(3, 4, 2.5), r"got 2\.5"),
        (lambda: nn.DelayedLinear(3, 4, 2, method="linear"), "expected method .* got 'linear'"),
        (lambda: nn.DelayedLinear(3, 4, 2, granularity="neuron"), "granularity .* got 'neuron'"),
        (
            lambda: nn.DelayedLinear(3, 4, 2, method="prune", granularity="axon"),
            "expected granularity 'synapse' with method 'prune'",
        ),
        (lambda: nn.DelayedConv(2, 4, 3, 5), r"kernel_size as \(width,\) or \(height, width\)"),
        (lambda: nn.DelayedConv(2, 4, (3, 3, 5), 5), "the delays are max_delay"),
        (lambda: nn.DelayedConv(2, 3, (3,), 5, groups=2), "channels that 2 groups divide"),
    ],
)
def test_what_cannot_be_made_is_refused(make, text):
    with pytest.raises(ValidationError, match=text):
        make()


@pytest.mark.parametrize(
    ("kind", "text"),
    [("linear", "(T, B, 3)"), ("conv1", "(T, B, 4, width)"), ("conv2", "(T, B, 2, height, width)")],
)
def test_other_input_and_states_are_refused(kind, text):
    layer, shape = made(kind)
    with pytest.raises(ValidationError) as caught:
        layer(torch.rand(4, 1, 9))
    assert text in str(caught.value)
    _, state = layer.seq(spikes(shape).float())
    with pytest.raises(ValidationError, match=r"expected a state .*nn\.reset"):
        layer.seq(spikes(shape).float()[:, :1], state)
