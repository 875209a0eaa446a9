# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.layers import network  # noqa: E402


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


@pytest.mark.parametrize("pool", [1, 2])
def test_a_convolution_is_that_of_torch_and_the_same_by_ticks(pool):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, 3, padding=1, pool=pool)
    x = (torch.rand(4, 2, 3, 6, 8) < 0.4).float()
    expected = torch.nn.functional.conv2d(x.flatten(0, 1), conv.weight, conv.bias, padding=1)
    if pool == 2:
        expected = torch.nn.functional.max_pool2d(expected, 2)
    found = conv(x)
    # Sums of 27 float32 weights below 1 in another order.
    assert torch.allclose(expected.unflatten(0, (4, 2)), found, rtol=0, atol=1e-6)
    assert torch.equal(found, nn.run(conv, x)[0])
    assert torch.equal(found, torch.stack([nn.step(conv, tick)[0] for tick in x]))


@pytest.mark.parametrize("conv", [nn.Conv2d, torch.nn.Conv2d])
def test_a_convolution_over_time_wants_a_batch(conv):
    """Torch takes (c, h, w) for a sample without a batch: five ticks would be five of them."""
    net = nn.SpikingNet(conv(1, 2, 3), nn.LIFLayer())
    with pytest.raises(ValidationError, match=r"Conv2d.*\(T, B, .*got \(5, 1, 6, 6\); a batch of"):
        net(torch.ones(5, 1, 6, 6))
    assert net(torch.ones(5, 1, 1, 6, 6)).shape == (5, 1, 2, 4, 4)
    own = nn.Conv2d(1, 2, 3)
    assert own(torch.ones(5, 1, 6, 6)).shape == (5, 2, 4, 4)  # a tick of its own
    with pytest.raises(ValidationError, match=r"expected input of shape \(B, 1, height"):
        nn.step(own, torch.ones(5, 1, 1, 6, 6))
    with pytest.raises(ValidationError, match=r"shape \(T, B, 1, height, width\), got \(5, 2, 6"):
        own(torch.ones(5, 2, 6, 6))


def test_a_convolution_exports_without_a_pool_only():
    torch.manual_seed(0)

    def net(pool):
        size = 6 // pool
        return nn.SpikingNet(
            nn.Conv2d(1, 2, 3, padding=1, pool=pool), nn.LIFLayer((2, size, size), v_th=0.3)
        )

    ours = net(1)
    by_torch = nn.SpikingNet(torch.nn.Conv2d(1, 2, 3, padding=1), ours[1])
    by_torch[0].load_state_dict(ours[0].state_dict())
    network = nn.export(ours, input_shape=(1, 6, 6))
    assert network == nn.export(by_torch, input_shape=(1, 6, 6))
    with pytest.raises(ValidationError, match="pool by the average"):
        nn.export(net(2), input_shape=(1, 6, 6))


def test_a_pool_of_another_size_is_refused():
    with pytest.raises(ValidationError, match="Conv2d: expected a pool of 1 or 2, got 3"):
        nn.Conv2d(1, 2, 3, pool=3)


@pytest.mark.parametrize("padding", [(1, 0), "same", 1.0, -1, True])
def test_a_padding_that_is_not_one_number_is_refused(padding):
    with pytest.raises(ValidationError, match="expected one padding for both axes"):
        nn.Conv2d(1, 2, 3, padding=padding)


def test_plain_sums_run_over_time_as_by_ticks():
    torch.manual_seed(0)
    net = nn.SpikingNet(nn.Linear(70, 20, bias=True, scale=3.0, exact=False), nn.LIFLayer(20))
    x = (torch.rand(5, 3, 70) < 0.4).double()
    net.double()
    whole, state = nn.run(net, x), None
    for t, tick in enumerate(x):
        spikes, state = nn.step(net, tick, state)
        assert torch.equal(whole[0][t], spikes)
    assert torch.equal(whole[1]["1"].v, state["1"].v)
    assert "exact=False" in repr(net)
    drive = x @ net[0].weight.T + net[0].bias
    assert torch.allclose(drive, net[0](x), rtol=0, atol=1e-12)  # not of 24 bits


def pair(pool=2):
    torch.manual_seed(0)
    size = 12 // pool
    return nn.SpikingNet(
        nn.Conv2d(1, 4, 3, padding=1, pool=pool), nn.LIFLayer((4, size, size), v_th=0.3)
    )


def together(monkeypatch, net, x):
    """Output of a run, and how often convolution and neurons were run at once."""
    calls, operator = [], network.conv_pool_lif_seq

    def counted(*args, **options):
        calls.append(args)
        return operator(*args, **options)

    monkeypatch.setattr(network, "conv_pool_lif_seq", counted)
    out, state = nn.run(net, x)
    return out, state, len(calls)


@pytest.mark.parametrize("pool", [1, 2])
def test_a_convolution_and_its_neurons_at_once_are_the_loop_of_steps(monkeypatch, pool):
    net, x, state = pair(pool), (torch.rand(5, 8, 1, 12, 12) < 0.4).float(), None
    out, end, calls = together(monkeypatch, net, x)
    assert calls == 1
    for tick, spikes in zip(x, out, strict=True):
        found, state = nn.step(net, tick, state)
        assert torch.equal(spikes, found)
    assert torch.equal(end["1"].v, state["1"].v)
    halves = [nn.run(net, x[:2])]
    halves.append(nn.run(net, x[2:], halves[0][1]))
    assert torch.equal(out, torch.cat([half for half, _ in halves]))


def test_hooks_values_and_subclasses_keep_a_convolution_and_its_neurons_apart(monkeypatch):
    net, x = pair(), (torch.rand(5, 8, 1, 12, 12) < 0.4).float()
    expected, _, _ = together(monkeypatch, net, x)
    for layer in net:
        seen = []
        handle = layer.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        out, _, calls = together(monkeypatch, net, x)
        assert (calls, seen) == (0, [1])
        assert torch.equal(expected, out)
        handle.remove()

    class Own(nn.LIFLayer):
        def seq(self, x, state=None):
            return super().seq(2 * x, state)

    own = nn.SpikingNet(net[0], Own((4, 6, 6), v_th=0.6))
    assert together(monkeypatch, own, x)[2] == 0
    assert together(monkeypatch, net, 0.5 * x)[2] == 0
    assert together(monkeypatch, net, x)[2] == 1


def test_a_state_of_another_batch_is_refused_behind_a_convolution():
    net, x = pair(), (torch.rand(5, 8, 1, 12, 12) < 0.4).float()
    _, state = nn.run(net, x)
    with pytest.raises(ValidationError, match="state"):
        nn.run(net, x[:, :3], state)
    with pytest.raises(ValidationError, match="conv_pool: expected x"):
        nn.run(net, x[:, :, [0, 0]])


def test_explain_says_that_a_convolution_is_run_with_its_neurons():
    lines = nn.explain(pair()).splitlines()
    assert lines[1].endswith("currents computed again in backward")
    wide = nn.explain(nn.SpikingNet(nn.Conv2d(32, 8, 5, pool=2), nn.LIFLayer((8, 4, 4))))
    assert "currents kept for backward" in wide
    with nn.backend("reference"):
        assert "behind it" not in nn.explain(pair())
    assert "behind it" not in nn.explain(nn.SpikingNet(nn.Conv2d(1, 2, 3), torch.nn.Flatten()))
