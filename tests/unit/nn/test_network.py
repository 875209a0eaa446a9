# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


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


def test_steps_with_explicit_state_equal_the_whole_sequence(net, x):
    state, spikes = None, []
    for tick in x:
        s, state = net.step(tick, state)
        spikes.append(s)
    assert (net(x) == torch.stack(spikes)).all()


def test_forward_always_starts_from_rest(net, x):
    first = net(x)
    net.advance(x)
    assert (first == net(x)).all()


def test_advance_continues_and_reset_forgets(net, x):
    whole = net(x)
    halves = torch.cat([net.advance(x[:7]), net.advance(x[7:])])
    assert (whole == halves).all()
    net.reset()
    assert (whole[:7] == net.advance(x[:7])).all()


def test_held_state_does_not_keep_the_graph(net, x):
    net.advance(x[:5]).sum().backward()
    net.advance(x[5:]).sum().backward()  # would raise if it reached into the first half


def test_layer_spikes_end_with_the_output(net, x):
    layers = net.layer_spikes(x)
    assert [(20, 4, 6), (20, 4, 3)] == [tuple(s.shape) for s in layers]
    assert (net(x) == layers[-1]).all()


def test_state_of_another_net_is_refused(net, x):
    with pytest.raises(ValidationError, match="4 entries"):
        net.seq(x, (None, None))
