# SPDX-License-Identifier: Apache-2.0
"""Gradients of rates: by hand, and by differences of the net of ramps."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

SHARE = 1e-12  # float64, sums of a few hundred terms in another order
STEP = 1e-5
SLOPE = 2.0**-22  # of the largest: gradients of constants are summed with 24 bits of it


def net_of(beta, *, learn=(), v_th=1.0, seed=0):
    torch.manual_seed(seed)
    layers = []
    for n_in, n_out in ((4, 6), (6, 3)):
        linear = torch.nn.Linear(n_in, n_out)
        torch.nn.init.uniform_(linear.weight, -0.5, 1.0)
        layers += [linear, nn.LIFLayer(n_out, beta=beta, reset="soft", v_th=v_th, learn=learn)]
    return torch.nn.Sequential(*layers).double()


def spikes(shape, seed=1):
    return torch.from_numpy((np.random.default_rng(seed).random(shape) < 0.4).astype(float))


def grads(model, x, loss):
    model.zero_grad()
    out, _ = nn.run(model, x)
    loss(out).backward()
    return out.detach(), [p.grad.clone() for p in model.parameters()]


class TickByTick(torch.nn.Module):
    """A forward of its own, which is called in every tick."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)


@pytest.mark.parametrize("wrapped", [torch.nn.Sequential, TickByTick])
@pytest.mark.parametrize("beta", [0.75, 1.0])
def test_gradients_are_those_of_weighted_rates_by_hand(beta, wrapped):
    net, x = net_of(beta), spikes((20, 3, 4))
    wanted = np.random.default_rng(2).random((3, 3))
    (w1, b1), (w2, b2) = ([p.detach().numpy() for p in net[k].parameters()] for k in (0, 2))
    v1, v2, spikes1, spikes2 = np.zeros((3, 6)), np.zeros((3, 3)), [], []
    for s in x.numpy():
        v1 = beta * v1 + s @ w1.T + b1
        spikes1.append((v1 >= 1.0).astype(float))
        v1 = v1 - spikes1[-1]
        v2 = beta * v2 + spikes1[-1] @ w2.T + b2
        spikes2.append((v2 >= 1.0).astype(float))
        v2 = v2 - spikes2[-1]
    weights = beta ** np.arange(19, -1, -1.0)

    def mean(train):
        return np.tensordot(weights / weights.sum(), np.array(train), 1)

    r0, r1, r2 = mean(x.numpy()), mean(spikes1), mean(spikes2)
    d1, d2 = r0 @ w1.T + b1, r1 @ w2.T + b2
    # The rates that spikes had are those of drives, but for what is left on the membranes.
    np.testing.assert_allclose(r1, d1 - v1 / weights.sum(), atol=1e-12)
    error2 = 2.0 * (r2 - wanted) * ((d2 > 0) & (d2 < 1))
    error1 = error2 @ w2 * ((d1 > 0) & (d1 < 1))
    expected = [error1.T @ r0, error1.sum(0), error2.T @ r1, error2.sum(0)]

    shares = torch.from_numpy(weights / weights.sum())

    def loss(out):
        return ((torch.tensordot(shares, out, 1) - torch.from_numpy(wanted)) ** 2).sum()

    out, found = grads(nn.DSR(wrapped(net)), x, loss)
    assert torch.equal(nn.run(net, x)[0], out)
    assert 0 < (d2 < 1).mean() < 1 or 0 < (d1 < 1).mean() < 1
    for a, b in zip(expected, found, strict=True):
        assert a.any()
        assert np.abs(a - b.numpy()).max() <= SHARE * np.abs(a).max()


