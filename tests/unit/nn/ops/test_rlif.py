# SPDX-License-Identifier: Apache-2.0
"""Neurons that their own spikes drive, in one call, against the loop over ticks."""

import itertools
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import functional  # noqa: E402
from spikesim.nn.ops import rlif  # noqa: E402
from spikesim.nn.ops.lif_arguments import Neurons  # noqa: E402
from tests.unit.nn.ops.test_lif import (  # noqa: E402
    KINDS,
    LEARNABLE,
    SURROGATES,
    Draw,
    assert_same_bits,
)

_STEP = 2.0**-9
_OF_SPIKES = 6
"""Place of the gradient of spikes before, behind spikes, state, and the gradient of input."""


def by_ticks(x, spikes, weight, bias, params, state):
    out = []
    params = params.spread(x.shape[1:])
    with nn.backend("reference"):
        for tick in x.unbind(0):
            fed = nn.ops.event_linear(spikes, weight, bias)
            spikes, state = functional.lif_step(tick + fed, state, params)
            out.append(spikes)
    return torch.stack(out), spikes, state


def at_once(x, spikes, weight, bias, params, state):
    fed = nn.ops.event_linear(spikes, weight, bias) if spikes.any() else None
    return rlif.rlif_seq(x, fed, weight, bias, params, state)


def everything(run, x, spikes, weight, bias, params, state, learned, outer):
    """Spikes, state, and the gradients of all that is given, and of the constants learned."""
    leaves = [t if t is None else t.clone().requires_grad_() for t in (x, spikes, weight, bias)]
    constants = {name: getattr(params, name).clone().requires_grad_() for name in learned}
    start = functional.LIFState(
        *(p.clone().requires_grad_() if p is not None and p.is_floating_point() else p
          for p in state)
    )  # fmt: skip
    s, last, end = run(*leaves, replace(params, **constants), start)
    outputs = [s, last, *(p for p in (end.v, end.i) if p is not None)]
    outputs, given = zip(
        *((o, g) for o, g in zip(outputs, outer, strict=False) if g is not None), strict=True
    )
    inputs = [p for p in (*leaves, start.v, start.i, *constants.values()) if p is not None]
    grads = torch.autograd.grad(outputs, inputs, given, allow_unused=True)
    return [s, last, *end, *grads]


def assert_same_gradients(expected, got):
    """Of spikes, state and gradients; no gradient is as good as one of zeros.

    The loop has none of what has no part in the outputs that are asked for, one call none of spikes
    before where there were none.
    """
    kept = [k for k, (a, b) in enumerate(zip(expected, got, strict=True)) if not _none(a, b, k)]
    assert_same_bits([expected[k] for k in kept], [got[k] for k in kept])


def _none(a, b, place):
    if place == _OF_SPIKES and b is None:
        return True
    return a is None and b is not None and not b.any()


def drawn(draw, ticks, batch, n):
    x = draw.normal(ticks, batch, n)
    x = draw.one(x, (4 * x).round() / 4)  # thresholds are hit exactly
    weight, bias = draw.normal(n, n) / n**0.5, draw.one(None, 0.2 * draw.normal(n))
    spikes = (draw.normal(batch, n) > draw.one(0.0, torch.inf)).to(draw.dtype)
    params = draw.one(draw.neurons, plain)((n,))
    return x, spikes, weight, bias, params, draw.state(params, x[0])


def plain(shape):
    """Neurons with loops of their own."""
    draw = Draw(int(shape[0]), torch.float64)
    return functional.LIFParams(
        0.75, v_th=0.5, v_reset=-0.25, reset=draw.one("hard", "soft", "none"), strict=True,
        surrogate=draw.one(*SURROGATES)(1.7),
    )  # fmt: skip


@pytest.mark.parametrize(("dtype", "block"), list(itertools.product(KINDS, range(3))))
def test_one_call_equals_the_loop_to_the_bit(dtype, block):
    """Any neuron, forward and backward, whatever is learned and whichever outputs have a gradient.

    Half of the time, all constants that are tensors are learned.
    """
    fired, several = 0.0, 0
    for case in range(30):
        draw = Draw(1000 + 100 * block + case, dtype)
        ticks, batch, n = draw.one(1, 2, 12), draw.one(1, 3, 9), draw.one(5, 16, 70)
        given = drawn(draw, ticks, batch, n)
        x, params = given[0], given[4]
        tensors = [name for name in LEARNABLE if isinstance(getattr(params, name), torch.Tensor)]
        learned = draw.one([], tensors)
        outer = [draw.normal(*x.shape), *(draw.normal(batch, n) for _ in range(3))]
        outer[0] = draw.one(outer[0], outer[0][:1].expand(x.shape))
        outer[draw.one(0, 1, 2, 3)] = None
        expected = everything(by_ticks, *given, learned, outer)
        got = everything(at_once, *given, learned, outer)
        assert_same_gradients(expected, got)
        fired += float(expected[0].detach().mean())
        several += len(learned) > 1
    assert 2.0 < fired < 28.0
    assert several > 2


