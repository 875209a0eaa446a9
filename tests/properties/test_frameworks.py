# SPDX-License-Identifier: Apache-2.0
"""Random small nets through snnTorch, SpikingJelly, Norse, sinabs and NIR, and back."""

import contextlib
import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import snntorch as snn  # noqa: E402
from spikingjelly.activation_based import neuron as sj  # noqa: E402

from spikesim import convert, nn  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from tests.reference.frameworks import (  # noqa: E402
    KeepsType,
    drive,
    norse_spikes,
    spikingjelly_spikes,
)


class Double(torch.nn.Module):
    """Takes the float32 spikes of sinabs on in float64."""

    def forward(self, x):
        return x.double()


def snntorch_spikes(net, x):
    for module in net.modules():
        if isinstance(module, snn.SpikingNeuron):
            module.reset_mem()
    return torch.stack([net(tick) for tick in x.unbind(0)])


def sinabs_spikes(net, x):
    return net(x.transpose(0, 1)).transpose(0, 1)


FRAMEWORKS = {
    "snntorch": snntorch_spikes,
    "spikingjelly": spikingjelly_spikes,
    "norse": norse_spikes,
    "sinabs": sinabs_spikes,
}
numbers = st.floats
TICKS = (1e-4, 1e-3, 0.5)
"""Seconds."""
betas, thresholds = numbers(0.05, 0.95), numbers(0.2, 1.5)
PRESETS = {
    "snntorch": st.builds(
        nn.like_snntorch, beta=betas, threshold=thresholds, alpha=st.none() | betas,
        reset_mechanism=st.sampled_from(["subtract", "zero"]), spike_grad=st.just(KeepsType.apply),
    ),
    "spikingjelly": st.builds(
        nn.like_spikingjelly, tau=st.none() | numbers(1.05, 9.0), decay_input=st.booleans(),
        v_threshold=thresholds, v_reset=st.none() | numbers(-0.5, 0.1),
        c_decay=st.none() | betas, v_decay=betas, detach_reset=st.booleans(),
    ),
    "norse": st.builds(
        nn.like_norse, tau_mem_inv=numbers(50.0, 900.0), v_leak=numbers(-0.1, 0.1),
        v_th=thresholds, v_reset=numbers(-0.5, 0.1),
        reset_method=st.sampled_from(["value", "subtract"]),
    ),
    "sinabs": st.builds(
        nn.like_sinabs, tau_mem=st.none() | numbers(1.0, 9.0),
        tau_syn=st.none() | numbers(1.0, 9.0), spike_threshold=thresholds,
        norm_input=st.booleans(), reset_value=st.sampled_from([None, 0.0]),
        min_v_mem=st.none() | numbers(-2.0, -0.5),
    ),
}  # fmt: skip


def weighted(sizes, layers, seed):
    """Give layers with drawn weights between them that bring them to fire."""
    row = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for n_pre, n_post, layer in zip(sizes, sizes[1:], layers, strict=False):
            linear = torch.nn.Linear(n_pre, n_post).double()
            with torch.no_grad():
                linear.weight.mul_(4.0)
            row += [linear, layer, Double()]
    return nn.SpikingNet(*row)


def through_nir(net, x, expected, dt):
    """Give a net after its way through a NIR graph, which holds float64."""
    bare = nn.SpikingNet(*(part for part in net if not isinstance(part, Double)))
    graph = convert.to_nir(bare, dt=dt, private=True, check=False, input_shape=x.shape[2:])
    ours = convert.from_nir(graph, dtype=torch.float64)
    assert ours.report.dt == dt
    with torch.no_grad():
        assert torch.equal(nn.run(ours, x)[0], expected), "nir"
    return ours


