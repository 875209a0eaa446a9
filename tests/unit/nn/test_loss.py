# SPDX-License-Identifier: Apache-2.0
"""Losses against their formulas, sample by sample, with and without padding."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import decode  # noqa: E402

LENGTHS = (10, 7, 3)
LABELS = torch.tensor([0, 2, 1])
MASK = torch.arange(10)[:, None] < torch.tensor(LENGTHS)


def outputs(spiking=True, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.random((10, 3, 4))
    return torch.tensor((values < 0.4) if spiking else values - 0.5, dtype=torch.float64)


def cross_entropy(logits, label):
    top = max(logits)
    return math.log(sum(math.exp(v - top) for v in logits)) + top - logits[label]


def first(train):
    """Ticks before the first spike; all ten, padded ones too, without one."""
    return next((t for t, s in enumerate(train) if s), 10)


def smeared(train, tau):
    trace, found = 0.0, []
    for s in train:
        trace = trace * math.exp(-1 / tau) + s
        found.append(trace)
    return found


# Loss, whether outputs spike, and the loss of one sample (ticks, outputs) by its formula.
LOSSES = {
    "count": (nn.CountCrossEntropy(0.5), True, lambda x, y: cross_entropy(0.5 * x.sum(0), y)),
    "mse": (
        nn.CountMSE(0.8, 0.1), True,
        lambda x, y: sum((r - (0.8 if k == y else 0.1)) ** 2 for k, r in enumerate(x.mean(0))),
    ),
    "rate": (
        nn.RateCrossEntropy(2.0), True,
        lambda x, y: np.mean([cross_entropy(2.0 * tick, y) for tick in x]),
    ),
    "mean": (nn.MembraneCrossEntropy(), False, lambda x, y: cross_entropy(x.mean(0), y)),
    "max": (nn.MembraneCrossEntropy("max"), False, lambda x, y: cross_entropy(x.max(0), y)),
    "last": (nn.MembraneCrossEntropy("last"), False, lambda x, y: cross_entropy(x[-1], y)),
    "first": (
        nn.FirstSpikeCrossEntropy(3.0), True,
        lambda x, y: cross_entropy([-first(train) / 3.0 for train in x.T], y),
    ),
}  # fmt: skip


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_the_mean_of_its_formula_over_real_ticks(name, padded):
    loss, spiking, formula = LOSSES[name]
    x = outputs(spiking)
    lengths = LENGTHS if padded else (10, 10, 10)
    expected = np.mean([formula(x[:n, k].numpy(), int(LABELS[k])) for k, n in enumerate(lengths)])
    found = loss(x, LABELS, MASK) if padded else loss(x, LABELS)
    assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_padding_has_neither_value_nor_gradient(name):
    loss, spiking, _ = LOSSES[name]
    x = outputs(spiking)
    noisy = torch.where(MASK[..., None], x, torch.ones(())).requires_grad_()
    quiet = torch.where(MASK[..., None], x, torch.zeros(())).requires_grad_()
    for given in (noisy, quiet):
        loss(given, LABELS, MASK).backward()
    assert torch.equal(noisy.grad, quiet.grad)
    assert not noisy.grad[~MASK].any()
    assert noisy.grad[MASK].any()


def test_van_rossum_is_the_distance_of_smeared_trains():
    x, target = outputs(seed=1), outputs(seed=2)
    for tau in (0.5, 4.0, 100.0):
        for mask, lengths in ((None, (10, 10, 10)), (MASK, LENGTHS)):
            expected = 0.0
            for k, n in enumerate(lengths):
                for j in range(4):
                    f, g = (smeared(s[:n, k, j].tolist(), tau) for s in (x, target))
                    expected += sum((a - b) ** 2 for a, b in zip(f, g, strict=True)) / tau / 3
            found = nn.VanRossum(tau)(x, target, mask)
            assert float(found) == pytest.approx(expected, rel=1e-12)
    assert 0.0 == nn.VanRossum()(x, x)


def test_a_spike_nearer_to_its_target_costs_less():
    target = torch.zeros(60, 1, 1)  # long enough for what is left of either to fade
    target[10] = 1.0
    costs = []
    for at in (10, 11, 14, 19):
        x = torch.zeros(60, 1, 1)
        x[at] = 1.0
        costs.append(float(nn.VanRossum(3.0)(x, target)))
    assert sorted(costs) == costs
    assert 0.0 == costs[0] < costs[1] < costs[2] < costs[3]


def test_the_time_of_the_first_spike_has_the_gradient_of_its_formula():
    x = torch.tensor([0.0, 0.3, 1.0, 0.2, 1.0], dtype=torch.float64).reshape(5, 1, 1)
    assert torch.autograd.gradcheck(decode.first_spike, x.requires_grad_())
    # Sooner spikes raise the score where there is none yet; so a silent output can learn.
    silent = torch.zeros(5, 1, 1, dtype=torch.float64, requires_grad=True)
    decode.first_spike(silent).sum().backward()
    assert [5.0, 4.0, 3.0, 2.0, 1.0] == silent.grad.flatten().tolist()


@pytest.mark.parametrize(
    ("decoder", "expected"),
    [
        (decode.spike_count, [1, 1, 3, 2]),
        (decode.first_spike, [10 - 8, 10 - 1, 10 - 0, 10 - 1]),
    ],
)
def test_decoders_give_scores_of_spikes(decoder, expected):
    x = torch.zeros(10, 1, 4)
    for neuron, ticks in enumerate(([8], [1], [0, 1, 2], [1, 9])):
        x[ticks, 0, neuron] = 1.0
    assert expected == decoder(x)[0].tolist()
    short = torch.arange(10)[:, None] < 5
    assert 0.0 == decoder(x, short)[0, 0]


def test_a_membrane_that_is_always_negative_is_not_beaten_by_its_padding():
    x = -1.0 - torch.rand(10, 3, 4, generator=torch.Generator().manual_seed(0))
    for decoder, plain in (
        (decode.largest_value, lambda v: v.amax(0)), (decode.last_value, lambda v: v[-1]),
        (decode.mean_value, lambda v: v.mean(0)),
    ):  # fmt: skip
        found = decoder(x, MASK)
        for k, n in enumerate(LENGTHS):
            torch.testing.assert_close(plain(x[:n, k]), found[k])
    batch = [(x, LABELS, MASK)]
    model = torch.nn.Sequential(torch.nn.Identity())
    expected = np.mean([int(x[:n, k].amax(0).argmax()) == LABELS[k] for k, n in enumerate(LENGTHS)])
    found = nn.evaluate(model, batch, decode=decode.largest_value)
    assert (expected, 0.0) == (found.accuracy, found.silent)


BAD_MASKS = {
    "of floats": (torch.ones(6, 2), r"\(6, 2\) and torch.float32"),
    "batch first": (torch.ones(2, 6, dtype=torch.bool), r"\(2, 6\) and torch.bool"),
    "a list": ([[True] * 2] * 6, "list"),
}


@pytest.mark.parametrize("mask", BAD_MASKS)
@pytest.mark.parametrize(
    "readout",
    [
        nn.decode.spike_count, nn.decode.first_spike, nn.decode.mean_value,
        nn.decode.largest_value, nn.decode.last_value,
    ],
)  # fmt: skip
def test_a_mask_of_another_kind_is_refused_by_every_readout(readout, mask):
    given, got = BAD_MASKS[mask]
    with pytest.raises(ValidationError, match=rf"mask of shape \(6, 2\), .* got .*{got}.*mask"):
        readout(torch.ones(6, 2, 3), given)


def test_losses_that_mean_nothing_are_refused():
    with pytest.raises(ValidationError, match="'mean', 'max' or 'last', got 'sum'"):
        nn.MembraneCrossEntropy("sum")
    with pytest.raises(ValidationError, match="tau > 0"):
        nn.VanRossum(0.0)
    with pytest.raises(ValidationError, match=r"shape \(10, 3, 4\), got \(3,\)"):
        nn.VanRossum()(outputs(), LABELS)


def loop_net():
    """A net whose neurons are called tick by tick."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.LIFLayer(3, beta=0.5), nn.LIFLayer(3, beta=0.5)

        def forward(self, x):
            return self.b(2.0 * self.a(x) + x)

    return Net()


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    "make", [lambda: nn.SpikingNet(nn.LIFLayer(3, beta=0.5), nn.LIFLayer(3, v_th=0.8)), loop_net]
)
def test_activity_outside_of_its_range_costs_its_square(make, padded):
    net = make()
    x = torch.rand(10, 3, 3, generator=torch.Generator().manual_seed(3)).requires_grad_()
    mask = MASK if padded else torch.ones(10, 3, dtype=torch.bool)
    seen = []
    layers = [m for m in net.modules() if isinstance(m, nn.LIFLayer)]
    handles = [m.register_forward_hook(lambda _, given, out: seen.append(out)) for m in layers]
    out, _ = nn.run(net, x)
    for handle in handles:
        handle.remove()
    if len(seen) == 20:  # a and b in turn, tick by tick
        seen = [torch.stack(seen[::2]), torch.stack(seen[1::2])]
    costs = []
    for spikes in seen:
        rates = spikes[mask].mean(0)  # real ticks and samples in a row
        costs.append(
            np.mean([max(0, 0.3 - r) ** 2 + max(0, r - 0.35) ** 2 for r in rates.tolist()])
        )
    loss = nn.WithActivity(lambda out, y, mask=None: out.sum() * 0.0 + 1.0, net, low=0.3, high=0.35,
                           strength=5.0)  # fmt: skip
    nn.run(net, torch.ones(4, 3, 3))  # a run that nobody asks about
    out, _ = nn.run(net, x)
    value = loss(out, LABELS, mask) if padded else loss(out, LABELS)
    assert float(value.detach()) == pytest.approx(1.0 + 5.0 * np.mean(costs), rel=1e-5)  # float32
    assert float(value.detach()) > 1.0
    value.backward()
    assert x.grad.abs().sum() > 0
    loss.close()
    assert not any(m._forward_hooks for m in net.modules())