@pytest.mark.parametrize(
    ("weights", "gradients"),
    [
        (2.0**-110, 1.0),
        (torch.nan, 1.0),
        (1.0, 2.0**-120),
        (1.0, torch.inf),
        (1.0, torch.nan),
        (1.0, 0.0),
    ],
)
def test_weights_and_gradients_far_from_1_are_summed_as_in_the_loop(weights, gradients):
    draw = Draw(5, torch.float64)
    x, spikes, weight, _, params, state = drawn(draw, 6, 3, 7)
    weight[2, 3] = 1.0
    outer = [draw.normal(6, 3, 7), *(draw.normal(3, 7) for _ in range(3))]
    if gradients in (2.0**-120, 0.0):
        outer = [gradient * gradients for gradient in outer]
    else:
        outer[0][4, 1, 2] *= gradients  # one entry
    bias = torch.linspace(-0.1, 0.1, 7, dtype=torch.float64)
    for before in (spikes, torch.zeros_like(spikes)):
        given = x, before, weight * weights, bias, params, state, []
        expected, got = (everything(run, *given, outer) for run in (by_ticks, at_once))
        for k, (a, b) in enumerate(zip(expected, got, strict=True)):
            without = a is b is None or (k == _OF_SPIKES and b is None)
            assert without or torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0))


def arguments():
    draw = Draw(3, torch.float64)
    x, spikes, weight, *_ = drawn(draw, 4, 2, 6)
    bias, gain = (draw.normal(6).requires_grad_() for _ in range(2))
    params = functional.LIFParams(0.9, 0.5, gain, refractory_ticks=1, v_floor=-1.0)
    v, i = (draw.normal(2, 6).requires_grad_() for _ in range(2))
    state = functional.LIFState(v, i, draw.whole(2, (2, 6)))
    neurons = Neurons.of(x.requires_grad_(), params, state)
    return spikes.requires_grad_(), weight.requires_grad_(), bias, True, True, *neurons


def test_torch_finds_nothing_wrong_with_the_operator():
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(rlif._rlif_seq, arguments(), test_utils=checks)


def recurrent(n=8, dtype=torch.float32, bias=False, **options):
    torch.manual_seed(0)
    given = {"beta": 0.75, "reset": "soft"} | options
    back = nn.Linear(n, n, bias, scale=2.0)
    return nn.Recurrent(nn.LIFLayer(n, **given), back).to(dtype)


@pytest.mark.parametrize("learn", [(), ("beta", "tau_syn", "gain", "v_th")])
@pytest.mark.parametrize("dtype", KINDS)
def test_recurrent_gives_the_same_bits_in_one_call_in_parts_and_by_ticks(dtype, learn, monkeypatch):
    net = recurrent(dtype=dtype, refractory_ticks=1, alpha=0.5, learn=learn, bias=bool(learn))
    results = []
    x = torch.rand(30, 4, 8, dtype=dtype)
    calls = []
    kernel = rlif.rlif_seq
    monkeypatch.setattr(rlif, "rlif_seq", lambda *given: calls.append(1) or kernel(*given))
    for name, cut in (("reference", 30), ("numba", 30), ("numba", 11)):
        leaf = x.clone().requires_grad_()
        net.zero_grad()
        with nn.backend(name):
            first, state = nn.run(net, leaf[:cut])
            parts = [first]
            if cut < 30:
                second, state = nn.run(net, leaf[cut:], state)
                parts.append(second)
        s = torch.cat(parts)
        weights = torch.linspace(-1, 1, s.numel(), dtype=dtype).reshape(s.shape)
        ((s * weights).sum() + state[""].neurons.v.sum() + state[""].spikes.sum()).backward()
        grads = [p.grad for p in net.parameters()]
        results.append([s, *state[""].neurons, state[""].spikes, leaf.grad, *grads])
    assert len(calls) == 3
    assert 0.05 < results[0][0].mean() < 0.95
    assert_same_bits(results[0], results[1])
    # Of what is learned, autograd adds up what each call gives, which rounds in other places.
    learned = len(grads)
    for a, b in zip(results[0][:-learned], results[2][:-learned], strict=True):
        assert torch.equal(a, b)
    for a, b in zip(results[0][-learned:], results[2][-learned:], strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)


