# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning block by block: whether it helps on images that nothing was chosen by."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from spikesim import data, nn  # noqa: E402
from spikesim.convert.ann.conversion import convert  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

ROW, RELU, LINEAR = torch.nn.Sequential, torch.nn.ReLU, torch.nn.Linear
pytestmark = pytest.mark.filterwarnings("ignore:convert. after")


def trained(seed):
    split = data.digits(seed=seed)
    torch.manual_seed(seed)
    net = ROW(
        torch.nn.Unflatten(1, (1, 8)), torch.nn.Conv2d(1, 8, 3, padding=1), RELU(),
        torch.nn.AvgPool2d(2), torch.nn.Conv2d(8, 12, 3, padding=1), RELU(),
        torch.nn.Flatten(), LINEAR(192, 24), RELU(), LINEAR(24, 10),
    )  # fmt: skip
    x, y = torch.from_numpy(split.x_train), torch.from_numpy(split.y_train)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(4):
        for chosen in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(net(x[chosen]), y[chosen]).backward()
            optimizer.step()
    return net.eval(), x, torch.from_numpy(split.x_test)


def error(made, ann, x):
    with torch.no_grad():
        scores = ann(x)
    return float(((made.scores(x) - scores).square().sum() / scores.square().sum()).sqrt())


def test_scores_of_few_ticks_come_nearer_on_images_that_were_held_out():
    shares = []
    for seed in range(3):
        ann, x, x_test = trained(seed)
        before = {key: value.clone() for key, value in ann.state_dict().items()}
        plain = convert(ann, x[:512], steps=2)
        made = convert(ann, x[:512], steps=2, fine_tune=60)
        shares.append(error(made, ann, x_test) / error(plain, ann, x_test))
        assert all(torch.equal(before[key], value) for key, value in ann.state_dict().items())
        assert ["neurons._5", "neurons._8", "the output"] == [b.path for b in made.report.tuned]
        assert all(block.after <= block.before for block in made.report.tuned)
        assert not any(p.grad is not None for p in made.net.parameters())
        assert plain.report.tuned == ()
    assert max(shares) < 0.95, shares
    text = str(made.report)
    assert "60 steps of fine-tuning a block" in text
    assert "the output fine-tuned: error of the scores" in text


def test_a_block_is_judged_by_the_spikes_that_it_sends():
    """Behind the last neurons of this net all is linear: its error is that of the spiking net."""
    torch.manual_seed(0)
    ann = ROW(LINEAR(4, 6), RELU(), LINEAR(6, 5), RELU(), LINEAR(5, 3)).eval()
    x, how = torch.rand(64, 4), {"steps": 4, "thresholds": 99.9, "correct": False}
    first, _ = convert(ann, x, fine_tune=1, **how).report.tuned
    expected = error(convert(ann, x, **how), ann, x[3::4])
    assert expected > 0.01
    # Sums of float32 in another order: some roundings of 6e-8.
    assert first.before == pytest.approx(expected, rel=1e-5)


def test_what_does_not_get_better_stays_as_it_was():
    """Thresholds of all values, and a tick for each level: nothing is left to learn."""
    ann = ROW(LINEAR(2, 2, bias=False), RELU(), LINEAR(2, 2, bias=False)).eval()
    for k in (0, 2):
        ann[k].weight.data = torch.eye(2)
    x = torch.randint(0, 5, (32, 2), generator=torch.Generator().manual_seed(0)) / 4
    made = convert(ann, x, steps=4, thresholds=100.0, fine_tune=20)
    (block,) = made.report.tuned
    assert (0.0, 0.0) == (block.before, block.after)
    assert torch.equal(torch.eye(2), made.net.get_submodule("2").weight)
    assert torch.equal(ann(x), made.scores(x))


def test_a_layer_in_several_places_stays_as_it_is():
    torch.manual_seed(0)
    net = Net(
        lambda net, x: net.end(net.twice(net.twice(x).relu()).relu()),
        twice=LINEAR(4, 4), end=LINEAR(4, 3),
    ).eval()  # fmt: skip
    made = convert(net, torch.rand(64, 4), steps=2, fine_tune=5, output="spikes")
    assert ["neurons.output"] == [block.path for block in made.report.tuned]
    assert torch.equal(net.twice.weight, made.net.get_submodule("twice").weight)


@pytest.mark.parametrize("options", [{"neuron": "signed"}, {"refine": "offset"}, {}])
def test_branches_pools_and_skips_are_tuned(options):
    torch.manual_seed(0)

    def forward(net, x):
        y = functional.max_pool2d(net.a(x).relu(), 2)
        z = torch.cat([net.b(y).relu(), y], 1)
        return net.end((net.c(z) + z).relu().mean((2, 3)))

    conv = torch.nn.Conv2d
    net = Net(
        forward, a=conv(1, 3, 3), b=conv(3, 2, 1), c=conv(5, 5, 3, padding=1), end=LINEAR(5, 3)
    ).eval()
    x = torch.rand(64, 1, 8, 8)
    made = convert(net, x, steps=2, fine_tune=20, **options)
    assert 3 == len(made.report.tuned)
    assert any(block.after < block.before for block in made.report.tuned)


def test_too_few_samples_and_no_number_of_steps_are_refused():
    ann = ROW(LINEAR(2, 2), RELU(), nn.Linear(2, 2)).eval()
    with pytest.raises(ValidationError, match="expected 16 samples or more for fine_tune"):
        convert(ann, torch.rand(15, 2), steps=2, fine_tune=5)
    with pytest.raises(ValidationError, match="fine_tune as a number of steps, 0 or more, got -1"):
        convert(ann, torch.rand(16, 2), steps=2, fine_tune=-1)
