# SPDX-License-Identifier: Apache-2.0
import itertools
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import functional  # noqa: E402
from spikesim.nn.ops import lif  # noqa: E402
from spikesim.nn.ops.lif_arguments import Neurons  # noqa: E402

SURROGATES = (nn.ATan, nn.FastSigmoid, nn.Triangle, nn.Sigmoid, nn.Boxcar)
KINDS = (torch.float32, torch.float64)
LEARNABLE = ("beta", "alpha", "gain", "bias", "v_th", "reset_amount")


class Draw:
    """Random neurons, inputs and gradients."""

    def __init__(self, seed, dtype):
        self.generator, self.dtype = torch.Generator().manual_seed(seed), dtype

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator, dtype=self.dtype)

    def one(self, *choices):
        return choices[int(torch.randint(len(choices), (), generator=self.generator))]

    def whole(self, high, shape):
        return torch.randint(high, shape, generator=self.generator, dtype=torch.int32)

    def constant(self, low, high, shape):
        """One number, or a tensor for all, per channel or per neuron."""
        size = self.one(None, (), shape[:1] + (1,) * (len(shape) - 1), shape)
        drawn = low + (high - low) * torch.rand(
            size or (), generator=self.generator, dtype=self.dtype
        )
        return float(drawn) if size is None else drawn

    def neurons(self, shape):
        value, one = self.constant, self.one
        return functional.LIFParams(
            beta=value(0, 1, shape),
            alpha=one(0.0, value(0.1, 0.9, shape)),
            gain=one(1.0, value(0.5, 2, shape)),
            bias=one(0.0, value(-0.2, 0.3, shape)),
            v_th=value(0.3, 1, shape),
            v_reset=one(0.0, value(-0.3, 0.2, shape)),
            reset=one("hard", "soft", "none"),
            reset_amount=one(None, value(0.2, 1, shape)),
            refractory_ticks=one(0, 2, self.whole(3, shape)),
            refractory=one("hold", "gate"),
            v_floor=one(None, value(-1, 0, shape)),
            strict=one(False, True),
            detach_reset=one(False, True),
            surrogate=one(*SURROGATES)(1.7),
        )

    def state(self, params, tick):
        rest = functional.lif_init(tick, params)
        if self.one(False, True):
            return rest
        return functional.LIFState(
            rest.v + 0.5 * self.normal(*tick.shape),
            None if rest.i is None else rest.i + 0.3 * self.normal(*tick.shape),
            None if rest.refr is None else self.whole(3, tick.shape),
        )


def everything(run, x, params, state, learned, outer):
    """Spikes, state, and the gradients of input, state and what is learned."""
    x, leaves = x.clone().requires_grad_(), {}
    for name in learned:
        leaves[name] = getattr(params, name).clone().requires_grad_()
    start = functional.LIFState(
        *(p.clone().requires_grad_() if p is not None and p.is_floating_point() else p
          for p in state)
    )  # fmt: skip
    spikes, end = run(x, replace(params, **leaves), start)
    outputs = [o for o in (spikes, end.v, end.i) if o is not None]
    inputs = [p for p in (x, start.v, start.i, *leaves.values()) if p is not None]
    grads = torch.autograd.grad(outputs, inputs, outer[: len(outputs)], allow_unused=True)
    return [spikes, *end, *grads]


def bits(tensor):
    if tensor is None or not tensor.is_floating_point():
        return tensor
    return (
        tensor.detach()
        .contiguous()
        .view(torch.int32 if tensor.dtype == torch.float32 else torch.int64)
    )


def assert_same_bits(expected, got):
    assert len(expected) == len(got)
    for a, b in zip(expected, got, strict=True):
        assert (a is None) == (b is None)
        assert a is None or (a.dtype == b.dtype and torch.equal(bits(a), bits(b)))


