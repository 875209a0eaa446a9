# SPDX-License-Identifier: Apache-2.0
"""Convolution, pool and neurons at once: torch's convolution and the loop over ticks is the oracle.

Weights are multiples of 1/64, so that sums are the same in every order and spikes the same bits.
"""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import functional  # noqa: E402
from spikesim.nn.ops import backend, conv_lif, conv_pool_lif_seq  # noqa: E402
from spikesim.nn.ops.conv import output_shape  # noqa: E402

# Sums of a few thousand products of numbers near 1, in another order.
CLOSE = {torch.float32: 2e-5, torch.float64: 1e-12}
LEARNED = ("beta", "alpha", "bias", "v_th")


def draw(seed, dtype, *, c_in=3, c_out=5, image=(9, 8), kernel=(3, 3), batch=4, ticks=6):
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(ticks, batch, c_in, *image, generator=generator) < 0.4).to(dtype)
    weight = torch.randint(-20, 21, (c_out, c_in, *kernel), generator=generator) / 64
    bias = torch.randint(-20, 20, (c_out,), generator=generator) / 64
    return x, weight.to(dtype), bias.to(dtype)


def per_channel(low, high, c_out, dtype):
    return torch.linspace(low, high, c_out, dtype=dtype).reshape(-1, 1, 1)


def neurons(kind, c_out, dtype):
    plain = functional.LIFParams(beta=0.75, v_th=0.75, reset="soft", surrogate=nn.ATan(2.0))
    if kind == "plain":
        return plain, ()
    if kind == "hard":
        return replace(plain, reset="hard", v_reset=-0.25, detach_reset=False), ()
    several = replace(
        plain,
        beta=per_channel(0.5, 0.9, c_out, dtype),
        alpha=per_channel(0.1, 0.6, c_out, dtype),
        bias=per_channel(-0.2, 0.2, c_out, dtype),
        v_th=per_channel(0.5, 1.5, c_out, dtype),
        refractory_ticks=2,
        v_floor=-1.0,
    )
    return several, LEARNED


def oracle(x, weight, bias, params, state, padding, pool):
    full = torch.nn.functional.conv2d(x.flatten(0, 1), weight, bias, padding=padding)
    full = torch.nn.functional.max_pool2d(full, 2) if pool == 2 else full
    return functional.lif_seq(full.unflatten(0, x.shape[:2]), params, state)


def fused(x, weight, bias, params, state, padding, pool):
    with backend("numba"):
        return conv_pool_lif_seq(x, weight, bias, params, state, padding=padding, pool=pool)


def everything(run, tensors, params, learned, state, padding, pool):
    """Spikes and state, and the gradients of all that can have one."""
    leaves = [one.clone().requires_grad_() for one in tensors]
    constants = {name: getattr(params, name).clone().requires_grad_() for name in learned}
    start = functional.LIFState(
        *(p.clone().requires_grad_() if p is not None and p.is_floating_point() else p
          for p in state)
    )  # fmt: skip
    s, end = run(*leaves, replace(params, **constants), start, padding, pool)
    outputs = [one for one in (s, end.v, end.i) if one is not None]
    generator = torch.manual_seed(1)
    outer = [torch.randn(one.shape, generator=generator, dtype=one.dtype) for one in outputs]
    inputs = [*leaves, *constants.values(), *(p for p in (start.v, start.i) if p is not None)]
    return [s, *end], torch.autograd.grad(outputs, inputs, outer)


def check(tensors, kind, padding, pool):
    dtype = tensors[0].dtype
    params, learned = neurons(kind, len(tensors[1]), dtype)
    shape = output_shape(*tensors, padding, pool)
    state = functional.lif_init(tensors[0].new_zeros(shape[1:]), params)
    state = state._replace(v=state.v + torch.linspace(-0.5, 1, state.v.numel()).view_as(state.v))
    args = tensors, params, learned, state, padding, pool
    (expected, wanted), (found, got) = everything(oracle, *args), everything(fused, *args)
    for one, other in zip(expected, found, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)
    assert 0.05 < float(expected[0].detach().mean()) < 0.95
    assert len(wanted) == len(got)
    for one, other in zip(wanted, got, strict=True):
        gap = float((one - other).abs().max())
        assert one.shape == other.shape
        assert gap <= CLOSE[dtype] * float(one.abs().max())


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("kind", ["plain", "hard", "several"])
@pytest.mark.parametrize(("padding", "pool"), [(0, 2), (1, 2), (2, 1)])
@pytest.mark.parametrize("cheap", [0, 10**6])
def test_it_is_the_convolution_and_then_the_neurons(monkeypatch, dtype, kind, padding, pool, cheap):
    """Currents kept or computed again, of all images at once or of single ones."""
    monkeypatch.setattr(conv_lif, "_CHEAP", cheap)
    monkeypatch.setattr(conv_lif, "_SCRATCH", 20_000 if pool == 2 else 1 << 21)
    check(draw(3, dtype), kind, padding, pool)


