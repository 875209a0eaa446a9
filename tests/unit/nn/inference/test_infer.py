# SPDX-License-Identifier: Apache-2.0
"""Inference in one call: spikes and states of `nn.run`, to the bit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402


def check(net, x, state=None):
    found, after = nn.Inference(net)(x, state)
    with torch.no_grad():
        expected, by_run = nn.run(net, x, state)
    assert torch.equal(expected, found)
    assert by_run.keys() == after.keys()
    for path, one in by_run.items():
        for part, other in zip(one, after[path], strict=True):
            assert (part is None) == (other is None)
            assert part is None or (part.dtype == other.dtype and torch.equal(part, other))
    return found, after


def spikes(rng, steps, batch, n, dtype=torch.float32):
    return torch.tensor(rng.random((steps, batch, n)) < 0.4, dtype=dtype)


def layer(rng, n, number):
    def drawn(low, high):
        return rng.uniform(low, high, n) if rng.random() < 0.5 else rng.uniform(low, high)

    return nn.LIFLayer(
        n,
        beta=drawn(0.5, 1.0),
        alpha=0.0 if rng.random() < 0.5 else drawn(0.1, 0.9),
        gain=drawn(0.5, 1.5),
        bias=drawn(-0.1, 0.1),
        v_th=drawn(0.5, 1.5),
        v_reset=drawn(-0.3, 0.3),
        reset=("hard", "soft", "none")[number % 3],
        reset_amount=None if rng.random() < 0.5 else drawn(0.5, 1.0),
        refractory_ticks=int(rng.integers(0, 3)),
        refractory=("hold", "gate")[number // 3 % 2],
        v_init=drawn(-0.5, 0.5),
        v_floor=None if rng.random() < 0.5 else drawn(-0.6, -0.5),
        strict=bool(number // 6 % 2),
    )


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from([1, 5, 64, 70, 130]), min_size=2, max_size=4),
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(0, 11),
    st.booleans(),
)
def test_it_is_a_run_of_the_net(seed, sizes, steps, batch, number, bias):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    layers = []
    for k, (n_pre, n_post) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(n_pre, n_post, bias=bias, scale=3.0), layer(rng, n_post, number + k)]
    net = nn.SpikingNet(*layers)
    _, state = check(net, spikes(rng, steps, batch, sizes[0]))
    check(net, spikes(rng, steps, batch, sizes[0]), state)
    check(net, torch.tensor(rng.normal(0, 1, (steps, batch, sizes[0])), dtype=torch.float32))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.SpikingNet(
        nn.Linear(70, 80, scale=3.0),
        nn.LIFLayer(80, alpha=0.5),
        nn.Linear(80, 3, scale=3.0),
        nn.LIFLayer(3),
    )


@pytest.fixture
def x():
    return spikes(np.random.default_rng(1), 9, 2, 70)


def test_float64_is_float64(net, x):
    found, _ = check(net.double(), x.double())
    assert found.any()
    assert torch.float64 == found.dtype


@pytest.mark.parametrize("strict", [False, True])
def test_at_the_threshold(strict):
    net = nn.SpikingNet(nn.Linear(1, 1), nn.LIFLayer(1, v_th=1.0, strict=strict))
    torch.nn.init.ones_(net[0].weight)
    found, _ = check(net, torch.ones(1, 1, 1))
    assert (not strict) == found.item()


def test_a_constant_image_and_rows_that_only_seem_so(net):
    image = torch.rand(1, 2, 70, generator=torch.Generator().manual_seed(0))
    x = image.repeat(6, 1, 1)
    check(net, x)
    x[2, 1, 69] += 0.5
    x[4] = x[4].flip(0)
    check(net, x)


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_a_row_without_a_finite_sum_is_that_of_the_net(net, x, odd):
    x = x * 0.5
    x[3, 1, 5] = odd
    found, after = nn.Inference(net)(x)
    expected, state = nn.run(net, x)
    assert torch.equal(expected, found)
    assert torch.equal(state["1"].v.isnan(), after["1"].v.isnan())
    assert after["1"].v[1].isnan().all()
    assert not after["1"].v[0].isnan().any()


def test_parts_of_a_sequence_are_the_sequence(net, x):
    answer = nn.Inference(net)
    whole, _ = answer(x)
    parts, state = [], None
    for tick in x.split(1):
        out, state = answer(tick, state)
        parts.append(out)
    assert torch.equal(whole, torch.cat(parts))


def test_a_state_that_is_passed_in_is_not_changed(net, x):
    answer = nn.Inference(net)
    _, state = answer(x)
    kept = state["1"].v.clone()
    answer(x, state)
    assert torch.equal(kept, state["1"].v)
    first, _ = answer(x)
    assert torch.equal(first, answer(x)[0])  # nor is what rest is


def test_no_ticks_give_no_spikes(net):
    out, state = nn.Inference(net)(torch.zeros(0, 2, 70))
    assert (0, 2, 3) == tuple(out.shape)
    assert not state["1"].v.any()


def test_no_samples_give_no_spikes(net):
    check(net, torch.zeros(5, 0, net[0].in_features))


@pytest.mark.parametrize("where", ["", "0", "1", "2"])
@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_that_it_would_not_call_are_refused(where, kind):
    net = nn.SpikingNet(nn.Linear(2, 2), nn.LIFLayer(2), torch.nn.Identity())
    getattr(net.get_submodule(where), kind)(lambda *_: None)
    with pytest.raises(ValidationError, match=rf"'{where}': expected no hooks"):
        nn.Inference(net)


def test_changed_weights_are_seen(net, x):
    answer = nn.Inference(net)
    before, _ = answer(x)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    net(x).sum().backward()
    optimizer.step()
    after, _ = answer(x)
    assert not torch.equal(before, after)
    assert torch.equal(nn.run(net, x)[0], after)
    net.load_state_dict(net.state_dict() | {name: p.flip(0) for name, p in net.named_parameters()})
    assert torch.equal(nn.run(net, x)[0], answer(x)[0])


CHANGES = {
    "clamp": lambda weight: weight.clamp_(max=float(weight.max()) * 0.999),
    "step": lambda weight: weight.sub_(0.01),
    "row": lambda weight: weight[-1].zero_(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_that_torch_does_not_count_are_seen(change):
    torch.manual_seed(0)
    net = nn.SpikingNet(nn.Linear(300, 64, scale=4.0), nn.LIFLayer(64))
    answer, x = nn.Inference(net), torch.full((9, 2, 300), 0.3)
    before = answer(x)[1]["1"].v
    CHANGES[change](net[0].weight.data)
    found, state = answer(x)
    expected, wanted = nn.run(net, x)
    assert torch.equal(expected, found)
    assert torch.equal(wanted["1"].v, state["1"].v)
    assert not torch.equal(before, state["1"].v)
    net[1] = nn.LIFLayer(64, beta=np.full(64, 0.5))
    answer(x)
    net[1].beta.data.fill_(0.75)
    assert torch.equal(nn.run(net, x)[0], answer(x)[0])


def test_other_types_of_the_net_are_seen(net, x):
    answer = nn.Inference(net)
    net.double()
    assert torch.equal(nn.run(net, x.double())[0], answer(x.double())[0])


def test_nets_that_do_not_fit_are_refused_at_once():
    lif = nn.LIFLayer(4)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 4), lif, nn.Linear(4, 4, exact=False), lif, nn.Linear(4, 4),
        type("Mine", (nn.LIFLayer,), {})(4),
    )  # fmt: skip
    with pytest.raises(ValidationError) as caught:
        nn.Inference(net)
    assert 4 == len(caught.value.problems)
    with pytest.raises(ValidationError, match="expected Linear, LIFLayer"):
        nn.Inference(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), nn.LIFLayer()))
    half = nn.SpikingNet(nn.Linear(2, 2), nn.LIFLayer(2)).bfloat16()
    with pytest.raises(ValidationError, match="bfloat16; expected float32"):
        nn.Inference(half)


@pytest.mark.parametrize("size", [float("nan"), 1e37, 1e-35])
def test_weights_that_a_table_does_not_hold_are_refused(net, size):
    net[2].weight.data[1, 1] = size
    if size < 1:
        net[2].weight.data.mul_(0).add_(size)
    with pytest.raises(ValidationError, match=r"finite weights.* before '3'"):
        nn.Inference(net)


@pytest.mark.parametrize(
    "bad",
    [torch.zeros(5, 70), torch.zeros(5, 1, 69), torch.zeros(5, 1, 70).double(), [[1.0]]],
)
def test_input_that_does_not_fit_is_refused(net, bad):
    with pytest.raises(ValidationError, match=r"expected input of shape \(T, B, 70\)"):
        nn.Inference(net)(bad)


def test_states_that_do_not_fit_are_refused(net, x):
    answer = nn.Inference(net)
    _, state = answer(x)
    with pytest.raises(ValidationError, match="expected a state with entries"):
        answer(x, {"1": state["1"]})
    with pytest.raises(ValidationError, match="expected a state of shape"):
        answer(x[:, :1], state)


def test_the_operator_keeps_the_rules_of_torch(net, x):
    made = nn.Inference(net)._made
    args = (
        x, made.sizes, made.stripes, made.units, made.bits, made.constants, made.flags,
        *made.rest(2),
    )  # fmt: skip
    torch.library.opcheck(torch.ops.spikesim.infer_seq.default, args)


def test_another_module_or_mode_is_seen():
    torch.manual_seed(0)
    net = nn.SpikingNet(nn.Linear(6, 5, scale=3.0), nn.LIFLayer(5), nn.Linear(5, 4, scale=3.0),
                        nn.LIFLayer(4))  # fmt: skip
    x = (torch.rand(20, 3, 6) < 0.4).float()
    answer = nn.Inference(net)

    def change_linear():
        net[0] = nn.Linear(6, 5, scale=4.0)

    def change_reset():
        net[1].reset = "soft"

    def change_neurons():
        net[3] = nn.LIFLayer(4, beta=0.5)

    before = answer(x)[0]
    for change in (change_linear, change_reset, change_neurons):
        change()
        found = answer(x)[0]
        assert torch.equal(nn.run(net, x)[0], found)
        assert not torch.equal(before, found)
        before = found
    net[1] = torch.nn.ReLU()
    with pytest.raises(ValidationError, match="ReLU"):
        answer(x)