@pytest.mark.parametrize(("dtype", "block"), list(itertools.product(KINDS, range(4))))
def test_kernels_equal_the_loop_to_the_bit(dtype, block):
    """Any neuron, forward and backward, states and constants; not even zeros differ in sign."""
    fired = 0.0
    for case in range(25):
        draw = Draw(100 * block + case, dtype)
        ticks, batch = draw.one(1, 2, 9), draw.one(1, 3)
        shape = draw.one((7,), (2, 3), (2, 2, 3), (40,))
        x = draw.normal(ticks, batch, *shape)
        x = draw.one(x, (4 * x).round() / 4)  # thresholds are hit exactly
        params = draw.neurons(shape)
        learned = [n for n in LEARNABLE if isinstance(getattr(params, n), torch.Tensor)]
        state = draw.state(params, x[0])
        outer = [draw.normal(*x.shape), draw.normal(batch, *shape), draw.normal(batch, *shape)]
        outer[0] = draw.one(outer[0], outer[0][:1].expand(x.shape))
        expected = everything(functional.lif_seq, x, params, state, learned, outer)
        assert_same_bits(expected, everything(lif.lif_seq, x, params, state, learned, outer))
        fired += float(expected[0].detach().mean())
    assert 2.0 < fired < 23.0


@pytest.mark.parametrize(
    ("surrogate", "dtype", "reset"), list(itertools.product(SURROGATES, KINDS, ["hard", "soft"]))
)
def test_the_plain_kernel_equals_the_loop_beyond_a_tile(surrogate, dtype, reset):
    draw = Draw(3, dtype)
    x, outer = draw.normal(12, 5, 461), [draw.normal(12, 5, 461), draw.normal(5, 461)]
    params = functional.LIFParams(
        beta=0.5, gain=0.75, bias=0.125, v_th=0.75, reset=reset, strict=reset == "soft",
        v_reset=-0.25, surrogate=surrogate(2.5),
    )  # fmt: skip
    x[:4] = (2 * x[:4]).round() / 2  # some membranes stand at the threshold
    state = functional.lif_init(x[0], params)
    expected = everything(functional.lif_seq, x, params, state, [], outer)
    assert_same_bits(expected, everything(lif.lif_seq, x, params, state, [], outer))
    assert not torch.equal(
        expected[0], functional.lif_seq(x, replace(params, strict=not params.strict))[0]
    )


def test_constants_of_neurons_stay_with_them_beyond_a_tile():
    draw = Draw(4, torch.float32)
    x, outer = draw.normal(7, 5, 461), [draw.normal(7, 5, 461), draw.normal(5, 461)]
    params = functional.LIFParams(
        beta=torch.rand(461, generator=draw.generator), refractory_ticks=draw.whole(3, (461,))
    )
    state = functional.lif_init(x[0], params)
    expected = everything(functional.lif_seq, x, params, state, ["beta"], outer)
    assert_same_bits(expected, everything(lif.lif_seq, x, params, state, ["beta"], outer))


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_what_is_no_number_stays_none(surrogate):
    """NaN and infinite input: as the loop has it, in spikes, states and gradients."""
    draw = Draw(5, torch.float32)
    x = draw.normal(6, 2, 600)
    x[1, 0, ::7], x[2, 1, ::5], x[3, :, 3] = torch.nan, torch.inf, -torch.inf
    outer = [draw.normal(6, 2, 600), draw.normal(2, 600)]
    params = functional.LIFParams(beta=0.5, surrogate=surrogate())
    state = functional.lif_init(x[0], params)
    a = everything(functional.lif_seq, x, params, state, [], outer)
    b = everything(lif.lif_seq, x, params, state, [], outer)
    assert a[1].isnan().any()
    assert a[4].isnan().any() == (surrogate is not nn.Boxcar)  # that one compares, and it is false
    for expected, got in zip(a, b, strict=True):
        assert expected is None or torch.equal(expected.isnan(), got.isnan())
        assert expected is None or torch.equal(expected.nan_to_num(), got.nan_to_num())


