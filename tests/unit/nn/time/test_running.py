# SPDX-License-Identifier: Apache-2.0
"""State is passed through any module; a run, its parts and its ticks are the same."""

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.stateful_nets import (  # noqa: E402
    NETS,
    Branches,
    Deep,
    Loop,
    equal,
    leaves,
    make,
    ticks_of,
)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sequence_equals_steps_and_parts_to_the_bit(name, dtype):
    net, shape = make(name)
    net, x = net.to(dtype), ticks_of(shape, dtype=dtype)
    with torch.no_grad():
        whole, last = nn.run(net, x)
        first, state = nn.run(net, x[:4])
        second, end = nn.run(net, x[4:], state)
        state, ticks = None, []
        for tick in x:
            y, state = nn.step(net, tick, state)
            ticks.append(y)
        held = [nn.advance(net, part, streaming=True) for part in (x[:1], x[1:2], x[2:])]
    assert equal(last, end)
    assert equal(last, state)
    for k, of_whole in enumerate(leaves(whole)):
        assert of_whole.any()
        assert torch.equal(of_whole, torch.cat([list(leaves(part))[k] for part in (first, second)]))
        assert torch.equal(of_whole, torch.stack([list(leaves(tick))[k] for tick in ticks]))
        assert torch.equal(of_whole, torch.cat([list(leaves(part))[k] for part in held]))


def test_branches_and_skips_equal_the_loop_by_hand():
    x = np.random.default_rng(0).integers(0, 24, (20, 3, 2)) / 16.0
    left = right = np.zeros((3, 2))
    refr = np.zeros((3, 2), int)
    v = i = np.zeros((3, 4))
    expected = []
    for tick in x:
        left = 0.5 * left + tick
        s_left = left >= 1.0
        left = left - s_left
        right = np.where(refr > 0, right, 0.75 * right + 0.5 * tick)
        s_right = (refr == 0) & (right >= 1.0)
        right = np.where(s_right, 0.0, right)
        refr = np.where(s_right, 1, np.maximum(refr - 1, 0))
        i = 0.5 * i + np.concatenate([s_left + tick, s_right + tick], 1)
        v = 0.5 * v + 0.5 * i
        s = v >= 1.0
        v = np.where(s, 0.0, v)
        expected.append(s)
    found, state = nn.run(Branches(), torch.from_numpy(x))
    assert np.mean(expected) < 1.0
    assert (np.array(expected) == found.numpy()).all()
    assert {"left", "right", "out"} == set(state)
    assert (v == state["out"].v.numpy()).all()
    assert (refr == state["right"].refr.numpy()).all()


def test_a_loop_equals_the_loop_by_hand():
    loop = Loop(nn.LIFLayer(1, beta=0.5), 1)
    with torch.no_grad():
        loop.back.weight.fill_(-0.5)
        loop.back.bias.fill_(0.25)
    v, last, expected = 0.0, 0.0, []
    for _ in range(12):
        v = 0.5 * v + 0.75 + (-0.5 * last + 0.25)
        last = float(v >= 1.0)
        v = 0.0 if last else v
        expected.append(last)
    found, _ = nn.run(loop.double(), torch.full((12, 1, 1), 0.75, dtype=torch.float64))
    assert 0 < sum(expected) < 12
    assert expected == found.flatten().tolist()


@pytest.mark.parametrize("cut", [3, 6])
def test_gradients_through_a_state_are_those_of_one_sequence(cut):
    torch.manual_seed(0)
    net, x = Deep().double(), ticks_of((3,)).requires_grad_()
    nn.run(net, x)[0].sum().backward()
    expected, x.grad = x.grad, None
    first, state = nn.run(net, x[:cut])
    second, _ = nn.run(net, x[cut:], state)
    (first.sum() + second.sum()).backward()
    assert torch.equal(expected, x.grad)
    x.grad = None
    first, state = nn.run(net, x[:cut])
    nn.run(net, x[cut:], nn.detached(state))[0].sum().backward()
    assert not x.grad[:cut].any()
    assert x.grad[cut:].any()


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({}, r"entries \['left', 'out', 'right'\], got \[\]"),
        ({"left": None, "right": None}, r"got \['left', 'right'\]"),
        ({"left": None, "right": None, "out": None, "more": None}, "'more'"),
        ((None, None, None), "got tuple"),
    ],
)
@pytest.mark.parametrize("how", [nn.run, nn.step])
def test_a_state_of_another_net_is_refused(state, text, how):
    x = torch.ones(3, 1, 2) if how is nn.run else torch.ones(1, 2)
    with pytest.raises(ValidationError, match=text):
        how(Branches(), x, state)


