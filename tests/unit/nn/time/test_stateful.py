# SPDX-License-Identifier: Apache-2.0
"""State is held where it is asked for, and nobody else's is touched."""

import copy
import gc
import weakref

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.stateful_nets import NETS, Deep, equal, leaves, make, ticks_of  # noqa: E402


def test_a_second_call_that_holds_needs_a_reset_or_streaming():
    net, x = Deep().double(), ticks_of((3,))
    first = nn.advance(net, x[:4])
    kept = nn.detached(net.parts["b"].held)
    with pytest.raises(ValidationError, match=r"'parts\.a\.1' holds .*nn\.reset.*streaming=True"):
        nn.advance(net, x[4:])
    assert equal(kept, net.parts["b"].held)
    second = nn.advance(net, x[4:], streaming=True)
    assert torch.equal(nn.run(net, x)[0], torch.cat([first, second]))
    nn.reset(net)
    assert torch.equal(first, nn.advance(net, x[:4]))


def test_streaming_cuts_the_graph_between_calls():
    torch.manual_seed(0)
    net, x = Deep().double(), ticks_of((3,))
    for part in (x[:4], x[4:]):
        # Without the cut: "backward through the graph a second time".
        nn.advance(net, part, streaming=True).sum().backward()
    assert net.parts["b"].held.v.requires_grad
    copied = copy.deepcopy(net)  # torch refuses to copy what hangs on a graph
    assert equal(net.parts["b"].held, copied.parts["b"].held)
    assert not any(part.requires_grad for part in leaves(copied.parts["b"].held))
    assert net.parts["b"].held.v.requires_grad
    more = [nn.advance(one, x, streaming=True) for one in (net, copied)]
    assert torch.equal(*more)
    nn.detach(net)
    assert not any(part.requires_grad for part in leaves(net.parts["b"].held))


def test_reset_and_detach_leave_other_nets_alone():
    nets = [Deep().double() for _ in range(2)]
    for net in nets:
        nn.advance(net, ticks_of((3,)))
    kept = [module.held for module in nets[1].modules() if isinstance(module, nn.Stateful)]
    nn.reset(nets[0])
    nn.detach(nets[0])
    assert nets[0].parts["a"][1].held is None
    assert nets[0].parts["b"].held is None
    now = [module.held for module in nets[1].modules() if isinstance(module, nn.Stateful)]
    assert all(a is b for a, b in zip(kept, now, strict=True))
    assert now[0].v.requires_grad


def test_reset_of_a_part_leaves_the_rest():
    net = Deep().double()
    nn.advance(net, ticks_of((3,)))
    nn.reset(net.parts["a"])
    assert net.parts["a"][1].held is None
    assert net.parts["b"].held is not None


def test_nothing_keeps_a_net_that_nobody_needs():
    gone = []
    for _ in range(100):
        net = nn.LIFLayer(2)
        nn.advance(net, torch.ones(2, 1, 2))
        gone.append(weakref.ref(net))
    del net
    gc.collect()
    assert not any(net() for net in gone)


def test_a_call_that_fails_leaves_the_held_state():
    class Fails(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lif, self.broken = nn.LIFLayer(2), False

        def forward(self, x):
            out = self.lif(x)
            if self.broken:
                raise RuntimeError("broken")
            return out

    net = Fails()
    nn.advance(net, torch.ones(3, 1, 2) / 4)
    kept, net.broken = net.lif.held, True
    with pytest.raises(RuntimeError, match="broken"):
        nn.advance(net, torch.ones(3, 1, 2), streaming=True)
    assert kept is net.lif.held
    assert (3, 1, 2) == tuple(net.lif(torch.ones(3, 1, 2)).shape)  # the run is over


@pytest.mark.parametrize("name", NETS)
def test_running_changes_nothing_in_the_net(name):
    net, shape = make(name)
    before = copy.deepcopy(net.state_dict())
    state = nn.run(net.double(), ticks_of(shape))[1]
    kept = copy.deepcopy(nn.detached(state))
    nn.run(net, ticks_of(shape, seed=2), state)
    assert equal(kept, state)
    assert before.keys() == net.state_dict().keys()
    assert all(module.held is None for module in net.modules() if isinstance(module, nn.Stateful))