def test_gradients_are_the_derivatives_where_no_spike_can_come_or_go():
    """Against finite differences; the surrogate ends before the nearest membrane."""
    x = torch.zeros(6, 2, 3, dtype=torch.float64)
    x[1], x[4] = 3.0, 2.5
    x += 0.01 * Draw(6, torch.float64).normal(6, 2, 3)
    constants = {"beta": 0.8, "alpha": 0.3, "gain": 0.9, "bias": 0.05, "v_th": 1.5,
                 "reset_amount": 1.1}  # fmt: skip
    values = [torch.full((3,), v, dtype=torch.float64, requires_grad=True)
              for v in constants.values()]  # fmt: skip

    def last(x, v, i, *values):
        params = functional.LIFParams(
            **dict(zip(constants, values, strict=True)), reset="soft", v_floor=-5.0,
            surrogate=nn.Boxcar(1e3),
        )  # fmt: skip
        spikes, end = lif.lif_seq(x, params, functional.LIFState(v, i))
        assert 0 < spikes.sum() < spikes.numel()
        return end.v, end.i

    v, i = torch.full((2, 3), 0.2, dtype=torch.float64), torch.full((2, 3), 0.1).double()
    inputs = (x.requires_grad_(), v.requires_grad_(), i.requires_grad_(), *values)
    assert torch.autograd.gradcheck(last, inputs, rtol=1e-6, atol=1e-8)
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(last(*inputs)[0].sum(), values[:4]))


def test_gradients_cross_runs_over_parts_that_pass_the_state_on():
    draw = Draw(7, torch.float32)
    layer = nn.LIFLayer(50, beta=0.9, alpha=0.5, refractory_ticks=1, detach_reset=False)
    x, outer = draw.normal(12, 4, 50), draw.normal(12, 4, 50)
    whole, parts = x.clone().requires_grad_(), x.clone().requires_grad_()
    layer.seq(whole)[0].backward(outer)
    with nn.backend("numba"):
        first, state = layer.seq(parts[:5])
        second, _ = layer.seq(parts[5:], state)
    torch.cat([first, second]).backward(outer)
    assert torch.equal(whole.grad, parts.grad)
    cut = x.clone().requires_grad_()
    layer.seq(cut[5:], nn.detached(layer.seq(cut[:5])[1]))[0].backward(outer[5:])
    assert not cut.grad[:5].any()
    assert cut.grad[5:].any()


@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 0, 3), (4, 2, 0)])
def test_nothing_is_nothing(shape):
    x = torch.zeros(shape, requires_grad=True)
    with nn.backend("numba"):
        spikes, state = nn.LIFLayer(shape[2], v_init=0.5).seq(x)
    (spikes.sum() + state.v.sum()).backward()
    assert (spikes.shape, state.v.shape, x.grad.shape) == (shape, shape[1:], shape)
    assert (state.v == (0.5 if shape[0] == 0 else 0.0)).all()


def test_input_and_gradients_may_lie_anyhow():
    draw = Draw(8, torch.float32)
    x, outer = draw.normal(40, 6, 9).transpose(0, 2), draw.normal(40, 9, 6)
    layer, found = nn.LIFLayer(40, beta=0.8), []
    for name in ("reference", "numba"):
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        with nn.backend(name):
            layer.seq(leaf)[0].backward(outer.permute(1, 2, 0))
        found.append(leaf.grad)
    assert not x.is_contiguous()
    assert torch.equal(*found)


def test_half_precision_is_run_in_float32_by_both():
    draw = Draw(9, torch.float32)
    layer = nn.LIFLayer(64, beta=0.9)
    x = draw.normal(8, 4, 64).bfloat16()
    for name in ("reference", "numba"):
        leaf = x.clone().requires_grad_()
        with nn.backend(name):
            spikes, state = layer.seq(leaf)
        assert (spikes.dtype, state.v.dtype) == (torch.bfloat16, torch.float32)
        assert torch.equal(spikes.float(), layer.seq(x.float())[0])
        spikes.sum().backward()
        assert leaf.grad.dtype == torch.bfloat16
    tick, state = nn.step(layer, x[0])
    assert torch.equal(tick, layer.seq(x[:1])[0][0])
    assert state[""].v.dtype == torch.float32


