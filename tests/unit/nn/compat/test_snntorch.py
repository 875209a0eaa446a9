# SPDX-License-Identifier: Apache-2.0
"""The drop-ins in hand-written loops, against snnTorch itself."""

import inspect

import pytest

torch = pytest.importorskip("torch")

import snntorch as snn  # noqa: E402

from spikesim import nn  # noqa: E402
from spikesim.errors import ConversionError, ValidationError  # noqa: E402
from spikesim.nn.compat import snntorch as ours  # noqa: E402
from tests.reference.frameworks import KeepsType, drive  # noqa: E402

#: The same sums in another order: float64 rounds them apart.
ROUNDING = 1e-12
KINDS = {
    "Leaky": {"beta": 0.8},
    "Synaptic": {"alpha": 0.5, "beta": 0.8},
    "RLeaky": {"beta": 0.8, "linear_features": 4},
    "RLeaky, one to one": {"beta": 0.8, "all_to_all": False, "V": -0.5},
}


def both(kind, **options):
    given = KINDS[kind] | {"threshold": 0.9, "spike_grad": KeepsType.apply} | options
    name = kind.split(",")[0]
    theirs = getattr(snn, name)(**given).double()
    mine = getattr(ours, name)(**given).double()
    if hasattr(theirs, "recurrent"):
        mine.recurrent.load_state_dict(theirs.recurrent.state_dict())
    return theirs, mine


def loop(lif, x):
    """Spikes and membranes of a loop that passes the state on by hand, and the gradient of x."""
    a = x.clone().requires_grad_()
    state = lif.reset_mem()
    state = state if isinstance(state, tuple) else (state,)
    spikes, membranes = [], []
    for tick in a.unbind(0):
        spk, *state = lif(tick, *state)
        if "R" in type(lif).__name__:
            state = [spk, *state]
        spikes.append(spk)
        membranes.append(state[-1])
    spikes, membranes = torch.stack(spikes), torch.stack(membranes)
    weights = torch.rand(spikes.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2))
    grad = torch.autograd.grad((weights * (spikes + membranes)).sum(), a)[0]
    return spikes.detach(), membranes.detach(), grad


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_spikes_membranes_and_gradients_of_a_loop_are_those_of_snntorch(kind, reset):
    theirs, mine = both(kind, reset_mechanism=reset)
    x = drive(2, 4, mean=0.2)
    expected, got = loop(theirs, x), loop(mine, x)
    assert 0.02 < float(expected[0].mean()) < 0.98
    assert torch.equal(got[0], expected[0])
    for one, other in zip(got[1:], expected[1:], strict=True):
        assert float((one - other).abs().max()) <= ROUNDING * float(other.abs().max())


@pytest.mark.parametrize("output", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_go_on_until_the_net_is_reset(kind, output):
    theirs, mine = both(kind, init_hidden=True, output=output)
    net, other = torch.nn.ModuleDict({"lif": mine}), both(kind, init_hidden=True)[1]
    x = drive(2, 4)
    other(x[0])
    expected = [theirs(tick) for tick in x]
    got = [mine(tick) for tick in x]
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=ROUNDING, atol=ROUNDING)
    held = other.held
    nn.reset(net)
    assert other.held is held  # of this net alone
    torch.testing.assert_close(mine(x[0]), expected[0], rtol=ROUNDING, atol=ROUNDING)
    with pytest.raises(ValidationError, match="expected no state, since init_hidden=True"):
        mine(x[0], mem=x[0])


def test_a_batch_of_another_size_begins_at_rest():
    _, mine = both("Leaky", init_hidden=True, output=True)
    mine(drive(2, 4)[0])
    x = drive(3, 4)[0]
    torch.testing.assert_close(mine(x)[1], x)


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_run_the_state_is_that_of_the_run(kind):
    _, mine = both(kind, init_hidden=True)
    x = drive(2, 4)
    expected = torch.stack([mine(tick) for tick in x])
    first, state = nn.run(torch.nn.Sequential(mine), x[:20])
    second, _ = nn.run(torch.nn.Sequential(mine), x[20:], state)
    assert torch.equal(torch.cat([first, second]), expected)
    nn.detach(mine)
    assert not mine.held.mem.requires_grad


@pytest.mark.parametrize("kind", ["Leaky", "Synaptic", "RLeaky"])
def test_parameters_are_those_of_snntorch_in_their_order(kind):
    expected = inspect.signature(getattr(snn, kind)).parameters
    got = inspect.signature(getattr(ours, kind)).parameters
    assert list(got) == list(expected)
    assert {k: p.default for k, p in got.items()} == {k: p.default for k, p in expected.items()}


def test_learned_constants_train_and_are_shown_as_they_are_used():
    lif = ours.Leaky(0.5, learn_beta=True, learn_threshold=True)
    assert {name for name, _ in lif.named_parameters()} == {
        "layer.raw_beta", "layer.raw_threshold",
    }  # fmt: skip
    with torch.no_grad():
        lif.layer.raw_beta.fill_(7.0)
    assert (float(lif.beta), float(lif.threshold)) == (1.0, 1.0)


def test_what_has_no_equal_is_refused():
    with pytest.raises(ConversionError, match="learn_graded_spikes_factor"):
        ours.Leaky(0.5, learn_graded_spikes_factor=True)
    with pytest.raises(ConversionError, match="reset_delay"):
        ours.Synaptic(0.5, 0.5, reset_delay=False)
    with pytest.raises(ValidationError, match="linear_features"):
        ours.RLeaky(0.5)


def test_without_a_surrogate_there_is_no_gradient():
    lif = ours.Leaky(0.5, surrogate_disable=True)
    x = torch.full((1, 1), 2.0, requires_grad=True)
    spk, _ = lif(x)
    spk.sum().backward()
    assert (spk.item(), x.grad.item()) == (1.0, 0.0)