@pytest.mark.parametrize("how", [nn.run, nn.step])
def test_a_state_of_another_batch_is_refused(how):
    net = Branches()
    _, state = nn.run(net, torch.ones(3, 4, 2))
    x = torch.ones(3, 1, 2) if how is nn.run else torch.ones(1, 2)
    with pytest.raises(ValidationError, match=r"expected a state of shape \(1, 2\).*\(4, 2\)"):
        how(net, x, state)


@pytest.mark.parametrize("how", [nn.run, nn.step])
def test_a_state_of_another_type_and_a_mask_of_another_shape_are_refused(how):
    net = Branches()
    _, state = nn.run(net.double(), torch.ones(3, 4, 2, dtype=torch.float64))
    x = torch.ones(3, 4, 2) if how is nn.run else torch.ones(4, 2)
    with pytest.raises(ValidationError, match=r"expected a state .* torch\.float32 .*float64"):
        how(net.float(), x, state)
    with pytest.raises(ValidationError, match=r"run: expected a mask of shape \(3, 4\), .* \(4, 3"):
        nn.run(net, torch.ones(3, 4, 2), mask=torch.ones(4, 3, dtype=torch.bool))


class Twice(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.act = nn.Linear(2, 2), nn.LIFLayer(2)

    def forward(self, x):
        return self.act(self.fc(self.act(x)))


class Keeps(torch.nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, x):
        return self.part(x)


def test_a_neuron_that_is_called_twice_in_a_tick_is_refused():
    shared = nn.LIFLayer(2)
    for net, name in (
        (Twice(), "act"),
        (torch.nn.Sequential(shared, nn.Linear(2, 2), shared), "0"),
        (torch.nn.Sequential(nn.LIFLayer(2), Twice()), "1.act"),
        (torch.nn.Sequential(shared, Keeps(shared)), "0"),
        (torch.nn.Sequential(Keeps(shared), shared), "0.part"),
    ):
        with pytest.raises(ValidationError, match=f"LIFLayer '{name}' is called twice in a tick"):
            nn.run(net, torch.ones(3, 1, 2))
    with pytest.raises(ValidationError, match="called twice"):
        nn.step(Twice(), torch.ones(1, 2))


def test_a_neuron_that_is_no_part_of_the_net_is_refused():
    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.LIFLayer(2)]  # a list, not a ModuleList

        def forward(self, x):
            return self.layers[0](x)

    with pytest.raises(ValidationError, match=r"no part of Hidden.*ModuleList"):
        nn.run(Hidden(), torch.ones(3, 1, 2))


def test_a_stateful_module_has_to_pass_the_state_of_what_it_contains():
    class Forgets(nn.Stateful):
        def __init__(self):
            super().__init__()
            self.lif = nn.LIFLayer(2)

        def init(self, x):
            return ()

        def step(self, x, state):
            return self.lif(x), state

    with pytest.raises(ValidationError, match=r"call nn\.step with its state"):
        nn.run(torch.nn.Sequential(Forgets()), torch.ones(3, 1, 2))