def through(name, net, x, expected, **options):
    """Give a net after its way through a framework; its spikes are the same on both ways."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # ties do not occur in drawn input
        theirs = getattr(convert, f"to_{name}")(net)
    assert torch.equal(FRAMEWORKS[name](theirs, x), expected), name
    ours = getattr(convert, f"from_{name}")(theirs, **options)
    assert torch.equal(nn.run(ours, x)[0], expected), name
    return ours


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    seed=st.integers(0, 2**16), data=st.data(), hard=st.booleans(),
)  # fmt: skip
def test_what_all_can_say_goes_round_all_of_them(sizes, seed, data, hard):
    draw = st.builds(
        sj.LIFNode, tau=numbers(1.1, 9.0), decay_input=st.booleans(), v_threshold=thresholds,
        v_reset=numbers(-0.5, 0.1) if hard else st.none(),
    )  # fmt: skip
    neurons = [data.draw(draw) for _ in sizes[1:]]
    net = weighted(sizes, [convert.from_spikingjelly(one) for one in neurons], seed)
    x = drive(2, sizes[0], seed=seed)
    expected = net(x)
    # Of a soft reset at once snnTorch has no equal, but for neurons that do not leak.
    for name in ("snntorch", "norse", "sinabs", "spikingjelly")[not hard :]:
        net = through(name, net, x, expected)
        through_nir(net, x, expected, data.draw(st.sampled_from(TICKS)))


@pytest.mark.parametrize("home", PRESETS)
@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=3), seed=st.integers(0, 2**16),
       data=st.data())  # fmt: skip
def test_each_net_comes_home_and_elsewhere_is_equal_or_refused(home, sizes, seed, data):
    net = weighted(sizes, [data.draw(PRESETS[home]) for _ in sizes[1:]], seed)
    x = drive(2, sizes[0], seed=seed)
    expected = net(x)
    assert through(home, net, x, expected) is not net
    for name in set(FRAMEWORKS) - {home}:
        with contextlib.suppress(ConversionError):
            through(name, net, x, expected)
    with contextlib.suppress(ConversionError):  # an adapter of Norse has no node
        through_nir(net, x, expected, data.draw(st.sampled_from(TICKS)))


def drawn(data, *shape):
    """Numbers between 0 and 1 of every neuron, or one for all."""
    if data.draw(st.booleans()):
        return data.draw(betas)
    return torch.rand(shape, dtype=torch.float64) * 0.9 + 0.05


def a_neuron(data, *shape):
    return nn.like_snntorch(
        shape, beta=drawn(data, *shape), threshold=drawn(data, *shape) + 0.2,
        alpha=drawn(data, *shape) if data.draw(st.booleans()) else None,
        reset_mechanism=data.draw(st.sampled_from(["subtract", "zero", "none"])),
        spike_grad=KeepsType.apply,
    )  # fmt: skip


def a_loop(data, n):
    back = torch.nn.Linear(n, n) if data.draw(st.booleans()) else nn.Diagonal(n, -0.5)
    neuron = nn.like_snntorch(
        n, beta=drawn(data, n), kind="RLeaky", threshold=drawn(data, n) + 0.2,
        reset_mechanism=data.draw(st.sampled_from(["subtract", "zero", "none"])),
        spike_grad=KeepsType.apply,
    )  # fmt: skip
    return nn.Recurrent(neuron, back)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), data=st.data())
def test_loops_windows_and_constants_of_each_neuron_go_through_snntorch_and_nir(seed, data):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels, size = data.draw(st.integers(1, 3)), data.draw(st.integers(4, 6))
        two = data.draw(st.booleans())
        axes = (size, 5) if two else (size,)
        conv = (torch.nn.Conv2d if two else torch.nn.Conv1d)(2, channels, 3, padding="same")
        n = channels * math.prod(axes)
        row = nn.SpikingNet(
            conv, a_neuron(data, channels, *axes), torch.nn.Flatten(), torch.nn.Linear(n, 4),
            a_loop(data, 4), torch.nn.Linear(4, 3), a_neuron(data, 3),
        ).double()  # fmt: skip
    with torch.no_grad():
        for part in (row[0], row[3], row[5]):
            part.weight.mul_(3.0)
    x = drive(2, 2, *axes, seed=seed)
    with torch.no_grad():
        expected = row(x)
        there = through("snntorch", row, x, expected, input_shape=x.shape[2:])
        through_nir(there, x, expected, data.draw(st.sampled_from(TICKS)))
        home = through_nir(row, x, expected, data.draw(st.sampled_from(TICKS)))
        through("snntorch", home, x, expected, input_shape=x.shape[2:])
        for name in ("spikingjelly", "norse"):
            with contextlib.suppress(ConversionError):
                through(name, row, x, expected, input_shape=x.shape[2:])