def test_the_code_that_runs_is_the_one_that_is_asked_for(monkeypatch):
    class Own:
        def gradient(self, u):
            return torch.ones_like(u)

    ran, loop = [], functional.lif_seq
    monkeypatch.setattr(functional, "lif_seq", lambda *a: (ran.append(1), loop(*a))[1])
    layer, large, small = nn.LIFLayer(64), torch.rand(8, 2, 64), torch.rand(8, 1, 64)
    for x, name, loops in ((large, "auto", 0), (small, "auto", 1), (small, "numba", 0),
                           (large, "reference", 1)):  # fmt: skip
        ran.clear()
        with nn.backend(name):
            layer.seq(x)
        assert len(ran) == loops, (name, x.shape)
    own = nn.LIFLayer(64, surrogate=Own())
    ran.clear()
    own.seq(large)
    assert ran
    with nn.backend("numba"), pytest.raises(ValidationError, match="surrogate Own is Python"):
        own.seq(large)
    with pytest.raises(ValidationError, match="expected one of auto, reference, numba, got 'fast'"):
        with nn.backend("fast"):
            pass


def arguments():
    """A call of the operator with all kinds of arguments."""
    draw = Draw(10, torch.float32)
    x, v, i = (draw.normal(*shape).requires_grad_() for shape in ((4, 2, 6), (2, 6), (2, 6)))
    beta = torch.full((6,), 0.9, requires_grad=True)
    v_th = torch.tensor(0.7, requires_grad=True)
    params = functional.LIFParams(beta=beta, v_th=v_th, alpha=0.5, refractory_ticks=1, reset="soft")
    return Neurons.of(x, params, functional.LIFState(v, i, draw.whole(2, (2, 6))))


def test_torch_finds_nothing_wrong_with_the_operator():
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(lif._lif_seq, arguments(), test_utils=checks)


@pytest.mark.slow  # half a minute, nearly all of it torch's compiler
def test_compiled_and_exported_graphs_keep_the_operator():
    torch.library.opcheck(lif._lif_seq, arguments())
    layer = nn.LIFLayer(8, beta=0.9, learn={"beta": "neuron", "v_th": "layer"})
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph

    compiled = torch.compile(lambda x: layer.seq(x)[0], fullgraph=True, backend=count)
    inductor = torch.compile(lambda x: layer.seq(x)[0], fullgraph=True)
    for ticks, batch in ((5, 3), (7, 4), (9, 6), (20, 2)):
        x = torch.randn(ticks, batch, 8)
        for run in (compiled, inductor):
            results = []
            for call in (run, lambda x: layer.seq(x)[0]):
                leaf = x.clone().requires_grad_()
                spikes = call(leaf)
                layer.zero_grad()
                spikes.sum().backward()
                results.append([spikes, leaf.grad, layer.raw_beta.grad, layer.raw_v_th.grad])
            assert_same_bits(*results)
    assert len(graphs) == 2  # of fixed size first, of any size from the second call on
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), layer)
    sizes = ({0: torch.export.Dim("T"), 1: torch.export.Dim("B")},)
    exported = torch.export.export(net, (torch.randn(5, 3, 4),), dynamic_shapes=sizes).module()
    x = torch.randn(9, 2, 4)
    assert "lif_seq" in str(exported.graph)
    assert torch.equal(exported(x), layer.seq(net[0](x))[0])


def test_gradients_under_a_checkpoint_of_torch_are_the_same():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, pool=2), nn.LIFLayer((4, 4, 4), v_th=0.2, learn=("beta",)),
        torch.nn.Flatten(), nn.Linear(64, 20, scale=3.0), nn.LIFLayer(20, alpha=0.5),
    )  # fmt: skip
    x = (torch.rand(10, 4, 1, 8, 8) < 0.4).float().requires_grad_()
    weight, of = torch.randn(10, 4, 20), [x, *net.parameters()]

    def spikes(x):
        return nn.run(net, x)[0]

    with nn.backend("numba"):
        plain = torch.autograd.grad((spikes(x) * weight).sum(), of)
        again = torch.utils.checkpoint.checkpoint(spikes, x, use_reentrant=False)
        kept = torch.autograd.grad((again * weight).sum(), of)
    assert all(torch.equal(a, b) for a, b in zip(plain, kept, strict=True))
    assert all(bool(grad.any()) for grad in plain)
