# SPDX-License-Identifier: Apache-2.0
"""Learned delays on their way to whole ticks."""

import copy

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


def test_delays_are_learned_and_stay_in_their_range():
    """One synapse, a target that is the input five ticks later."""
    torch.manual_seed(0)
    layer = nn.DelayedLinear(1, 1, max_delay=8)
    with torch.no_grad():
        layer.synapses.weight.fill_(1.0)
        layer.synapses.raw_delay.fill_(-0.5)
    x = (torch.rand(40, 2, 1) < 0.15).float()
    target = nn.Delay(5)(x)
    optimizer = torch.optim.Adam([layer.synapses.raw_delay], lr=0.05)
    assert 5.0 != float(layer.delays().round())
    for k in range(120):
        nn.narrow_delays(layer, k / 119)
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
        assert 0.0 < float(layer.delays()) < 8.0
    assert abs(float(layer.delays()) - 5.0) < 0.2
    nn.harden_delays(layer)
    assert torch.equal(target, layer(x))


def templates(n, generator, offsets):
    """Spikes (T, n, channels) of ten classes, told by when each channel fires, never by how often.

    One spike a channel, at a random onset and the offset of the class, a tick early or late; one
    in ten is missing.
    """
    labels = torch.arange(n) % len(offsets)
    onset = torch.randint(0, 16, (n, 1), generator=generator)
    size = n, offsets.shape[1]
    when = onset + offsets[labels] + torch.randint(-1, 2, size, generator=generator)
    kept = torch.rand(size, generator=generator) > 0.1
    spikes = torch.nn.functional.one_hot(when.clamp(min=0), 40) * kept[..., None]
    return spikes.permute(2, 0, 1).float(), labels


def trained_on_templates(method, epochs=24):
    """Net of 8 hidden neurons with whole delays, and a set that it has not seen."""
    generator = torch.Generator().manual_seed(0)
    offsets = torch.randint(0, 16, (10, 20), generator=generator)
    (x, labels), unseen = (templates(n, generator, offsets) for n in (1000, 500))
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        nn.DelayedLinear(20, 8, 15, method=method or "gauss"), nn.BatchNorm(8),
        nn.LIFLayer(8, beta=0.37), nn.Linear(8, 10), nn.LI(10, beta=0.9),
    )  # fmt: skip
    if method is None:  # drawn and kept
        nn.harden_delays(net)
    positions = [p for name, p in net.named_parameters() if "raw_delay" in name]
    others = [p for name, p in net.named_parameters() if "raw_delay" not in name]
    optimizer = torch.optim.Adam([{"params": others, "lr": 5e-3}, {"params": positions, "lr": 0.1}])

    def accuracy(net):
        with torch.no_grad():
            membrane = nn.run(net.eval(), unseen[0])[0].mean(0)
        net.train()
        return float((membrane.argmax(1) == unseen[1]).float().mean())

    for epoch in range(epochs):
        done = epoch / epochs
        early = done / 0.25 if method != "prune" else max(0.0, (done - 0.2) / 0.3)
        nn.narrow_delays(net, min(1.0, early))
        if done >= (0.5 if method == "prune" else 0.7) and not net[0].synapses.hard:
            scores = nn.delay_scores(net, accuracy)
            nn.harden_delays(net)
        for batch in torch.randperm(1000).split(100):
            optimizer.zero_grad()
            membrane = nn.run(net, x[:, batch])[0].mean(0)
            torch.nn.functional.cross_entropy(4.0 * membrane, labels[batch]).backward()
            optimizer.step()
    return accuracy(net), None if method is None else scores


@pytest.mark.slow
def test_learned_whole_delays_tell_templates_apart_better_than_drawn_ones():
    drawn, _ = trained_on_templates(None)
    learned, scores = trained_on_templates("gauss")
    pruned, of_pruned = trained_on_templates("prune")
    assert learned > drawn + 0.05  # measured 0.10 to 0.14 over three seeds
    assert pruned > drawn + 0.05
    # Positions between ticks are used; what is pruned has none.
    assert scores.soft > scores.rounded + 0.1
    assert of_pruned.soft == of_pruned.rounded
    assert learned > scores.rounded  # weights find their way about whole delays


def test_scores_are_of_the_net_as_it_is_and_rounded():
    net = torch.nn.Sequential(nn.DelayedLinear(3, 4, 5), nn.LIFLayer(4))
    before = copy.deepcopy(net.state_dict())
    soft = float(net[0].delays().sum())
    found = nn.delay_scores(net, lambda one: float(one[0].delays().sum()))
    assert (soft, float(net[0].delays().round().sum())) == found
    assert soft != found.rounded
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_what_is_hard_is_narrowed_no_more():
    layer = nn.DelayedLinear(3, 4, 5)
    layer.harden()
    before = float(layer.synapses.sigma)
    nn.narrow_delays(torch.nn.ModuleDict({"a": layer}), 1.0)
    assert before == float(layer.synapses.sigma)
    with pytest.raises(ValidationError, match=r"progress between 0 and 1, got 1\.5"):
        nn.narrow_delays(layer, 1.5)