def test_large_input_takes_the_kernel_and_small_the_loop(monkeypatch):
    seen = []
    kernel = rlif.rlif_seq
    monkeypatch.setattr(rlif, "rlif_seq", lambda *given: seen.append(1) or kernel(*given))
    net = recurrent()
    nn.run(net, torch.rand(3, 2, 8))
    assert not seen
    with torch.no_grad():
        nn.run(net, torch.rand(64, 2, 8))
    assert seen == [1]


def test_gradients_are_the_derivatives_where_no_spike_can_come_or_go():
    """Of everything that is learned, against finite differences."""
    generator = torch.Generator().manual_seed(6)
    x = 0.01 * torch.randn(6, 2, 3, generator=generator).double()
    x[1], x[4] = x[1] + 3.0, x[4] + 2.5
    constants = {"beta": 0.8, "alpha": 0.3, "gain": 0.9, "bias": 0.05, "v_th": 1.5,
                 "reset_amount": 1.1}  # fmt: skip
    values = [torch.full((3,), v).double().requires_grad_() for v in constants.values()]
    weight = (0.1 * torch.randn(3, 3, generator=generator)).double().requires_grad_()

    def last(x, v, i, weight, bias, *values):
        params = functional.LIFParams(
            **dict(zip(constants, values, strict=True)), reset="soft", v_floor=-5.0,
            surrogate=nn.Boxcar(1e3),
        )  # fmt: skip
        s, _, end = rlif.rlif_seq(x, None, weight, bias, params, functional.LIFState(v, i))
        assert 0 < s.sum() < s.numel()
        return end.v, end.i

    v, i = torch.full((2, 3), 0.2).double(), torch.full((2, 3), 0.1).double()
    bias = torch.tensor([0.02, -0.03, 0.01], dtype=torch.float64, requires_grad=True)
    given = x.requires_grad_(), v.requires_grad_(), i.requires_grad_(), weight, bias, *values
    # Weights have 24 bits, of which differences see every rounding: steps of many.
    grads = torch.autograd.grad(last(*given)[0].sum(), given)
    v_th = 5 + list(constants).index("v_th")  # which nobody is near; the amount is another
    for place, grad in enumerate(grads):
        for k in range(grad.numel()):
            ends = []
            for step in (-_STEP, _STEP):
                moved = [g.detach().clone() for g in given]
                moved[place].view(-1)[k] += step
                ends.append(float(last(*moved)[0].sum()))
            assert abs((ends[1] - ends[0]) / (2 * _STEP) - grad.reshape(-1)[k]) < 1e-4
        assert (grad.abs().sum() > 0) == (place != v_th)


def hooked():
    net = recurrent()
    net.back.register_forward_hook(lambda *_: None)
    return net


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (hooked, "hooks have to see every tick"),
        (lambda: nn.Recurrent(nn.LIFLayer(8), nn.Diagonal(8)), "other than a Linear"),
        (lambda: nn.Recurrent(nn.LIFLayer(8), nn.Linear(8, 8, exact=False)), "exact sums"),
        (lambda: nn.Recurrent(torch.nn.Sequential(nn.LIFLayer(8)), nn.Linear(8, 8)), "LIFLayer"),
        (lambda: nn.Recurrent(nn.LIFLayer(8), nn.Linear(4, 8)), r"not \(T, B, n\)"),
    ],
)
def test_nets_without_a_kernel_run_by_ticks_and_say_why(net, why):
    net = net()
    with nn.backend("numba"), pytest.raises(ValidationError, match=f"Recurrent: backend.*{why}"):
        nn.run(net, torch.rand(2, 3, 8))
    assert why.replace("\\", "") in nn.explain(net).splitlines()[0]
    assert "one call of a kernel" in nn.explain(recurrent()).splitlines()[0]


def test_a_weight_of_another_type_is_refused_as_by_the_loop():
    with pytest.raises(ValidationError, match="of one type"):
        nn.run(recurrent(), torch.rand(64, 2, 8).double())


def test_a_state_of_another_batch_is_refused():
    net = recurrent()
    _, state = nn.run(net, torch.rand(64, 2, 8))
    with pytest.raises(ValidationError, match=r"expected a state of batch.*nn\.reset"):
        nn.run(net, torch.rand(64, 3, 8), state)
