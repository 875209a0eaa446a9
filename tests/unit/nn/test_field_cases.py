# SPDX-License-Identifier: Apache-2.0
"""What people ran into with other frameworks, by the thread, and what is right."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


def constant(drive, steps, n=1):
    return torch.full((steps, 1, n), drive, dtype=torch.float64)


def membranes(layer, x):
    """Membranes after each tick."""
    state, out = layer.init(x[0]), []
    for tick in x:
        _, state = layer.step(tick, state)
        out.append(state.v)
    return torch.stack(out)


def test_soft_reset_takes_off_one_documented_amount_snntorch_341_364_379_426():
    # Drive 0.21, decay 0.8: h(k) = 1.05 (1 - 0.8**k) crosses 1 at tick 14, in either convention.
    beta, drive = 0.8, 0.21
    free = [drive * (1 - beta**k) / (1 - beta) for k in range(1, 15)]
    assert free[12] < 1.0 < free[13]
    x = constant(drive, 20)
    at_once = membranes(nn.LIFLayer(beta=beta, reset="soft"), x).flatten().tolist()
    theirs = nn.like_snntorch(beta=torch.tensor(beta, dtype=torch.float64))
    late = membranes(theirs, x).flatten().tolist()
    assert at_once[:13] == pytest.approx(free[:13], abs=1e-12)
    assert late[:13] == pytest.approx(free[:13], abs=1e-12)
    for k in range(6):  # a threshold is taken off at once, or off what has decayed by then
        after = drive * (1 - beta**k) / (1 - beta)
        assert at_once[13 + k] == pytest.approx(beta**k * (free[13] - 1.0) + after, abs=1e-12)
        if k:
            expected = beta**k * free[13] - beta ** (k - 1) + after
            assert late[13 + k] == pytest.approx(expected, abs=1e-12)


def test_zero_reset_of_leaky_and_of_the_others_are_told_apart_snntorch_159_162_426():
    x = constant(2.0, 8)
    zero = {"beta": 0.5, "reset_mechanism": "zero"}
    assert nn.like_snntorch(**zero)(x).flatten().tolist() == [1] * 8
    for kind in ({"alpha": 0.5}, {"kind": "RLeaky"}, {"kind": "Lapicque", "threshold": 0.5}):
        assert nn.like_snntorch(**(zero | kind))(x).flatten().tolist() == [1, 0] * 4


def test_constants_of_each_neuron_are_used_snntorch_441_442():
    betas = [k / 10 for k in range(1, 10)]
    traces = membranes(nn.like_snntorch(9, beta=np.array(betas)), constant(0.05, 30, 9))[:, 0]
    for n, beta in enumerate(betas):
        expected = [0.05 * (1 - beta**k) / (1 - beta) for k in range(1, 31)]
        assert traces[:, n].tolist() == pytest.approx(expected, abs=1e-12)


def test_a_decay_pushed_beyond_one_is_legal_shown_and_exported_as_it_runs_snntorch_346():
    for layer in (
        nn.LIFLayer(1, beta=0.9, learn=("beta",)),
        nn.like_snntorch(1, beta=0.9, learn_beta=True),
    ):
        net = nn.SpikingNet(nn.Linear(1, 1), layer)
        with torch.no_grad():  # a huge step of an optimizer
            layer.raw_beta += 1e6
        effective = float(layer.params().beta)
        assert 0.9 < effective <= 1.0
        assert f"beta={effective:g}" in repr(layer)
        assert nn.export(net).populations["layer0"].neuron.beta == effective
        trace = membranes(layer, constant(0.01, 50).float())
        assert float(trace[-1]) == pytest.approx(0.5, rel=1e-4)


def test_a_second_call_says_reset_or_streaming_snntorch_250_spikingjelly_318_594():
    net = nn.SpikingNet(nn.Linear(3, 2), nn.LIFLayer(2))
    x = torch.ones(4, 1, 3)
    nn.advance(net, x).sum().backward()
    with pytest.raises(ValidationError, match=r"nn\.reset.*streaming=True"):
        nn.advance(net, x)
    for _ in range(2):  # goes on from a state without a graph: no second backward through it
        nn.advance(net, x, streaming=True).sum().backward()
    nn.reset(net)
    nn.advance(net, x).sum().backward()


def test_every_constant_moves_with_its_layer_norse_378_snntorch_452():
    given = {
        key: np.array([0.5, 0.75]) for key in ("beta", "alpha", "gain", "bias", "v_th", "v_reset")
    } | {"v_init": np.array([0.25, 0.5]), "v_floor": np.array([-1.0, -2.0])}
    ticks = {"refractory_ticks": np.array([1, 2])}
    layer = nn.LIFLayer(2, **given, **ticks)
    fresh = nn.LIFLayer(2, **{k: v * 0.0 + 1.0 for k, v in given.items()}, refractory_ticks=[0, 0])
    fresh.load_state_dict(layer.state_dict())
    halves = copy.deepcopy(layer).half()
    for moved in (copy.deepcopy(layer), layer.to(torch.float64), fresh, halves):
        neuron = moved.canonical()
        for key, value in (given | ticks).items():
            assert getattr(neuron, key).tolist() == value.tolist(), key
    x = torch.ones(3, 1, 2, dtype=torch.float16)
    assert halves(x).dtype == torch.float16
    assert {"beta", "v_th", "refractory_ticks"} <= set(dict(layer.named_buffers()))


def test_the_mode_changes_no_neuron_spikingjelly_386_559():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        loop = nn.Recurrent(nn.like_snntorch(3, beta=0.9, threshold=0.2), nn.Linear(3, 3))
        net = nn.SpikingNet(nn.Linear(4, 3, scale=6.0), nn.like_spikingjelly(), loop)
    found = []
    for mode in (True, False):
        x = torch.rand(20, 2, 4, generator=torch.manual_seed(0)).requires_grad_()
        spikes = net.train(mode)(x)
        found.append((spikes, torch.autograd.grad(spikes.sum(), x)[0]))
    assert found[0][0].any()
    assert found[0][1].any()
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


class Nested(torch.nn.Module):
    def __init__(self):
        super().__init__()
        inner = torch.nn.ModuleDict({"deep": torch.nn.Sequential(nn.LIFLayer(3), nn.LIFLayer(3))})
        self.parts = torch.nn.ModuleList([nn.Linear(3, 3), inner])
        self.loop = nn.Recurrent(nn.LIFLayer(3), nn.Linear(3, 3))

    def forward(self, x):
        deep = self.parts[1]["deep"](self.parts[0](x) * 3.0)
        return self.loop(deep + x) + deep


def test_a_reset_reaches_every_depth_and_no_other_net_snntorch_414_438():
    net, other = Nested(), Nested()
    x = torch.rand(9, 2, 3, generator=torch.manual_seed(1))
    first = nn.advance(net, x)
    nn.advance(other, x)
    nn.reset(net)
    assert torch.equal(nn.advance(net, x), first)
    with pytest.raises(ValidationError, match="holds the state of an earlier call"):
        nn.advance(other, x)


def test_runs_by_step_and_by_layer_agree_where_there_are_skips_spikingjelly_276_611():
    net = Nested().double()
    x = torch.rand(9, 2, 3, dtype=torch.float64, generator=torch.manual_seed(2))
    whole, last = nn.run(net, x)
    state, ticks = None, []
    for tick in x:
        y, state = nn.step(net, tick, state)
        ticks.append(y)
    assert whole.any()
    assert torch.equal(torch.stack(ticks), whole)
    assert str(state) == str(last)