@pytest.mark.parametrize(("c_in", "c_out", "size"), [(1, 12, 28), (12, 64, 12)])
def test_two_layers_of_usual_size(c_in, c_out, size):
    x = draw(4, torch.float32, c_in=c_in, c_out=c_out, image=(size, size), kernel=(5, 5))
    check(x, "plain", 0, 2)


def test_a_kernel_higher_than_the_compiled_ones():
    check(draw(5, torch.float64, image=(12, 12), kernel=(9, 3)), "plain", 1, 2)


def test_finite_differences_of_the_membrane():
    """Below a threshold that is never reached, the membrane is smooth in all that it is made of."""
    x, weight, bias = draw(6, torch.float64, c_out=2, batch=1, ticks=3, image=(6, 6))
    weight += 0.01 * torch.randn(weight.shape, generator=torch.manual_seed(2))  # no two are equal
    params = functional.LIFParams(beta=0.5, v_th=1e9)
    beta = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    v = torch.linspace(-1, 1, 8, dtype=torch.float64).reshape(1, 2, 2, 2).requires_grad_()

    def membrane(weight, bias, beta, v):
        start = functional.LIFState(v, None, None)
        return fused(x, weight, bias, replace(params, beta=beta), start, 0, 2)[1].v

    leaves = weight.requires_grad_(), bias.requires_grad_(), beta, v
    assert torch.autograd.gradcheck(membrane, leaves)


@pytest.mark.parametrize("cheap", [0, 10**6])
def test_the_operator_keeps_the_rules_of_torch(cheap):
    x, weight, bias = draw(7, torch.float64, batch=2, ticks=3)
    params, _ = neurons("plain", 5, torch.float64)
    state = functional.lif_init(x.new_zeros(output_shape(x, weight, bias, 1, 2)[1:]), params)
    args = conv_lif.Neurons.of(x.requires_grad_(), params, state)
    leaves = weight.requires_grad_(), bias.requires_grad_()
    operator = torch.ops.spikesim.conv_pool_lif_seq.default
    torch.library.opcheck(operator, (*leaves, 1, 2, cheap == 0, *args))


def test_input_that_is_no_spike_is_refused_and_named():
    x, weight, bias = draw(8, torch.float32)
    x[2, 1, 0, 3, 4] = 2.0
    params, _ = neurons("plain", 5, torch.float32)
    with pytest.raises(ValidationError, match="not made of spikes; give the neurons what conv_po"):
        fused(x, weight, bias, params, None, 0, 2)
    state = functional.lif_init(x.new_zeros(output_shape(x, weight, bias, 0, 2)[1:]), params)
    with pytest.raises(ValidationError, match="expected input of nothing but 0 and 1"):
        torch.ops.spikesim.conv_pool_lif_seq(
            weight, bias, 0, 2, False, *conv_lif.Neurons.of(x, params, state)
        )


def kept_bytes(weight, x, params):
    """Bytes that wait for backward, weights left out."""
    held = {}

    def note(tensor):
        held[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        fused(x, weight.requires_grad_(), None, params, None, 0, 2)
    return sum(held.values()) - weight.numel() * weight.element_size()


def test_what_waits_for_backward_is_bits_and_at_most_currents():
    params, _ = neurons("plain", 12, torch.float32)
    x, weight, _ = draw(9, torch.float32, c_in=1, c_out=12, image=(28, 28), kernel=(5, 5), batch=8)
    state = 8 * 12 * 144 * 4
    assert kept_bytes(weight, x, params) == 6 * 8 * 98 + state
    weight = torch.cat([weight] * 12, 1)
    x = torch.cat([x] * 12, 2)
    currents = 6 * 8 * 12 * 144 * (4 + 1)
    assert kept_bytes(weight, x, params) == 6 * 8 * 98 * 12 + state + currents
    with torch.no_grad():
        assert kept_bytes(weight.detach(), x, params) <= 0
