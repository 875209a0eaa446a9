# SPDX-License-Identifier: Apache-2.0
"""Batch normalization over time, and dropout of the same neurons in all ticks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.traced_nets import Net  # noqa: E402

STEPS, BATCH = 6, 3


def drawn(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0.5, 2.0, (STEPS, BATCH, *shape)))


def trained_norm(channels=4):
    torch.manual_seed(0)
    norm = nn.BatchNorm(channels).double()
    with torch.no_grad():
        for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            values.copy_(torch.rand(channels) + 0.5)
    return norm


@pytest.mark.parametrize("shape", [(4,), (4, 5), (4, 3, 2)])
def test_statistics_are_over_time_batch_and_space(shape):
    x, norm = drawn(*shape), nn.BatchNorm(4).double()
    with torch.no_grad():
        norm.weight.copy_(torch.arange(1.0, 5.0))
    found = norm(x).detach().numpy()
    for channel in range(4):
        of_it = x[:, :, channel].numpy()
        mean, var = of_it.mean(), of_it.var()
        expected = (of_it - mean) / np.sqrt(var + 1e-5) * (channel + 1)
        np.testing.assert_allclose(found[:, :, channel], expected, rtol=0, atol=1e-12)
        assert 0.1 * mean == pytest.approx(float(norm.running_mean[channel]), rel=1e-12)
        n = of_it.size
        expected = 0.9 + 0.1 * var * n / (n - 1)
        assert expected == pytest.approx(float(norm.running_var[channel]), rel=1e-12)


def test_single_ticks_in_training_have_statistics_of_their_own():
    x, norm = drawn(4), nn.BatchNorm(4).double()
    found, _ = nn.step(norm, x[0])
    assert torch.allclose(found.mean(0), torch.zeros(4).double(), atol=1e-12)
    per_tick = torch.stack([nn.step(nn.BatchNorm(4).double(), tick)[0] for tick in x])
    whole = nn.run(nn.BatchNorm(4).double(), x)[0]
    assert not torch.allclose(per_tick, whole, atol=0.1)
    row = torch.nn.Sequential(nn.BatchNorm(4).double(), nn.LIFLayer(4))
    assert torch.equal(nn.LIFLayer(4)(whole), nn.run(row, x)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(4,), (4, 17), (4, 3, 5)])
def test_in_evaluation_sequences_and_ticks_give_the_same_bits(shape, dtype):
    norm, x = trained_norm().to(dtype).eval(), drawn(*shape).to(dtype)
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    whole = nn.run(norm, x)[0]
    assert torch.equal(whole, torch.stack([nn.step(norm, tick)[0] for tick in x]))
    own = torch.nn.ModuleList([norm])  # called tick by tick
    own.forward = lambda tick: norm(tick)
    assert torch.equal(whole, nn.run(own, x)[0])
    expected = torch.nn.BatchNorm2d(4).to(dtype).eval()
    expected.load_state_dict(norm.state_dict())
    given = x.flatten(0, 1).reshape(STEPS * BATCH, 4, -1, 1)
    torch.testing.assert_close(expected(given).reshape(x.shape), whole)
    assert all(torch.equal(before[key], value) for key, value in norm.state_dict().items())


def test_it_is_folded_by_export():
    def forward(net, x):
        return net.act(net.norm(net.conv(x)))

    conv = torch.nn.Conv2d(2, 4, 3, bias=True)
    net = Net(forward, conv=conv, norm=trained_norm(), act=nn.LIFLayer((4, 3, 3))).double().eval()
    network = nn.export(net, input_shape=(2, 5, 5))
    (projection,) = network.projections.values()
    x = drawn(2, 5, 5)
    expected = nn.run(net.norm, conv(x.flatten(0, 1)).reshape(STEPS, BATCH, 4, 3, 3))[0]
    found = x.reshape(STEPS, BATCH, -1).numpy() @ projection.rows.to_dense().astype(float)
    found += network.populations["layer0"].neuron.bias
    # Weights are float32.
    np.testing.assert_allclose(
        expected.detach().reshape(STEPS, BATCH, -1).numpy(), found, rtol=0, atol=1e-5
    )


def test_slopes_by_finite_differences():
    for training in (True, False):
        norm = trained_norm().train(training)

        def run(x, weight, bias, norm=norm):
            values = {"weight": weight, "bias": bias}
            return torch.func.functional_call(norm, values, (x,))

        assert torch.autograd.gradcheck(run, (drawn(4).requires_grad_(), norm.weight, norm.bias))


def test_input_of_other_channels_is_refused():
    with pytest.raises(ValidationError, match=r"shape \(T, B, 4, \.\.\.\), got \(6, 3, 5\)"):
        nn.BatchNorm(4)(drawn(5))
    with pytest.raises(ValidationError, match=r"shape \(B, 4, \.\.\.\), got \(3, 5\)"):
        nn.step(nn.BatchNorm(4), drawn(5)[0])


def test_dropout_leaves_out_the_same_entries_in_every_tick():
    torch.manual_seed(0)
    x, drop = torch.ones(STEPS, BATCH, 2000), nn.Dropout(0.25)
    whole, state = nn.run(drop, x)
    assert bool((whole == whole[0]).all())
    assert not torch.equal(whole[0, 0], whole[0, 1])
    assert 0.25 == pytest.approx(float((whole[0] == 0).float().mean()), abs=0.025)
    assert [0.0, 1 / 0.75] == pytest.approx(whole.unique().tolist())
    more, after = nn.run(drop, x, state)
    assert torch.equal(whole, more)
    tick, _ = nn.step(drop, x[0], after)
    assert torch.equal(whole[0], tick)
    assert not torch.equal(whole, nn.run(drop, x)[0])


def test_a_loop_of_ticks_draws_what_a_sequence_draws():
    x, drop = drawn(50), nn.Dropout(0.5)
    torch.manual_seed(3)
    whole = nn.run(drop, x)[0]
    torch.manual_seed(3)
    state, ticks = None, []
    for tick in x:
        y, state = nn.step(drop, tick, state)
        ticks.append(y)
    assert torch.equal(whole, torch.stack(ticks))


def test_dropout_passes_everything_in_evaluation():
    x, drop = drawn(5), nn.Dropout(0.9)
    _, state = nn.run(drop, x)
    drop.eval()
    for before in (None, state):
        out, after = nn.run(drop, x, before)
        assert torch.equal(x, out)
        assert torch.equal(x[0], nn.step(drop, x[0], after)[0])
    drop.train()
    assert (nn.run(drop, x, nn.run(drop.eval(), x)[1])[0] == x).all()
    assert not torch.equal(x, nn.run(drop.train(), x, {"": ()})[0])  # drawn where it was not


def test_dropout_is_nothing_in_a_network():
    net = torch.nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.LIFLayer(2))
    dense = next(iter(nn.export(net).projections.values())).rows.to_dense()
    assert (net[0].weight.detach().numpy().T == dense).all()


def test_dropout_refuses_bad_shares_and_states():
    for p in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValidationError, match="Dropout: expected p from 0 to below 1"):
            nn.Dropout(p)
    drop = nn.Dropout(0.5)
    _, state = nn.run(drop, drawn(5))
    with pytest.raises(ValidationError, match=r"Dropout: expected a state of shape \(1, 5\)"):
        nn.run(drop, drawn(5)[:, :1], state)


def test_training_mode_changes_no_neuron():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        nn.Linear(4, 5), nn.Recurrent(nn.LIFLayer(5, beta=0.5), nn.Linear(5, 5)), nn.Delay(2),
        nn.DelayedLinear(5, 3, 4), nn.ALIFLayer(3), nn.LI(3),
    ).double()  # fmt: skip
    found = []
    for training in (True, False):
        x = drawn(4).requires_grad_()
        out, state = nn.run(net.train(training), x)
        out.sum().backward()
        found.append((out, state["1"].spikes, x.grad))
    assert found[0][1].any()
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def padded(*shape):
    """Three samples of 6, 4 and 1 ticks, with large numbers in the padding."""
    x = drawn(*shape)
    mask = torch.arange(STEPS)[:, None] < torch.tensor([6, 4, 1])
    return torch.where(mask.reshape(STEPS, BATCH, *[1] * len(shape)), x, 1e6), mask


@pytest.mark.parametrize("shape", [(4,), (4, 3, 2)])
def test_what_is_padded_is_in_no_statistics(shape):
    x, mask = padded(*shape)
    norm, expected = trained_norm(), torch.nn.BatchNorm2d(4).double()
    expected.load_state_dict(norm.state_dict())
    wanted = expected(x[mask].reshape(11, 4, -1, 1)).reshape(11, *shape)
    a = x.clone().requires_grad_()
    found, _ = nn.run(torch.nn.Sequential(norm), a, mask=mask)
    assert torch.equal(wanted, found[mask])
    assert not found[~mask].any()
    for key, value in expected.state_dict().items():
        assert torch.equal(value, norm.state_dict()[key]), key
    (found * torch.randn(x.shape, generator=torch.manual_seed(0)).double()).sum().backward()
    assert a.grad[mask].any()
    assert not a.grad[~mask].any()
    nothing = torch.zeros_like(mask)
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    assert not nn.run(norm, x, mask=nothing)[0].any()
    assert all(torch.equal(before[key], value) for key, value in norm.state_dict().items())


def test_what_is_padded_is_in_no_statistics_of_a_tick():
    """A tick in which one sample is left has no variance: the running statistics serve."""
    x, mask = padded(4)
    net = torch.nn.ModuleList([trained_norm()])
    net.forward = lambda tick: net[0](tick)
    found, _ = nn.run(net, x, mask=mask)
    norm = trained_norm()
    for tick, real, out in zip(x, mask, found, strict=True):
        wanted = torch.zeros_like(tick)
        if real.sum() > 1:
            wanted[real] = torch.nn.BatchNorm1d.forward(norm, tick[real])
        else:
            kept = (tick[real] - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
            wanted[real] = kept * norm.weight + norm.bias
        torch.testing.assert_close(wanted, out, rtol=1e-12, atol=1e-12)
    assert torch.equal(norm.running_var, net[0].running_var)


def test_in_evaluation_a_mask_changes_nothing():
    x, mask = padded(4)
    norm = trained_norm().eval()
    assert torch.equal(nn.run(norm, x)[0], nn.run(norm, x, mask=mask)[0])


def test_another_eps_is_told_when_a_state_dict_is_loaded():
    net = torch.nn.Sequential(nn.BatchNorm(3, eps=1e-3))
    with pytest.raises(RuntimeError, match=r"0: expected a state_dict saved with eps=1e-05, .*001"):
        torch.nn.Sequential(nn.BatchNorm(3)).load_state_dict(net.state_dict())
    torch.nn.Sequential(nn.BatchNorm(3, eps=1e-3)).load_state_dict(net.state_dict())
    theirs = torch.nn.Sequential(torch.nn.BatchNorm1d(3))
    theirs.load_state_dict(net.state_dict())  # which has no place for it
    torch.nn.Sequential(nn.BatchNorm(3)).load_state_dict(theirs.state_dict())


def test_fit_passes_the_mask_of_a_batch_on():
    x, mask = padded(4)
    y, found = torch.tensor([0, 1, 2]), []
    for given in (x.float(), torch.where(mask[..., None], x, -3.0).float()):
        torch.manual_seed(0)
        net = torch.nn.Sequential(nn.BatchNorm(4), nn.Linear(4, 3, scale=4.0), nn.LIFLayer(3))
        nn.fit(net, [(given, y, mask)], epochs=2, lr=0.05)
        found.append({key: value.clone() for key, value in net.state_dict().items()})
    for key, value in found[0].items():
        assert torch.equal(value, found[1][key]), key
    assert found[0]["0.running_mean"].any()
