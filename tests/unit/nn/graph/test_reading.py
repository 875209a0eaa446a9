# SPDX-License-Identifier: Apache-2.0
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import neurons, nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.graph.handlers import Fires  # noqa: E402
from tests.reference.traced_nets import (  # noqa: E402
    Doubled,
    Memory,
    Net,
    OverTime,
    hooked,
    lif,
)


def carry(net, x):
    net.last = net.a(x + net.last)
    net.n += 1
    return net.last


def carrying(net):
    net.last, net.n = torch.zeros(3), 0
    return net


ROW = torch.nn.Sequential
REFUSED = {
    "nothing": (ROW(), ["output, input 'input': expected spikes of neurons, got the input itself"]),
    "no neurons": (
        ROW(nn.Linear(3, 3)),
        [r"output, '0' \(Linear\): expected spikes of neurons, got a sum that no neurons take"],
    ),
    "sizes": (
        ROW(nn.Linear(3, 4), nn.LIFLayer(5), nn.Linear(3, 2), nn.LIFLayer(2)),
        [
            r"'1' \(LIFLayer\): expected input of shape \(5,\), got \(4,\)",
            r"'2' \(Linear\): expected input of shape \(3,\), got \(5,\)",
        ],
    ),
    "axes": (
        ROW(nn.Linear(3, 4), nn.LIFLayer((2, 2))),
        [r"'1' \(LIFLayer\): expected input of shape \(2, 2\), got \(4,\)"],
    ),
    "all at once": (
        ROW(
            ROW(nn.Linear(3, 3), torch.nn.ReLU()),
            nn.Linear(3, 3),
            Memory(),
            lif(),
            torch.nn.MaxPool1d(2),
            torch.nn.GELU(),
            nn.Linear(3, 3),
            lif(),
        ),
        [
            r"'0\.1' \(ReLU\): no counterpart .* leave it out, or give a handler for ReLU",
            r"'2' \(Memory\): no counterpart .* handler for Memory that says which neurons",
            r"'4' \(MaxPool1d\): no counterpart .* pool by the average",
            r"'5' \(GELU\): no counterpart",
        ],
    ),
    "functions": (
        Net(
            lambda net, x: net.block(net.a(x)),
            a=lif(),
            block=Net(lambda net, x: net.b(torch.sigmoid(x).clamp(0.0)), b=lif()),
        ),
        [r"'block' \(Net\), sigmoid: sigmoid has no", r"'block' \(Net\), clamp: clamp has no"],
    ),
    "gated spikes": (
        Net(lambda net, x: net.b(net.a(x) * x), a=lif(), b=lif()),
        [r"'' \(Net\), mul: expected a product with a constant"],
    ),
    "several spikes": (
        Net(lambda net, x: net.a(x) + x, a=lif()),
        [r"output, '' \(Net\), add: .* several, negative or no spikes"],
    ),
    "negative spikes": (
        Net(lambda net, x: -net.a(x), a=lif()),
        [r"output, '' \(Net\), neg: .* several, negative or no spikes"],
    ),
    "control flow": (
        Net(
            lambda net, x: net.b(net.block(x)),
            b=lif(),
            block=Net(lambda net, x: net.a(x) if x.sum() > 0 else x, a=lif()),
        ),
        [r"'block' \(Net\): expected a forward that does the same for all values"],
    ),
    "loop over the batch": (
        Net(lambda net, x: torch.stack([net.a(row) for row in x]), a=lif()),
        [r"'' \(Net\): expected a forward that does the same for all values"],
    ),
    "shared neurons": (
        Net(lambda net, x: net.a(net.a(x)), a=lif()),
        [r"'a' \(LIFLayer\): expected one call in a tick, got two"],
    ),
    "hook": (ROW(hooked(nn.Linear(3, 3)), lif()), [r"'0' \(Linear\): expected no hooks"]),
    "hook on the net": (
        hooked(Net(lambda net, x: net.a(x), a=lif())),
        [r"'' \(Net\): expected no hooks"],
    ),
    "all ticks": (ROW(OverTime(), lif()), [r"'0' \(OverTime\): no counterpart"]),
    "open shape": (
        ROW(torch.nn.Conv1d(1, 1, 2), torch.nn.Flatten(), lif()),
        [r"input 'input': expected the axes of a tick .* input_shape"],
    ),
    "batch": (
        Net(lambda net, x: net.b(torch.cat([net.a(x), x])), a=lif(), b=lif()),
        [r"'' \(Net\), cat: expected torch.cat of neurons, dim=1"],
    ),
    "one sample": (
        Net(lambda net, x: net.a(x[0]), a=lif()),
        [r"'' \(Net\), getitem: expected a selection that keeps the batch"],
    ),
    "flattened batch": (
        Net(lambda net, x: net.a(x.flatten()), a=lif()),
        [r"'' \(Net\), flatten: expected a flatten that keeps the batch"],
    ),
    "random numbers": (
        Net(lambda net, x: net.a(x + torch.rand(3)), a=lif()),
        [r"'' \(Net\): expected a forward without random numbers"],
    ),
    "state by hand": (
        ROW(carrying(Net(carry, a=lif()))),
        [r"'0' \(Net\): expected a forward that sets nothing, got one that sets 'last', 'n'; "],
    ),
    "part of the input": (
        Net(lambda net, x: net.a(net.dense(x[:, :2])), dense=nn.Linear(2, 3), a=lif()),
        [r"input 'x': expected the axes of a tick"],
    ),
    "constant input into a current": (
        ROW(nn.Linear(3, 2, bias=True), nn.LIFLayer(2, alpha=0.5)),
        [r"'1' \(LIFLayer\): a Linear bias into a LIFLayer with alpha > 0"],
    ),
}


