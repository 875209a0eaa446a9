# SPDX-License-Identifier: Apache-2.0
"""Counts of operations against pencil and paper, and against a loop over every connection."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.energy import Ops  # noqa: E402


def test_a_small_net_is_that_of_pencil_and_paper():
    """4 inputs, 3 hidden, 2 outputs, 5 ticks, 2 samples; inputs spike 6 and 2 times."""
    net = nn.SpikingNet(
        nn.Linear(4, 3, bias=True), nn.LIFLayer(3, v_th=0.5, beta=0.0, reset="none"),
        nn.Linear(3, 2), nn.LIFLayer(2, alpha=0.5),
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight.fill_(1.0)
        net[0].bias.zero_()
    x = torch.zeros(5, 2, 4)
    x[:3, 0, :2] = 1.0
    x[1:3, 1, 3] = 1.0
    report = nn.energy(net, x)
    # All hidden neurons fire where an input does: in 3 ticks of the first, 2 of the second.
    first, hidden, second, out = report.layers.values()
    assert (8 / 40, 15 / 30) == (first.rate, second.rate)
    assert (Ops(0, (6 + 2) / 2 * 3), Ops(0, (3 + 2) / 2 * 3 * 2)) == (first.paper, second.paper)
    # The biases: 3 in each of 5 ticks. Every spike has all its connections in dense layers.
    assert (Ops(0, 12 + 15), Ops(0, 15)) == (first.strict, second.strict)
    assert (Ops(), Ops(3 * 5)) == (hidden.paper, hidden.strict)
    assert Ops(2 * 2 * 5) == out.strict  # membrane and current
    assert Ops(0, 27) == report.total("paper")
    assert Ops(35, 42) == report.total("strict")
    assert report.total("strict").picojoules() == pytest.approx(35 * 4.6 + 42 * 0.9)
    assert "rate 0.2000" in str(report)
    assert "strict: 35 MAC, 42 AC, 0.1988 nJ" in str(report)


def connections(active, kernel, stride, padding):
    """Every pair of an active pixel (height, width) and an output whose window holds it."""
    height, width = active.shape
    pairs = 0
    for row in range(0, height + 2 * padding - kernel + 1, stride):
        for column in range(0, width + 2 * padding - kernel + 1, stride):
            for dy in range(kernel):
                for dx in range(kernel):
                    y, x = row + dy - padding, column + dx - padding
                    pairs += 0 <= y < height and 0 <= x < width and bool(active[y, x])
    return pairs


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (2, 2, 0)])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_spike_at_the_border_has_fewer_connections(kernel, stride, padding, groups):
    conv = torch.nn.Conv2d(2, 4, kernel, stride, padding, groups=groups, bias=False)
    net = torch.nn.Sequential(conv, nn.LIFLayer())
    x = (torch.rand(3, 2, 2, 5, 6, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    out = conv(x[0]).shape
    (layer, _) = nn.energy(net, x).layers.values()
    pairs = sum(
        connections(plane, kernel, stride, padding) for plane in x.numpy().reshape(-1, 5, 6)
    )
    assert pairs * (4 // groups) / 2 == layer.strict.ac
    dense = 3 * 4 * out[2] * out[3] * kernel**2 * (2 // groups)
    assert float(x.mean()) * dense == pytest.approx(layer.paper.ac, rel=1e-6)
    assert (0, 0) == (layer.paper.mac, layer.strict.mac)
    analog, _ = nn.energy(net, x * 0.5).layers.values()
    every = connections(np.ones((5, 6)), kernel, stride, padding)
    assert (dense, 3 * every * 2 * (4 // groups)) == (analog.paper.mac, analog.strict.mac)
    assert math.isnan(analog.rate)


@pytest.mark.parametrize("pool", [1, 2])
def test_a_convolution_with_a_pool_makes_all_that_the_pool_throws_away(pool):
    """Sequences and single ticks alike; the same convolution of torch knows of no pool."""
    ours, theirs = nn.Conv2d(2, 3, 3, padding=1, pool=pool), torch.nn.Conv2d(2, 3, 3, padding=1)
    x = (torch.rand(4, 2, 2, 5, 6, generator=torch.Generator().manual_seed(1)) < 0.3).float()

    class ByTicks(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = ours

        def forward(self, x):
            return self.conv(x)

    (expected,) = nn.energy(torch.nn.Sequential(theirs), x).layers.values()
    for net in (torch.nn.Sequential(ours), ByTicks()):
        (layer,) = nn.energy(net, x).layers.values()
        assert (expected.paper, expected.strict) == (layer.paper, layer.strict)


def test_counting_leaves_a_net_in_training_as_it_was():
    net = torch.nn.Sequential(nn.Linear(2, 3), nn.BatchNorm(3), nn.Dropout(0.5), nn.LIFLayer(3))
    before, dice = [value.clone() for value in net.state_dict().values()], torch.get_rng_state()
    nn.energy(net, torch.ones(4, 2, 2))
    assert all(map(torch.equal, before, net.state_dict().values()))
    assert torch.equal(dice, torch.get_rng_state())
    assert all(module.training for module in net.modules())


def test_what_cannot_be_counted_is_refused_and_no_hook_stays():
    net = nn.SpikingNet(nn.Linear(2, 2), nn.LIFLayer(2))
    nn.energy(net, torch.ones(3, 1, 2))
    assert not any(m._forward_hooks for m in net.modules())
    with pytest.raises(ValidationError, match="found none in Identity"):
        nn.energy(torch.nn.Identity(), torch.ones(3, 1, 2))
    with pytest.raises(ValidationError, match="at least one sample"):
        nn.energy(net, torch.ones(3, 0, 2))


def test_a_transposed_convolution_spreads_each_spike():
    conv = torch.nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, groups=2, bias=False)
    x = torch.zeros(1, 1, 2, 3, 3)
    x[..., 0, 1, 1] = x[..., 1, 0, 0] = 1.0
    (layer,) = nn.energy(torch.nn.Sequential(conv), x).layers.values()
    # Nine pixels of two channels each, of which a corner loses five to the padding.
    assert Ops(0, 2 * 9 * 2) == layer.paper
    assert Ops(0, 9 * 2 + 4 * 2) == layer.strict


def test_layers_are_told_that_they_see_spikes_of_another_height():
    net = nn.SpikingNet(nn.Linear(4, 3), nn.LIFLayer(3, beta=1.0))
    x = torch.tensor([[[0.5, 0.0, -0.5, 0.0]]])
    by_value, told = nn.energy(net, x), nn.energy(net, x, spikes=["0"])
    assert (Ops(12), Ops(0, 6)) == (by_value.total("paper"), told.total("paper"))
    assert Ops(0, 6 + 3) == told.total("strict")  # neurons without decay only add
    ones = torch.ones(1, 1, 4)
    assert Ops(12) == nn.energy(net, ones, spikes=[]).total("paper")
    assert Ops(0, 12) == nn.energy(net, ones).total("paper")


def test_a_meter_counts_all_runs_while_it_reads_and_no_other():
    net = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False))
    meter = nn.Meter(net)
    for _ in range(2):
        with meter.reading():
            net(torch.full((2, 4), 0.5))
        net(torch.full((2, 4), 0.5))
    assert Ops(12) == meter.report(ticks=1, samples=4).total("strict")
    assert not net[0]._forward_hooks
