# SPDX-License-Identifier: Apache-2.0
"""Compiled nets with convolutions, skips and concatenations are those trained with integers."""

import numpy as np
import pytest
import torch

from spikesim import nn
from spikesim.fixed import Quantization
from spikesim.hw.compile import compile_network
from spikesim.hw.golden.fast import run_batch
from tests.reference.traced_nets import Net

STEPS, BATCH, SHAPE = 10, 4, (2, 5, 4)


def conv(n_in=2, n_out=3, k=3, **options):
    return torch.nn.Conv2d(n_in, n_out, k, padding=k // 2, **{"bias": False} | options)


def lif(*shape, **options):
    return nn.LIFLayer(shape, **{"beta": 0.75, "reset": "soft"} | options)


def skip():
    def forward(net, x):
        first = net.a(net.conv(x))
        return net.b(net.norm(net.more(first)) + first)

    return Net(
        forward, conv=conv(), a=lif(3, 5, 4, v_th=[0.5, 1.0, 0.75]), more=conv(3, 3, groups=3),
        norm=torch.nn.BatchNorm2d(3), b=lif(3, 5, 4, learn={"bias": "channel"}),
    )  # fmt: skip


def concatenation():
    def forward(net, x):
        first = net.a(net.conv(x))
        return net.b(net.more(torch.cat([x, first], 1))), first

    return Net(forward, conv=conv(), a=lif(3, 5, 4), more=conv(5, 2, bias=True), b=lif(2, 5, 4))


def pooled():
    return torch.nn.Sequential(
        conv(stride=(1, 2)), lif(3, 5, 2, alpha=0.5), torch.nn.AvgPool2d((5, 1)),
        lif(3, 1, 2, v_th=0.25), torch.nn.Flatten(), nn.Linear(6, 4, bias=True), lif(4),
    )  # fmt: skip


def two_windows():
    return torch.nn.Sequential(
        conv(2, 2), conv(2, 3), torch.nn.Flatten(), lif(60, v_th=8.0), nn.Linear(60, 5), lif(5)
    )  # fmt: skip


def two_sources():
    def forward(net, x):
        return {"sum": net.c(net.conv(net.a(x) + net.b(0.5 * x))), "flat": net.d(x).flatten(1)}

    return Net(
        forward, a=lif(*SHAPE), b=lif(*SHAPE, v_th=0.25), conv=conv(), c=lif(3, 5, 4), d=lif(*SHAPE)
    )


def gains():
    gain = np.linspace(0.5, 2.0, 60).reshape(3, 5, 4)
    return torch.nn.Sequential(conv(bias=True), lif(3, 5, 4, gain=gain))


def delayed():
    first = torch.nn.Sequential(conv(), lif(3, 5, 4), nn.Delay([0, 1, 3], (3, 5, 4)))
    return torch.nn.Sequential(first, conv(3, 2), nn.Delay(2), lif(2, 5, 4))


def recurrent():
    loop = nn.Recurrent(lif(3, 5, 4, v_th=2.0), nn.Diagonal((3, 5, 4)))
    return torch.nn.Sequential(conv(), loop, torch.nn.Flatten(), nn.Linear(60, 4), lif(4, v_th=8.0))


def learned_delays():
    taps = (
        nn.DelayedConv(2, 3, (3, 3), max_delay=3, padding=1),
        nn.DelayedLinear(60, 4, max_delay=2),
    )
    net = torch.nn.Sequential(taps[0], lif(3, 5, 4), torch.nn.Flatten(), taps[1], lif(4, v_th=8.0))
    nn.harden_delays(net)
    return net


NETS = (
    skip,
    concatenation,
    pooled,
    two_windows,
    two_sources,
    gains,
    delayed,
    recurrent,
    learned_delays,
)


def made(make, seed=0):
    torch.manual_seed(seed)
    net = make()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.uniform_(-0.5, 1.0)
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.25, 0.25)
                module.running_var.uniform_(0.5, 2.0)
    return net


def rasters(seed=1):
    return np.random.default_rng(seed).random((BATCH, STEPS, *SHAPE)) < 0.3


def over_time(batch):
    return torch.from_numpy(batch).float().transpose(0, 1)


@pytest.mark.parametrize("granularity", ["neuron", "population"])
@pytest.mark.parametrize("make", NETS)
def test_every_spike_of_the_program_is_that_of_the_integers(make, granularity):
    settings = Quantization(granularity=granularity)
    model = made(make)
    integer = nn.IntegerNet(model, settings, input_shape=SHAPE)
    network = nn.export(model, input_shape=SHAPE)
    compiled = compile_network(network, "large", quantization=settings)
    bounds = [layer.acc_bound for layer in compiled.report.layers]
    assert bounds == [q.acc_bound for q in integer.quantized()]
    program, given = compiled.program, rasters()
    with torch.no_grad():
        expected = integer.layer_spikes(over_time(given))
    got = run_batch(
        program, given.reshape(BATCH, STEPS, -1), STEPS + program.latency, record=("spikes",)
    )
    for spikes, (first, n, start) in zip(expected, program.groups.values(), strict=True):
        assert spikes.any()
        own = got.spikes[:, start : start + STEPS, first : first + n]
        np.testing.assert_array_equal(spikes.transpose(0, 1).flatten(2).numpy(), own)


def leaves(out):
    """Tensors of what a net gives."""
    if isinstance(out, dict):
        return list(out.values())
    return list(out) if isinstance(out, tuple) else [out]


@pytest.mark.parametrize("make", NETS)
def test_output_has_the_form_of_the_net_and_gradients_are_close_to_its_own(make):
    model = made(make).eval()
    x, found = over_time(rasters()), []
    for net in (model, nn.IntegerNet(model, input_shape=SHAPE)):
        net.zero_grad()
        out, _ = nn.run(net, x)
        weighed = [(leaf * torch.linspace(0, 1, leaf.shape[-1])).sum() for leaf in leaves(out)]
        sum(weighed).backward()
        trained = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        form = type(out), [leaf.shape for leaf in leaves(out)], list(trained)
        found.append((form, list(trained.values())))
    (form, gradients), (integer_form, integer_gradients) = found
    assert form == integer_form
    for one, other in zip(gradients, integer_gradients, strict=True):
        # Rounding flips a few spikes; direction and length must survive.
        assert torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), 0) > 0.9
        assert 0.7 < float(other.norm() / one.norm()) < 1.4


@pytest.mark.parametrize("make", NETS)
def test_integers_tick_by_tick_are_integers_at_once(make):
    integer, x = nn.IntegerNet(made(make), input_shape=SHAPE), over_time(rasters())
    with torch.no_grad():
        whole, end = nn.run(integer, x)
        state, ticks = None, []
        for tick in x:
            out, state = nn.step(integer, tick, state)
            ticks.append(leaves(out))
    for k, leaf in enumerate(leaves(whole)):
        assert torch.equal(leaf, torch.stack([tick[k] for tick in ticks]))
    assert len(end[""]) == len(state[""])
    for one, other in zip(end[""], state[""], strict=True):
        assert torch.equal(getattr(one, "v", one), getattr(other, "v", other))