@pytest.mark.parametrize(("net", "texts"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_network_is_refused_by_path_a_line_each(net, texts):
    before, dice = [dict(m.__dict__) for m in net.modules()], torch.get_rng_state()
    with pytest.raises(ValidationError) as caught:
        nn.export(net, input_shape=None if "axes of a tick" in texts[0] else (3,))
    found = caught.value.problems
    assert len(texts) == len(found), found
    for text, problem in zip(texts, found, strict=True):
        assert re.match(f"export: {text}", problem), problem
    assert all(m.__dict__ == kept for m, kept in zip(net.modules(), before, strict=True))
    assert torch.equal(dice, torch.get_rng_state())


def test_a_net_of_two_inputs_is_refused():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = lif()

        def forward(self, x, y):
            return self.a(x + y)

    with pytest.raises(ValidationError, match="input 'y': expected a net of one input"):
        nn.export(Two(), input_shape=(3,))


@pytest.mark.parametrize("view", [lambda s: s, lambda s: s.flatten(1)])
def test_a_sum_written_into_what_others_read_is_refused(view):
    def forward(net, x):
        spikes = net.a(x)
        total = view(spikes)
        total += x
        return net.b(total), net.c(spikes)

    net = Net(forward, a=lif(), b=lif(), c=lif())
    with pytest.raises(ValidationError, match=r"memory of its own.*write x = x \+ y"):
        nn.export(net, input_shape=(3,))


def test_a_net_in_training_is_exported_as_in_evaluation_and_left_in_training():
    def forward(net, x):
        return net.a(2.0 * x if net.training else torch.nn.functional.dropout(x, 0.5, net.training))

    net = Net(forward, a=lif()).train()
    (projection,) = nn.export(net, input_shape=(3,)).projections.values()
    assert [1.0] == np.unique(projection.rows.weights).tolist()
    assert net.training
    assert net.a.training


def test_constants_made_in_a_forward_count_and_do_not_stay_in_the_net():
    net = Net(lambda net, x: net.a(x * torch.tensor([1.0, 2.0, 4.0]) - 0.5), a=lif())
    before = set(net.__dict__)
    network = nn.export(net, input_shape=(3,))
    assert before == set(net.__dict__)
    assert [1.0, 2.0, 4.0] == np.diag(network.projections["in->layer0"].rows.to_dense()).tolist()
    assert [-0.5] * 3 == network.populations["layer0"].neuron.bias.tolist()


def test_modules_of_ones_own_are_exported_by_a_handler():
    def memory(module, x):
        return Fires(neurons.LIF(beta=0.25), x)

    def doubled(module, x):
        return x.through(2.0 * module.weight.detach().double().numpy().T, (2,))

    net = torch.nn.Sequential(Doubled(3, 2, bias=False), Memory())
    network = nn.export(net, handlers={Memory: memory, Doubled: doubled})
    assert 0.25 == network.populations["layer0"].neuron.beta
    expected = 2.0 * net[0].weight.detach().numpy().T
    assert (expected == network.projections["in->layer0"].rows.to_dense()).all()


def test_a_module_that_does_other_things_than_its_base_is_exported_by_what_it_does():
    net = torch.nn.Sequential(Doubled(3, 2, bias=False), lif(2))
    (projection,) = nn.export(net, input_shape=(3,)).projections.values()
    assert (2.0 * net[0].weight.detach().numpy().T == projection.rows.to_dense()).all()


def test_a_different_tick_is_refused_for_every_population():
    layers = [nn.LIFLayer(3, dt=2e-3), nn.LIFLayer(3, dt=3e-3)]
    with pytest.raises(ValidationError) as caught:
        nn.export(torch.nn.Sequential(nn.Linear(3, 3), *layers), dt=1e-3)
    assert [r"'1'", r"'2'"] == [text.split()[1] for text in caught.value.problems]
