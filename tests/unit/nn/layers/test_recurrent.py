# SPDX-License-Identifier: Apache-2.0
"""Neurons and their own spikes of the tick before."""

import copy
import io

import numpy as np
import pytest
import snntorch
from spikingjelly.activation_based import layer, neuron

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.stateful_nets import equal  # noqa: E402

STEPS, BATCH, N = 40, 3, 5


def drive(n=N, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-0.5, 1.0, (STEPS, BATCH, n)))


def net_of(kind, seed=0):
    torch.manual_seed(seed)
    lif = nn.LIFLayer(N, beta=0.75, reset="soft", learn=("v_th",))
    row = torch.nn.Sequential(nn.LIFLayer(N, beta=0.5), torch.nn.Linear(N, 4), nn.LIFLayer(4))
    late = torch.nn.Sequential(nn.Delay([0, 1, 3, 2]), torch.nn.Linear(4, N))
    dense = torch.nn.Linear(N, N)
    return {
        "dense": lambda: nn.Recurrent(lif, dense),
        "exact": lambda: nn.Recurrent(lif, nn.Linear(N, N, bias=True)),
        "one to one": lambda: nn.Recurrent(lif, nn.Diagonal(N, 0.3)),
        "net": lambda: nn.Recurrent(row, late, shape=4),
        "nested": lambda: nn.Recurrent(nn.Recurrent(lif, nn.Diagonal(N, -0.2)), dense),
    }[kind]().double()


KINDS = ["dense", "exact", "one to one", "net", "nested"]