def test_gradients_are_differences_of_the_net_of_ramps():
    """With what the spikes had beside it, which no derivative knows, held."""
    net, x = net_of(0.75, learn=("v_th", "gain", "bias"), v_th=0.875), spikes((20, 3, 4))
    wanted = torch.rand(3, 3, generator=torch.manual_seed(4)).double()
    weights = 0.75 ** torch.arange(19, -1, -1).double()

    def mean(train):
        return torch.tensordot(weights / weights.sum(), train, 1)

    def ramp(k, r):
        constants = net[k + 1].params()
        return ((constants.gain * net[k](r) + constants.bias) / constants.v_th).clamp(0.0, 1.0)

    with torch.no_grad():
        rates = [mean(x), mean(nn.run(net[:2], x)[0]), mean(nn.run(net, x)[0])]
        beside = {k: rates[k // 2 + 1] - ramp(k, rates[k // 2]) for k in (0, 2)}

    @torch.no_grad()
    def objective():
        r = rates[0]
        for k in (0, 2):
            r = ramp(k, r) + beside[k]
        return float(((r - wanted) ** 2).sum())

    method = nn.DSR(net)
    _, found = grads(method, x, lambda out: ((mean(out) - wanted) ** 2).sum())
    for (name, p), grad in zip(method.named_parameters(), found, strict=True):
        flat, slopes = p.data.view(-1), []
        for k, start in enumerate(flat.tolist()):
            ends = []
            for side in (STEP, -STEP):
                flat[k] = start + side
                ends.append(objective())
            flat[k] = start
            slopes.append((ends[0] - ends[1]) / (2 * STEP))
        assert np.any(slopes), name
        atol = SLOPE * np.abs(slopes).max()
        np.testing.assert_allclose(grad.flatten().numpy(), slopes, atol=atol, err_msg=name)


def test_a_saturated_rate_does_not_feel_its_threshold():
    net = torch.nn.Sequential(
        torch.nn.Linear(1, 3, bias=False), nn.LIFLayer(3, beta=1.0, reset="soft", learn="v_th")
    ).double()
    net[0].weight.data.copy_(torch.tensor([[-1.0], [0.5], [2.0]]))
    _, (weight, raw) = grads(nn.DSR(net), torch.ones(16, 1, 1).double(), lambda y: y.mean(0).sum())
    assert weight.flatten().tolist() == pytest.approx([0.0, 1.0, 0.0], abs=1e-15)
    v_th = net[1].params().v_th
    (by_raw,) = torch.autograd.grad(v_th.sum(), net[1].raw_v_th)
    assert (raw / by_raw).tolist() == pytest.approx([0.0, -0.5, 0.0], abs=1e-6)


def test_convolutions_pools_skips_and_dropout_are_passed_by_rates():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3, padding=1)
            self.first = nn.LIFLayer(beta=0.9, reset="soft")
            self.drop, self.skip = nn.Dropout(0.5), torch.nn.Linear(16, 3)
            self.dense = torch.nn.Linear(8, 3)
            self.last = nn.LIFLayer(beta=0.9, reset="soft")

        def forward(self, x):
            s = torch.nn.functional.avg_pool2d(self.drop(self.first(self.conv(x))), 2)
            return self.last(self.dense(s.flatten(1)) + self.skip(x.flatten(1)))

    torch.manual_seed(0)
    net, x = Net().double(), spikes((12, 2, 1, 4, 4))
    for p in net.parameters():
        p.data.abs_().mul_(0.4)
    torch.manual_seed(3)
    out, found = grads(nn.DSR(net), x, lambda y: y.sum())
    torch.manual_seed(3)
    assert torch.equal(nn.run(net, x)[0], out)
    assert all(grad.any() for grad in found)
    # Below a mask of zeros nothing is felt.
    net.drop.p = 1.0 - 1e-12
    assert not grads(nn.DSR(net), x, lambda y: y.sum())[1][0].any()


def test_parts_that_pass_the_state_on_are_the_ticks_of_one_run():
    net, x = net_of(0.75), spikes((9, 2, 4))
    method = nn.DSR(net)
    first, state = nn.run(method, x[:4])
    second, after = nn.run(method, x[4:], state)
    whole, last = nn.run(net, x)
    assert torch.equal(whole, torch.cat([first, second]))
    assert torch.equal(last["3"].v, after[""]["3"].v)


def test_it_learns_in_fit():
    torch.manual_seed(0)
    neuron = {"beta": 0.9, "reset": "soft", "learn": ("bias",)}
    net = nn.SpikingNet(
        nn.Linear(8, 16, scale=2.0), nn.LIFLayer(16, **neuron), nn.Linear(16, 2, scale=2.0),
        nn.LIFLayer(2, **neuron),
    )  # fmt: skip
    x = spikes((12, 40, 8)).float()
    y = (x.mean(0)[:, :4].sum(1) > x.mean(0)[:, 4:].sum(1)).long()
    history = nn.fit(nn.DSR(net), [(x, y)], epochs=60, lr=0.02)
    assert history.loss[-1] < history.loss[0] / 3
    assert nn.accuracy(net, [(x, y)]) > 0.9


def soft(**options):
    return nn.LIFLayer(2, **{"reset": "soft"} | options)


LINEAR = torch.nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([LINEAR, nn.LIFLayer(2)], r"'1' \(LIFLayer\): .* got a hard reset"),
        ([LINEAR, soft(alpha=0.5)], "a synaptic current"),
        ([LINEAR, soft(learn=["beta"])], "learned beta"),
        ([LINEAR, soft(learn=["v_th"], reset_amount=1.0)], "beside a reset_amount"),
        ([LINEAR, soft(beta=0.5), LINEAR, soft(beta=0.75)], "one beta in all layers, got 2"),
        ([LINEAR, soft(beta=[0.5, 0.6])], "a beta for each neuron"),
        ([LINEAR], "got no neurons"),
        ([LINEAR, nn.LI(2)], r"'1' \(LI\): expected LIFLayer"),
        ([LINEAR, soft(), torch.nn.MaxPool1d(2)], r"'2' \(MaxPool1d\): expected nothing but sums"),
        ([nn.Conv2d(1, 2, 2, pool=2), soft()], r"'0' \(Conv2d\): expected nothing but sums"),
        ([LINEAR, torch.nn.Dropout(), soft()], r"use nn\.Dropout"),
        ([LINEAR, nn.BatchNorm(2), soft()], "goes by the tick in training"),
        ([LINEAR, nn.Recurrent(soft(), nn.Linear(2, 2))], "nn.run and backward"),
    ],
)
def test_what_would_have_another_gradient_is_refused(layers, text):
    with pytest.raises(ValidationError, match=text):
        nn.DSR(torch.nn.Sequential(*layers))