def test_a_branch_that_is_not_taken_keeps_its_state():
    class Gated(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.on, self.lif = True, nn.LIFLayer(2)

        def forward(self, x):
            return self.lif(x) if self.on else x

    net = Gated()
    _, state = nn.run(net, torch.ones(3, 1, 2) / 4)
    net.on = False
    _, after = nn.run(net, torch.ones(2, 1, 2), state)
    assert after["lif"] is state["lif"]
    assert {"lif": None} == nn.run(net, torch.ones(2, 1, 2))[1]


def test_no_ticks_are_refused_where_the_output_could_not_be_known():
    with pytest.raises(ValidationError, match=r"Branches is called tick by tick.*\(0, 1, 2\)"):
        nn.run(Branches(), torch.zeros(0, 1, 2))
    row = torch.nn.Sequential(nn.Linear(2, 3), nn.LIFLayer(3))
    assert (0, 1, 3) == tuple(nn.run(row, torch.zeros(0, 1, 2))[0].shape)


def test_a_module_may_take_all_ticks_at_once():
    class Fades(torch.nn.Module):
        over_time = True

        def __init__(self):
            super().__init__()
            self.lif = nn.LIFLayer(2)
            self.row = nn.SpikingNet(torch.nn.Softmax(1))

        def forward(self, x):
            seen.append(tuple(x.shape))
            return self.row(self.lif(x) / (1.0 + torch.arange(len(x)).reshape(-1, 1, 1)))

    seen = []
    x = torch.ones(4, 3, 2)
    out, state = nn.run(Fades(), x)
    assert [(4, 3, 2)] == seen
    expected = nn.LIFLayer(2)(x) / torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(-1, 1, 1)
    assert torch.equal(torch.softmax(expected, 2), out)
    assert (3, 2) == tuple(state["lif"].v.shape)


def test_hooks_of_neurons_see_what_the_run_gives_them():
    net = torch.nn.Sequential(nn.LIFLayer(2), Branches())
    seen = []
    for layer in (net[0], net[1].left):
        layer.register_forward_hook(lambda _m, given, out: seen.append(tuple(out.shape)))
    nn.run(net, torch.ones(3, 1, 2))
    assert [(3, 1, 2), (1, 2), (1, 2), (1, 2)] == seen


def test_threads_may_run_one_net_at_once():
    net, x = Branches().double(), [ticks_of((2,), seed=k, steps=40) for k in range(4)]
    expected = [nn.run(net, part)[0] for part in x]
    found = [None] * 4

    def work(k):
        for _ in range(5):
            found[k] = nn.run(net, x[k])[0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("ticks", [2, 5])
def test_every_tick_lies_in_memory_as_if_it_were_alone(ticks):
    """Products depend, in the last bit, on where their operands begin."""
    seen = []

    class Look(torch.nn.Module):
        def forward(self, x):
            seen.append(x.data_ptr() % 64)
            return x

    net = torch.nn.Sequential(Look(), nn.LIFLayer(3))
    nn.run(net, torch.rand(ticks, 1, 3))  # 12 bytes a tick
    assert [0] * ticks == seen


@pytest.mark.parametrize("ends", [(1, -1), (0, 1), (2, 3), (-2, -1), (-4, -3), (1, 1)])
def test_all_ticks_are_flattened_without_a_copy_as_each_by_itself(ends):
    x, flatten = torch.arange(360.0).reshape(3, 2, 3, 4, 5), torch.nn.Flatten(*ends)
    found, _ = nn.run(torch.nn.Sequential(flatten), x)
    assert torch.equal(torch.stack([flatten(tick) for tick in x]), found)
    assert found.data_ptr() == x.data_ptr()


def test_flatten_sees_ticks_where_it_is_watched_and_never_their_axis():
    x, seen = torch.ones(3, 2, 3, 4), []
    flatten = torch.nn.Flatten()
    flatten.register_forward_hook(lambda *given: seen.append(tuple(given[1][0].shape)))
    nn.run(flatten, x)
    assert [(2, 3, 4)] * 3 == seen
    with pytest.raises(IndexError):  # -4 is the axis of time
        nn.run(torch.nn.Flatten(-4, -1), x)


@pytest.mark.parametrize("inner", ["row", "flatten", "convolution", "constant"])
def test_a_forward_put_into_a_module_is_what_runs(inner):
    module, shape = {
        "row": (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Identity()), (1, 4, 4)),
        "flatten": (torch.nn.Flatten(), (1, 4, 4)),
        "convolution": (nn.Conv2d(1, 1, 3, padding=1), (1, 4, 4)),
        "constant": (torch.nn.Linear(4, 4), (4,)),
    }[inner]
    net = torch.nn.Sequential(module, nn.LIFLayer(beta=0.5, v_th=0.1))
    x = torch.ones(3, 2, *shape) if inner != "constant" else torch.ones(2, *shape).expand(3, 2, 4)
    seen, forward = [], module.forward
    module.forward = lambda given: seen.append(1) or 0.0 * forward(given)
    assert not nn.run(net, x)[0].any()
    assert len(seen) == (1 if inner == "convolution" else 3)  # which takes all ticks at once


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
@pytest.mark.parametrize("inner", ["row", "flatten"])
def test_every_kind_of_hook_sees_the_calls(kind, inner):
    seen = []
    module = {
        "row": torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Identity()),
        "flatten": torch.nn.Flatten(),
    }[inner]
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), module, nn.LIFLayer(beta=0.5))
    getattr(module, f"register_{kind}_hook")(lambda *_: seen.append(1) and None)
    nn.run(net, torch.ones(3, 1, 2))[0].sum().backward()
    assert 3 == len(seen)