def test_spikes_equal_the_loop_by_hand():
    net = net_of("dense")
    x = drive()
    weight, bias = (p.detach().numpy() for p in net.back.parameters())
    v, spikes, expected = np.zeros((BATCH, N)), np.zeros((BATCH, N)), []
    v_th = net.neurons.params().v_th.detach().numpy()
    for tick in x.numpy():
        v = 0.75 * v + tick + (spikes @ weight.T + bias)
        spikes = (v >= v_th).astype(float)
        v = v - v_th * spikes
        expected.append(spikes)
    found, state = nn.run(net, x)
    assert 0.05 < np.mean(expected) < 0.95
    assert (np.array(expected) == found.detach().numpy()).all()
    assert torch.equal(found[-1], state[""].spikes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_equals_steps_and_what_a_file_kept(kind):
    net, x = net_of(kind), drive()
    whole, last = nn.run(net, x)
    assert whole.any()
    first, state = nn.run(net, x[:7])
    kept = io.BytesIO()
    torch.save({"net": net.state_dict(), "state": nn.detached(state)}, kept)
    kept.seek(0)
    saved = torch.load(kept, weights_only=False)
    other = net_of(kind, seed=1)
    other.load_state_dict(saved["net"])
    state, ticks = saved["state"], [*first]
    for tick in x[7:]:
        y, state = nn.step(other, tick, state)
        ticks.append(y)
    assert torch.equal(whole, torch.stack(ticks))
    assert equal(last, state)


@pytest.mark.parametrize("all_to_all", [True, False])
def test_snntorch_rleaky_is_recurrent(all_to_all):
    torch.manual_seed(0)
    options = {"linear_features": N} if all_to_all else {"V": torch.rand(N)}
    peer = snntorch.RLeaky(
        beta=0.75, all_to_all=all_to_all, reset_mechanism="none", learn_recurrent=False, **options
    ).double()
    if all_to_all:
        back = torch.nn.Linear(N, N)
        back.load_state_dict(peer.recurrent.state_dict())
    else:
        back = nn.Diagonal(N, peer.recurrent.V.float().numpy())
    net = nn.Recurrent(nn.LIFLayer(N, beta=0.75, reset="none", strict=True), back).double()
    x, (spikes, v), expected = drive(), peer.init_rleaky(), []
    for tick in x:
        spikes, v = peer(tick, spikes.double(), v)
        expected.append(spikes)
    found, state = nn.run(net, x)
    assert 0.05 < found.mean() < 0.95
    assert torch.equal(torch.stack(expected).double(), found)
    assert torch.allclose(v, state[""].neurons.v, rtol=1e-12, atol=0)  # other order of the sum


def test_spikingjelly_linear_container_is_recurrent():
    torch.manual_seed(0)
    peer = layer.LinearRecurrentContainer(
        neuron.IFNode(v_threshold=1.0, v_reset=None), in_features=N, out_features=N, bias=True
    ).double()
    forth, back = torch.nn.Linear(N, N).double(), torch.nn.Linear(N, N, bias=False).double()
    with torch.no_grad():
        forth.weight.copy_(peer.rc.weight[:, :N])
        forth.bias.copy_(peer.rc.bias)
        back.weight.copy_(peer.rc.weight[:, N:])
    lif = nn.LIFLayer(N, beta=1.0, reset="soft")
    found, _ = nn.run(torch.nn.Sequential(forth, nn.Recurrent(lif, back)), drive())
    expected = torch.stack([peer(tick) for tick in drive()])
    assert 0.05 < found.mean() < 0.95
    assert torch.equal(expected, found)


@pytest.mark.parametrize("kind", ["dense", "one to one", "net", "nested"])  # no rounded sums
def test_gradients_are_those_of_the_loop_unrolled(kind):
    """By finite differences, with thresholds out of reach: all is smooth in the membrane."""

    class Membrane(nn.Stateful):
        def __init__(self, lif):
            super().__init__()
            self.lif, self.shape = lif, lif.shape

        def init(self, x):
            return self.lif.init(x)

        def step(self, x, state):
            state = self.lif.step(x, state)[1]
            return torch.tanh(state.v), state

    def smooth(module):
        for name, child in module.named_children():
            if isinstance(child, nn.LIFLayer):
                quiet = nn.LIFLayer(child.shape, beta=0.75, v_th=1e9, learn=("beta", "bias"))
                setattr(module, name, Membrane(quiet))
            else:
                smooth(child)

    net = net_of(kind)
    smooth(net)
    net.double()
    x = drive()[:3, :2].requires_grad_()
    names = [name for name, _ in net.named_parameters()]
    assert any("back" in name for name in names)

    def run(x, *parameters):
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(net, values, (x,))

    assert torch.autograd.gradcheck(run, (x, *net.parameters()), atol=1e-7)


def test_streaming_holds_and_resets_what_lies_within():
    net, x = net_of("net"), drive()
    whole = nn.run(net, x)[0]
    held = [nn.advance(net, part, streaming=True) for part in (x[:9], x[9:])]
    assert torch.equal(whole, torch.cat(held))
    nn.detach(net)
    copy.deepcopy(net)
    nn.reset(net)
    assert torch.equal(whole, nn.advance(net, x))


def test_hooks_of_what_comes_back_see_every_tick():
    net = torch.nn.Sequential(net_of("dense"))
    seen = []
    for part in (net[0].neurons, net[0].back):
        part.register_forward_hook(lambda _m, _x, out: seen.append(tuple(out.shape)))
    nn.run(net, drive()[:3])
    assert [(BATCH, N)] * 6 == seen


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (
            lambda: nn.Recurrent(nn.LIFLayer(N), torch.nn.Linear(N, 1)),
            r"expected back to give what adds to the input, \(3, 5\), got \(3, 1\)",
        ),
        (
            lambda: nn.Recurrent(
                torch.nn.Sequential(torch.nn.Linear(N, 2), nn.LIFLayer(2)), nn.Diagonal(N)
            ),
            r"expected an output of shape \(3, 5\), got \(3, 2\).*shape=",
        ),
        (
            lambda: nn.Recurrent(nn.LIFLayer(N), nn.Diagonal(4)),
            r"Diagonal: expected input \(B, 4\)",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(net, text):
    with pytest.raises(ValidationError, match=text):
        nn.run(net().double(), drive())


def test_a_state_of_another_batch_or_type_is_refused():
    net, x = net_of("dense"), drive()
    _, state = nn.run(net, x)
    for other in (x[:, :1], x.float()):
        with pytest.raises(ValidationError, match=r"expected a state of batch.*nn\.reset"):
            nn.run(net, other, state)
