# SPDX-License-Identifier: Apache-2.0
"""Online training: the gradient by hand, and where it is that of backpropagation through time."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.gradients.online import OTTT  # noqa: E402
from tests.reference.torch_memory import peak_bytes  # noqa: E402

SHARE = 1e-12  # float64, sums of a few hundred terms in another order


def net_of(*sizes, reset="soft", bias=True, beta=0.75, seed=0):
    torch.manual_seed(seed)
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        linear = torch.nn.Linear(n_in, n_out, bias=bias)
        torch.nn.init.uniform_(linear.weight, -0.3, 0.7)
        layers += [linear, nn.LIFLayer(n_out, beta=beta, reset=reset)]
    return torch.nn.Sequential(*layers).double()


def spikes(shape, seed=1):
    return torch.from_numpy((np.random.default_rng(seed).random(shape) < 0.4).astype(float))


def loss_of(target):
    return lambda y, t: ((y - target[t]) ** 2).sum()


def gradients(net):
    return [p.grad.clone() for p in net.parameters()]


def by_time(net, x, loss):
    net.zero_grad()
    out, _ = nn.run(net, x)
    sum(loss(y, t) for t, y in enumerate(out)).backward()
    return out.detach(), gradients(net)


def online(net, x, loss):
    net.zero_grad()
    return OTTT(net).backward(x, loss), gradients(net)


@pytest.mark.parametrize("reset", ["soft", "none"])
def test_one_layer_has_the_gradient_of_backpropagation_through_time(reset):
    net, x, target = net_of(5, 4, reset=reset), spikes((12, 3, 5)), spikes((12, 3, 4), 2)
    out, expected = by_time(net, x, loss_of(target))
    found_out, found = online(net, x, loss_of(target))
    assert torch.equal(out, found_out)
    assert 0 < out.mean() < 1
    for a, b in zip(expected, found, strict=True):
        assert (a - b).abs().max() <= SHARE * a.abs().max()


def test_one_tick_is_ordinary_backpropagation():
    net, x, target = net_of(6, 5, 3), spikes((1, 4, 6)), spikes((1, 4, 3), 2)
    _, expected = by_time(net, x, loss_of(target))
    _, found = online(net, x, loss_of(target))
    for a, b in zip(expected, found, strict=True):
        assert a.any()
        assert (a - b).abs().max() <= SHARE * a.abs().max()


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_gradients_are_traces_times_errors_of_the_same_tick(reset):
    net, x, target = net_of(4, 6, 5, 2, reset=reset), spikes((15, 3, 4)), spikes((15, 3, 2), 2)
    weights = [net[k].weight.detach().numpy() for k in (0, 2, 4)]
    biases = [net[k].bias.detach().numpy() for k in (0, 2, 4)]
    slope = nn.ATan()
    v = [np.zeros((3, len(b))) for b in biases]
    traces, ones = [np.zeros((3, w.shape[1])) for w in weights], 0.0
    expected = [[np.zeros_like(w), np.zeros_like(b)] for w, b in zip(weights, biases, strict=True)]
    for t in range(15):
        s, ones, behind = x[t].numpy(), 0.75 * ones + 1.0, []
        for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
            traces[k] = 0.75 * traces[k] + s
            h = 0.75 * v[k] + s @ w.T + b
            s = (h >= 1.0).astype(float)
            v[k] = h - s if reset == "soft" else h * (1 - s)
            u = torch.tensor(h - 1.0, requires_grad=True)
            nn.spike(u, slope).sum().backward()
            behind.append(u.grad.numpy())
        error = 2.0 * (s - target[t].numpy())
        for k in (2, 1, 0):
            error = error * behind[k]
            expected[k][0] += error.T @ traces[k]
            expected[k][1] += ones * error.sum(0)
            error = error @ weights[k]
    _, found = online(net, x, loss_of(target))
    for a, b in zip([g for pair in expected for g in pair], found, strict=True):
        assert np.abs(a).max() > 0
        assert np.abs(a - b.numpy()).max() <= SHARE * np.abs(a).max()


def test_convolutions_pools_and_skips_are_trained_too():
    class Skip(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 2, 3, padding=1)
            self.first = nn.LIFLayer(beta=0.5, reset="soft")
            self.to_all = torch.nn.Linear(8, 3)
            self.past = torch.nn.Linear(16, 3)
            self.last = nn.LIFLayer(beta=0.5, reset="soft")

        def forward(self, x):
            s = torch.nn.functional.avg_pool2d(self.first(self.conv(x)), 2)
            return self.last(self.to_all(s.flatten(1)) + self.past(x.flatten(1)))

    torch.manual_seed(0)
    net, x, target = Skip().double(), 4 * spikes((9, 2, 1, 4, 4)), spikes((9, 2, 3), 2)
    out, expected = by_time(net, x, loss_of(target))
    found_out, found = online(net, x, loss_of(target))
    assert torch.equal(out, found_out)
    names = [name for name, _ in net.named_parameters()]
    for name, a, b in zip(names, expected, found, strict=True):
        assert b.any(), name
        if not name.startswith("conv"):  # one layer of neurons behind: nothing is left out
            assert (a - b).abs().max() <= SHARE * a.abs().max(), name


def test_memory_does_not_grow_with_the_number_of_ticks():
    net, few, many = net_of(4, 30, 2), spikes((10, 2, 4)), spikes((60, 2, 4))

    def growth(run):
        run(few)  # from then on parameters have a gradient
        return peak_bytes(lambda: run(many)) - peak_bytes(lambda: run(few))

    outputs = 2 * 2 * 8 * 50  # bytes of 50 ticks, which are handed back
    assert growth(lambda x: OTTT(net).backward(x, lambda y, t: y.square().sum())) <= outputs
    assert growth(lambda x: nn.run(net, x)[0].square().sum().backward()) > 10 * outputs


def test_a_step_after_every_tick_changes_what_the_next_one_sees():
    net, x, target = net_of(4, 3), spikes((6, 2, 4)), spikes((6, 2, 3), 2)
    optimizer, seen = torch.optim.SGD(net.parameters(), lr=0.05), []

    def after(t):
        seen.append(t)
        optimizer.step()
        optimizer.zero_grad()

    before = net[0].weight.detach().clone()
    OTTT(net).backward(x, loss_of(target), after_tick=after)
    assert list(range(6)) == seen
    assert not torch.equal(before, net[0].weight)
    assert all(p.grad is None for p in net.parameters())


def test_it_learns_what_it_is_shown():
    net, x = net_of(8, 16, 2), spikes((10, 16, 8), 3)
    label = (x.mean(0)[:, :4].sum(1) > x.mean(0)[:, 4:].sum(1)).long()
    learner, optimizer = OTTT(net), torch.optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        out = learner.backward(
            x, lambda y, t: torch.nn.functional.cross_entropy(4 * y, label) / len(x)
        )
        optimizer.step()
        losses.append(float(torch.nn.functional.cross_entropy(out.sum(0), label)))
    assert losses[-1] < losses[0] / 2


class Shared(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.a, self.b = torch.nn.Linear(2, 2), nn.LIFLayer(2), nn.LIFLayer(2)

    def forward(self, x):
        return self.b(self.linear(self.a(self.linear(x))))


class Gated(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.lif = torch.nn.Linear(2, 2), nn.LIFLayer(2)

    def forward(self, x):
        return self.lif(self.linear(x) * x)


class Dropped(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.lif = torch.nn.Linear(2, 2), nn.LIFLayer(2)

    def forward(self, x):
        return self.lif(torch.nn.functional.dropout(self.linear(x), 0.5, self.training))


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (torch.nn.Sequential(torch.nn.Linear(2, 2), nn.LIFLayer(2, alpha=0.5)), "a synaptic curr"),
        (torch.nn.Sequential(torch.nn.Linear(2, 2), nn.LIFLayer(2, learn=["beta"])), "learned b"),
        (torch.nn.Sequential(torch.nn.Linear(2, 2), nn.LIFLayer(2, beta=[0.5, 0.6])), "for each"),
        (
            torch.nn.Sequential(torch.nn.Linear(2, 2), nn.LIFLayer(2, refractory_ticks=2)),
            "a refractory time",
        ),
        (
            torch.nn.Sequential(torch.nn.Linear(2, 2), nn.LIFLayer(2, detach_reset=False)),
            "gradient of the reset",
        ),
        (
            torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), nn.LIFLayer(2)),
            r"'1' \(BatchNorm1d\)",
        ),
        (torch.nn.Sequential(nn.LIFLayer(2), torch.nn.Linear(2, 2)), "end in a LIFLayer"),
        (
            torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), nn.LIFLayer(2)),
            r"'0' \(Linear\)",
        ),
        (Shared(), "two places"),
        # Traces of sums are not those of the largest of them, or of what a gate lets through.
        (torch.nn.Sequential(nn.Conv2d(1, 2, 3, pool=2), nn.LIFLayer()), "got its pool"),
        (
            torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2), nn.LIFLayer()),
            r"'0' \(Conv2d\): expected nothing but sums .* got '1' \(MaxPool2d\)",
        ),
        (
            torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), nn.LIFLayer(2)),
            r"got '1' \(ReLU\); put that behind",
        ),
        (Gated(), "got '' .*mul"),
        # A mask of each tick is not that of what came before.
        (
            torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(), nn.LIFLayer(2)),
            r"'1' \(Dropout\): .* use nn\.Dropout",
        ),
        (Dropped(), "got '' .*dropout"),
        (
            torch.nn.Sequential(nn.Linear(2, 2), nn.BatchNorm(2, affine=False), nn.LIFLayer(2)),
            "goes by the tick in training",
        ),
    ],
)  # fmt: skip
def test_what_would_have_another_gradient_is_refused(net, text):
    with pytest.raises(ValidationError, match=text):
        OTTT(net)


def test_a_pool_of_spikes_and_sums_of_any_form_have_the_gradient_of_backpropagation():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.conv = torch.nn.MaxPool2d(2), nn.Conv2d(1, 2, 2)
            self.last = nn.LIFLayer(beta=0.5, reset="soft")

        def forward(self, x):
            drive = 0.5 * self.conv(self.pool(x)) - self.pool(x)[:, :, :1, :1]
            return self.last(torch.nn.functional.avg_pool2d(drive, 2).reshape(x.shape[0], -1) / 2)

    torch.manual_seed(0)
    net, x, target = Net().double(), spikes((9, 2, 1, 6, 6)), spikes((9, 2, 2), 2)
    for a, b in zip(
        by_time(net, x, loss_of(target))[1], online(net, x, loss_of(target))[1], strict=True
    ):
        assert a.any()
        assert (a - b).abs().max() <= SHARE * a.abs().max()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_mask_for_all_ticks_is_in_the_trace_wherever_it_stands(place):
    net, x, target = net_of(5, 4), spikes((12, 3, 5)), spikes((12, 3, 4), 2)
    layers = list(net)
    layers.insert(place, nn.Dropout(0.4))
    net = torch.nn.Sequential(*layers)
    torch.manual_seed(7)
    out, expected = by_time(net, x, loss_of(target))
    torch.manual_seed(7)
    found_out, found = online(net, x, loss_of(target))
    assert torch.equal(out, found_out)
    for a, b in zip(expected, found, strict=True):
        assert (a - b).abs().max() <= SHARE * a.abs().max()


def test_bad_calls_say_what_is_expected():
    learner = OTTT(net_of(2, 2))
    with pytest.raises(ValidationError, match="at least one tick"):
        learner.backward(torch.zeros(0, 1, 2, dtype=torch.float64), lambda y, t: y.sum())
    with pytest.raises(ValidationError, match="one number for a tick"):
        learner.backward(torch.zeros(1, 1, 2, dtype=torch.float64), lambda y, t: y)
