# SPDX-License-Identifier: Apache-2.0
"""What all gradient methods share: they stand where a net would."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

METHODS = [nn.OTTT, nn.EProp, nn.DSR]


def net_of(*between):
    torch.manual_seed(0)
    neuron = {"beta": 0.75, "reset": "soft"}
    return nn.SpikingNet(
        nn.Linear(4, 5, scale=3.0), nn.LIFLayer(5, **neuron), *between,
        nn.Linear(5, 2, scale=3.0), nn.LIFLayer(2, **neuron),
    )  # fmt: skip


def spikes(shape, seed=1):
    return torch.from_numpy((np.random.default_rng(seed).random(shape) < 0.4).astype("float32"))


def loss_of(out):
    return torch.nn.functional.cross_entropy(out.sum(0), torch.tensor([0, 1, 1]))


@pytest.mark.parametrize("make", METHODS)
def test_outputs_and_states_are_those_of_the_net_to_the_bit(make):
    net, x = net_of(), spikes((8, 3, 4))
    expected, state = nn.run(net, x)
    out, found = nn.run(make(net), x)
    assert torch.equal(expected, out)
    assert torch.equal(state["3"].v, found[""]["3"].v)
    with torch.no_grad():
        quiet, _ = nn.run(make(net), x)
    assert torch.equal(expected, quiet)
    assert not quiet.requires_grad
    ticks, now = [], None
    for tick in x:
        y, now = nn.step(make(net), tick, now)
        ticks.append(y)
    assert torch.equal(expected, torch.stack(ticks))


@pytest.mark.parametrize("make", METHODS[:2])
def test_a_loss_of_all_ticks_and_losses_of_each_have_one_gradient(make):
    net, x, target = net_of(), spikes((8, 3, 4)), spikes((8, 3, 2), 2)
    out = make(net).backward(x, lambda y, t: ((y - target[t]) ** 2).sum())
    expected = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    again = make(net)(x)
    assert torch.equal(out, again)
    ((again - target) ** 2).sum().backward()
    for a, p in zip(expected, net.parameters(), strict=True):
        assert a.any()
        assert torch.equal(a, p.grad)


@pytest.mark.parametrize("make", METHODS[:2])
def test_masks_of_dropout_are_the_same_in_both_passes(make):
    net, x = net_of(nn.Dropout(0.5)), spikes((8, 3, 4))
    torch.manual_seed(2)
    expected = make(net).backward(x, lambda y, t: y.sum())
    grads = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    torch.manual_seed(2)
    out = make(net)(x)
    out.sum().backward()
    assert torch.equal(expected, out)
    assert all(torch.equal(a, p.grad) for a, p in zip(grads, net.parameters(), strict=True))
    net.eval()
    assert torch.equal(nn.run(net, x)[0], make(net)(x))


@pytest.mark.parametrize("make", METHODS[:2])
def test_weights_that_move_before_the_way_back_are_told(make):
    net, x = net_of(), spikes((8, 3, 4))
    loss = make(net)(x).sum()
    with torch.no_grad():
        net[0].weight.mul_(2.0)
    with pytest.raises(ValidationError, match=r"run again .* change no weight before backward"):
        loss.backward()


@pytest.mark.parametrize("make", METHODS)
def test_frozen_weights_stay_and_the_others_have_their_gradient(make):
    net, x = net_of(), spikes((8, 3, 4))
    loss_of(make(net)(x)).backward()
    expected = net[0].weight.grad.clone()
    net.zero_grad(set_to_none=True)
    net[2].weight.requires_grad_(False)
    loss_of(make(net)(x)).backward()
    assert net[2].weight.grad is None
    assert torch.equal(expected, net[0].weight.grad)


@pytest.mark.parametrize("make", METHODS)
def test_fit_trains_the_net_within_and_goes_on_from_a_checkpoint(make, tmp_path):
    rng = np.random.default_rng(0)
    x, y = (rng.random((40, 8, 4)) < 0.4).astype(np.float32), rng.integers(0, 2, 40)

    def train(net, **options):
        nn.fit(make(net), x, y, batch_size=16, epochs=3, **options)
        return [p.detach().clone() for p in net.parameters()]

    class StopError(Exception):
        pass

    def stop(history):
        if len(history.loss) == 2:
            raise StopError

    net = net_of(nn.Dropout(0.25))
    before = [p.detach().clone() for p in net.parameters()]
    expected = train(net)
    assert not any(torch.equal(a, b) for a, b in zip(before, expected, strict=True))
    path = tmp_path / "run.pt"
    with pytest.raises(StopError):
        train(net_of(nn.Dropout(0.25)), checkpoint=path, log=stop)
    found = train(net_of(nn.Dropout(0.25)), checkpoint=path)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("make", METHODS)
def test_bad_calls_say_what_is_expected(make):
    method, name = make(net_of()), make.__name__
    with pytest.raises(ValidationError, match=f"{name}: .* got input that wants a gradient"):
        method(torch.zeros(3, 1, 4, requires_grad=True))
    with pytest.raises(ValidationError, match=f"{name}: .* at least one tick, got \\(0, 1, 4\\)"):
        method(torch.zeros(0, 1, 4))
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(ValidationError, match="got autocast"),
    ):
        method(torch.zeros(3, 1, 4))


@pytest.mark.parametrize("make", METHODS)
@pytest.mark.parametrize("path", ["", "0", "1"])
@pytest.mark.parametrize("kind", ["hook", "forward"])
def test_what_would_be_left_out_of_the_gradient_is_refused(make, path, kind):
    net = net_of()
    make(net)
    module = net.get_submodule(path)
    if kind == "hook":
        module.register_forward_hook(lambda _, given, out: 2.0 * out)
    else:
        module.forward = lambda x: x
    with pytest.raises(ValidationError, match=rf"{path!r} .*expected no hooks"):
        make(net)