def test_activity_of_a_sample_without_a_tick_is_no_tick_of_silence():
    """And a loss that takes no mask is not given one."""
    net = nn.LIFLayer(1, beta=0.0)
    loss = nn.WithActivity(lambda out, y: out.sum() * 0.0, net, high=0.5)
    out, _ = nn.run(net, torch.ones(4, 2, 1))
    mask = torch.tensor([[True, False]]).expand(4, 2)
    assert 0.25 == loss(out, torch.tensor([0, 0]), mask)  # a rate of 1, not of 4 in 5 ticks


def test_activity_wakes_a_silent_net():
    torch.manual_seed(0)
    net = nn.SpikingNet(nn.Linear(4, 6, scale=0.2), nn.LIFLayer(6), nn.Linear(6, 2, scale=5.0),
                        nn.LIFLayer(2))  # fmt: skip
    x = (torch.rand(12, 8, 4, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    y = torch.arange(8) % 2
    assert 1.0 == nn.evaluate(net, [(x, y)]).silent
    loss = nn.WithActivity(nn.CountCrossEntropy(), net, low=0.1, strength=30.0)
    nn.fit(net, [(x, y)], epochs=40, lr=0.05, loss=loss)
    assert nn.evaluate(net, [(x, y)]).silent < 0.5
    assert "low=0.1" in repr(loss)


@pytest.mark.parametrize("options", [{"low": 0.5, "high": 0.2}, {"high": 1.5}, {"low": -0.1}])
def test_a_range_that_is_none_is_refused(options):
    with pytest.raises(ValidationError, match="0 <= low <= high <= 1"):
        nn.WithActivity(nn.CountMSE(), nn.LIFLayer(2), **options)
    with pytest.raises(ValidationError, match="0 of them in Linear"):
        nn.WithActivity(nn.CountMSE(), torch.nn.Linear(2, 2))
