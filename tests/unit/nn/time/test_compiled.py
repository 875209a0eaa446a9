# SPDX-License-Identifier: Apache-2.0
"""Whole nets by torch.compile, as one graph: the numbers of a run, whatever T and B are."""

import time

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from tests.reference.stateful_nets import equal  # noqa: E402


class Branched(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Sequential(torch.nn.Linear(3, 4), nn.LIFLayer(4, beta=0.5))
        self.second, self.late = nn.Linear(4, 4, scale=3.0), nn.Delay([1, 2, 0, 3])
        self.norm, self.gate = nn.BatchNorm(4), nn.ALIFLayer(4, beta=0.5)
        self.loop = nn.Recurrent(nn.LIFLayer(4, beta=0.5), nn.Linear(4, 4))

    def forward(self, x):
        spikes = self.first(3.0 * x)
        return self.loop(self.norm(self.second(spikes)) + self.late(spikes)) + self.gate(spikes)


def row():
    return nn.SpikingNet(
        nn.Linear(3, 4, scale=3.0), nn.LIFLayer(4, beta=0.5, learn=("beta",)), torch.nn.ReLU(),
        nn.Linear(4, 2, scale=3.0), nn.LI(2),
    )  # fmt: skip


CALLS = {
    "run": lambda net, x: nn.run(net, x),
    "step": lambda net, x: nn.step(net, x[0]),
    "streaming": lambda net, x: (nn.advance(net, x, streaming=True), nn.reset(net)),
}


@pytest.mark.parametrize("make", [row, pytest.param(Branched, marks=pytest.mark.slow)])
@pytest.mark.parametrize("call", CALLS)
def test_a_net_is_one_graph_with_the_numbers_of_the_run(make, call):
    """torch 188074, ResDAG 39: a net that is compiled by hand fires otherwise."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = make().double().eval()
    x = 4 * torch.rand(6, 2, 3, dtype=torch.float64, generator=torch.manual_seed(1))
    torch._dynamo.reset()
    compiled = torch.compile(CALLS[call], fullgraph=True, backend="aot_eager")
    answers = []
    for run in (CALLS[call], compiled):
        nn.reset(net)
        out, state = run(net, x)
        grads = torch.autograd.grad(out.sum(), list(net.parameters()), allow_unused=True)
        answers.append((out, state, grads))
    (out, state, grads), (found, after, slopes) = answers
    assert out.any()
    assert torch.equal(out, found)
    assert state is after is None or equal(state, after)
    for one, other in zip(grads, slopes, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.allclose(one, other, rtol=1e-12, atol=1e-12)


def test_other_ticks_and_samples_need_no_other_graph():
    graphs, net = [], row()

    def count(graph, _):
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    # A layer of torch between neurons would be called for every tick, and T be in the graph.
    compiled = torch.compile(net[:2], fullgraph=True, backend=count)
    for ticks, batch in ((5, 3), (7, 4), (9, 6), (20, 2)):
        x = torch.rand(ticks, batch, 3)
        assert torch.equal(compiled(x), net[:2](x))
    assert len(graphs) == 2  # of fixed size first, of any size from the second call on


def test_a_delay_that_was_loaded_is_compiled_anew():
    net, other = nn.SpikingNet(nn.Delay(1)), nn.SpikingNet(nn.Delay(3))
    x = torch.rand(6, 2, 3)
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), net(x))
    net.load_state_dict(other.state_dict())
    assert torch.equal(compiled(x), other(x))
    assert not torch.equal(other(x), nn.SpikingNet(nn.Delay(1))(x))


@pytest.mark.slow  # torch's compiler is started
def test_a_hundred_ticks_compile_in_seconds():
    """torch 188074: 91 s for a loop over 100 ticks."""
    net = nn.SpikingNet(*row()[:2], nn.Linear(4, 2, scale=3.0), nn.LIFLayer(2)).double()
    x = torch.rand(100, 2, 3, dtype=torch.float64)
    torch.compile(lambda x: x + 1)(x)  # what is only done once
    start = time.process_time()
    compiled = torch.compile(net, fullgraph=True)
    found = compiled(x)
    assert time.process_time() - start < 10.0
    assert torch.equal(found, net(x))
