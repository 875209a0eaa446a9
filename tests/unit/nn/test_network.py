# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.SpikingNet(
        nn.Linear(5, 6, scale=3.0),
        nn.LIFLayer(6, alpha=0.5),
        nn.Linear(6, 3, scale=3.0),
        nn.LIFLayer(3),
    )


@pytest.fixture
def x():
    return (torch.rand(20, 4, 5, generator=torch.manual_seed(1)) < 0.5).float()


def test_a_call_is_a_run_from_rest(net, x):
    first = net(x)
    assert first.any()
    nn.advance(net, x)
    assert torch.equal(first, net(x))
    assert torch.equal(first, nn.run(net, x)[0])


def test_a_row_of_torch_gives_the_same(net, x):
    assert torch.equal(net(x), nn.run(torch.nn.Sequential(*net), x)[0])
    assert torch.equal(net(x), nn.SpikingNet(nn.SpikingNet(*net[:3]), net[3])(x))


def test_layers_without_time_are_given_single_ticks():
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(1, 3, 3), nn.LIFLayer((3, 4, 4), v_th=0.5), torch.nn.Flatten()
    layers = *layers, nn.Linear(48, 2, scale=3.0)
    net = nn.SpikingNet(*layers, nn.LIFLayer(2))
    x = torch.rand(7, 5, 1, 6, 6)
    by_hand = nn.LIFLayer((3, 4, 4), v_th=0.5)(torch.stack([layers[0](tick) for tick in x]))
    expected = nn.LIFLayer(2)(layers[3](by_hand.flatten(2)))
    assert expected.any()
    assert torch.equal(expected, net(x))


def test_a_forward_of_ones_own_sees_single_ticks():
    shapes = []

    class Watched(nn.SpikingNet):
        def forward(self, x):
            shapes.append(tuple(x.shape))
            return super().forward(x)

    net = Watched(nn.Linear(2, 3), nn.LIFLayer(3))
    found, _ = nn.run(net, torch.ones(4, 1, 2))
    assert [(1, 2)] * 4 == shapes
    assert torch.equal(found, nn.run(torch.nn.Sequential(*net), torch.ones(4, 1, 2))[0])


def test_hooks_of_a_row_see_it_once(net, x):
    seen = []
    net.register_forward_hook(lambda _module, _inputs, out: seen.append(tuple(out.shape)))
    net(x)
    nn.run(net, x)
    assert [(20, 4, 3)] * 2 == seen


def test_layer_spikes_end_with_the_output(net, x):
    layers = net.layer_spikes(x)
    assert [(20, 4, 6), (20, 4, 3)] == [tuple(s.shape) for s in layers]
    assert torch.equal(net(x), layers[-1])
    assert torch.equal(nn.run(net[:2], x)[0], layers[0])


def test_one_row_of_a_projection_has_no_say_in_another():
    torch.manual_seed(0)
    linear = nn.Linear(50, 7)
    x = torch.randn(4, 3, 50) * torch.logspace(-6, 6, 12).reshape(4, 3, 1)
    whole = linear(x)
    assert torch.equal(whole, torch.stack([linear(tick) for tick in x]))
    assert torch.equal(whole[2, 1:2], linear(x[2, 1:2]))
    x[1, 1, 0] = torch.nan
    assert [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]] == linear(x).isnan().all(-1).int().tolist()
