# SPDX-License-Identifier: Apache-2.0
"""Gradients of whole nets, of the kinds that are measured beside other frameworks.

The oracle is written in functions of torch and the step of one tick, in float64.
"""

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.nn.functional import LIFParams, LIFState, lif_step  # noqa: E402

F = torch.nn.functional
STEPS, BATCH, CLASSES = 25, 6, 5
#: Of the largest entry: sums in another order, and those of float32.
CLOSE = {torch.float64: 1e-12, torch.float32: 2e-5}
PARAMS = LIFParams(beta=0.75, surrogate=nn.ATan())


def fire(drive, state):
    zeros = torch.zeros_like(drive)
    return lif_step(drive, LIFState(zeros) if state is None else state, PARAMS)


def dense(tick, weights, states):
    s, states[0] = fire(F.linear(tick, weights[0]), states[0])
    s, states[1] = fire(F.linear(s, weights[1]), states[1])
    return s


def convolved(tick, weights, states):
    pooled = F.max_pool2d(F.conv2d(tick, weights[0], weights[1], padding=1), 2)
    s, states[0] = fire(pooled, states[0])
    s, states[1] = fire(F.linear(s.flatten(1), weights[2]), states[1])
    return s


def driven_back(tick, weights, states):
    last = torch.zeros(len(tick), 20, dtype=tick.dtype) if states[2] is None else states[2]
    s, states[0] = fire(F.linear(tick, weights[0]) + F.linear(last, weights[1]), states[0])
    states[2] = s
    s, states[1] = fire(F.linear(s, weights[2]), states[1])
    return s


def neurons_alone(tick, weights, states):
    s, states[0] = fire(tick, states[0])
    return s


def lif(*shape):
    return nn.LIFLayer(shape, beta=0.75, surrogate=nn.ATan())


def linear(n_pre, n_post, exact):
    return nn.Linear(n_pre, n_post, scale=4.0, exact=exact)


NETS = {
    "dense": (
        (30,), dense, lambda exact: [linear(30, 20, exact), lif(20), linear(20, CLASSES, exact),
                                     lif(CLASSES)],
    ),
    "convolutional": (
        (2, 8, 8), convolved,
        lambda exact: [nn.Conv2d(2, 4, 3, padding=1, pool=2), lif(4, 4, 4), torch.nn.Flatten(),
                       linear(64, CLASSES, exact), lif(CLASSES)],
    ),
    "recurrent": (
        (30,), driven_back,
        lambda exact: [linear(30, 20, exact), nn.Recurrent(lif(20), linear(20, 20, exact)),
                       linear(20, CLASSES, exact), lif(CLASSES)],
    ),
    "neurons alone": ((CLASSES,), neurons_alone, lambda exact: [lif(CLASSES)]),
}  # fmt: skip


def slopes(run, x, weights):
    """Spikes, and the gradients of a loss on their counts by the input and by all weights."""
    spikes = run(x)
    loss = F.cross_entropy(0.5 * spikes.sum(0), torch.arange(BATCH) % CLASSES)
    return spikes.detach(), torch.autograd.grad(loss, [x, *weights])


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("dtype", CLOSE)
def test_gradients_of_every_weight_are_those_of_the_plain_loop(name, dtype):
    shape, tick_of, layers = NETS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        net = nn.SpikingNet(*layers(dtype == torch.float32)).to(dtype)
        for parameter in net.parameters():
            parameter.data.mul_(2.0).add_(0.1)
    x = (torch.rand(STEPS, BATCH, *shape, generator=torch.manual_seed(3)) < 0.3).to(dtype)
    weights = [p.detach().double().requires_grad_() for p in net.parameters()]

    def by_ticks(given):
        states, out = [None] * 3, []
        for tick in given.unbind(0):
            out.append(tick_of(tick, weights, states))
        return torch.stack(out)

    expected, wanted = slopes(by_ticks, x.double().requires_grad_(), weights)
    with nn.backend("auto" if name == "recurrent" and dtype == torch.float64 else "numba"):
        spikes, found = slopes(net, x.clone().requires_grad_(), list(net.parameters()))
    assert 0.02 < float(expected.mean()) < 0.9
    assert torch.equal(expected, spikes.double())  # no spike has come or gone
    for one, other in zip(found, wanted, strict=True):
        assert bool(other.any())
        gap = float((one.double() - other).abs().max())
        assert gap <= CLOSE[dtype] * float(other.abs().max())
