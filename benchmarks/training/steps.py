# SPDX-License-Identifier: Apache-2.0
"""One engine's step of one benchmark, as a function without arguments.

All engines have the same sizes, decay (0.9), threshold (1), soft reset out of the gradient and
arc-tangent surrogate, each in its own constants and its own way to run a sequence: snnTorch a loop
over ticks, SpikingJelly its multi-step mode, both with time unbound, since indexing it under
autograd fills (T, B, ...) with zeros every tick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.training.cases import ALONE, OWN, SNNTORCH, SPIKINGJELLY

Step = Callable[[], Any]
BETA = 0.9


def build(case: str, engine: str, quick: bool = False) -> Step:
    """Give the step of a benchmark; ``quick`` takes small sizes, with the same kernels."""
    torch.manual_seed(1)
    return _CASES[case](engine, quick)


def _neurons(engine: str, *shape: int) -> torch.nn.Module:
    """Give neurons that take a whole sequence (T, B, ...), or one tick for snnTorch."""
    if engine == SNNTORCH:
        import snntorch

        surrogate = snntorch.surrogate.atan(alpha=2.0)
        leaky: torch.nn.Module = snntorch.Leaky(beta=BETA, spike_grad=surrogate)
        return leaky
    if engine == SPIKINGJELLY:
        from spikingjelly.activation_based import neuron, surrogate

        node: torch.nn.Module = neuron.LIFNode(
            tau=1 / (1 - BETA), decay_input=False, v_reset=None, detach_reset=True,
            surrogate_function=surrogate.ATan(), step_mode="m",
        )  # fmt: skip
        return node
    from spikesim import nn

    return nn.LIFLayer(shape, beta=BETA, reset="soft", surrogate=nn.ATan(3.14))


class _Row(torch.nn.Module):
    """Layers in a row with neurons in places, run over a sequence as the engine does."""

    def __init__(self, engine: str, *layers: torch.nn.Module) -> None:
        super().__init__()
        self.engine, self.layers = engine, torch.nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        if self.engine == SNNTORCH:
            return self._by_ticks(x)
        from spikingjelly.activation_based import base, functional

        functional.reset_net(self)
        for layer in self.layers:
            if isinstance(layer, base.MemoryModule):
                x = layer(x)
            else:
                x = functional.seq_to_ann_forward(x, layer)
        return x

    def _by_ticks(self, x: Tensor) -> Tensor:
        import snntorch

        held = {
            k: layer.reset_mem()
            for k, layer in enumerate(self.layers)
            if isinstance(layer, snntorch.Leaky)
        }
        out = []
        for tick in x.unbind(0):
            for k, layer in enumerate(self.layers):
                if k in held:
                    tick, held[k] = layer(tick, held[k])
                else:
                    tick = layer(tick)
            out.append(tick)
        return torch.stack(out)


def _row(engine: str, *layers: torch.nn.Module) -> torch.nn.Module:
    if engine == OWN:
        from spikesim import nn

        return nn.SpikingNet(*layers)
    return _Row(engine, *layers)


def _linear(engine: str, n_pre: int, n_post: int) -> torch.nn.Module:
    if engine == OWN:
        from spikesim import nn

        return nn.Linear(n_pre, n_post)
    return torch.nn.Linear(n_pre, n_post, bias=False)


def _pooled(engine: str, c_in: int, c_out: int) -> list[torch.nn.Module]:
    if engine == OWN:
        from spikesim import nn

        return [nn.Conv2d(c_in, c_out, 5, pool=2)]
    return [torch.nn.Conv2d(c_in, c_out, 5), torch.nn.MaxPool2d(2)]


def _training(net: torch.nn.Module, x: Tensor, classes: int) -> Step:
    """Cross-entropy of spike counts, forward and backward, without an optimizer."""
    y = torch.arange(x.shape[1]) % classes

    def step() -> None:
        net.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x).sum(0), y)
        loss.backward()

    return step


def _spikes(rate: float, *shape: int) -> Tensor:
    return (torch.rand(*shape) < rate).float()


def _mlp(engine: str, hidden: int) -> torch.nn.Module:
    net = _row(
        engine, _linear(engine, 784, hidden), _neurons(engine, hidden), _linear(engine, hidden, 10),
        _neurons(engine, 10),
    )  # fmt: skip
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(3.0)
    return net


def mlp(engine: str, quick: bool) -> Step:
    """Training step of 784-1000-10."""
    steps, batch, hidden = (3, 8, 200) if quick else (25, 128, 1000)
    return _training(_mlp(engine, hidden), _spikes(0.1, steps, batch, 784), 10)


def conv(engine: str, quick: bool) -> Step:
    """Training step of two convolutions, each pooled."""
    steps, batch = (3, 2) if quick else (25, 64)
    net = _row(
        engine, *_pooled(engine, 1, 12), _neurons(engine, 12, 12, 12), *_pooled(engine, 12, 64),
        _neurons(engine, 64, 4, 4), torch.nn.Flatten(), _linear(engine, 1024, 10),
        _neurons(engine, 10),
    )  # fmt: skip
    return _training(net, _spikes(0.2, steps, batch, 1, 28, 28), 10)


def lif(engine: str, quick: bool) -> Step:
    """Neurons alone, forward and backward to their input."""
    shape = (4, 2, 512) if quick else (100, 64, 2048)
    x = torch.randn(*shape).mul_(0.5).requires_grad_()
    outer, net = torch.randn(*shape), _row(engine, _neurons(engine, shape[2]))

    def step() -> None:
        x.grad = None
        net(x).backward(outer)

    return step


def learned(engine: str, quick: bool) -> Step:
    """Neurons as a convolution has them, few ticks, forward and backward to input and decay.

    The decay is one number in the others, one of each channel in ours.
    """
    steps, batch, *image = (2, 2, 3, 8, 8) if quick else (4, 128, 16, 28, 28)
    x = torch.randn(steps, batch, *image).mul_(0.5).requires_grad_()
    outer, net = torch.randn_like(x), _row(engine, _learning(engine, *image))

    def step() -> None:
        x.grad = None
        net.zero_grad()
        net(x).backward(outer)

    return step


def _learning(engine: str, *shape: int) -> torch.nn.Module:
    if engine == SNNTORCH:
        import snntorch

        surrogate = snntorch.surrogate.atan(alpha=2.0)
        leaky: torch.nn.Module = snntorch.Leaky(beta=BETA, learn_beta=True, spike_grad=surrogate)
        return leaky
    if engine == SPIKINGJELLY:
        from spikingjelly.activation_based import neuron, surrogate

        node: torch.nn.Module = neuron.ParametricLIFNode(
            init_tau=1 / (1 - BETA), decay_input=False, v_reset=None, detach_reset=True,
            surrogate_function=surrogate.ATan(), step_mode="m",
        )  # fmt: skip
        return node
    from spikesim import nn

    return nn.LIFLayer(
        shape, beta=BETA, reset="soft", surrogate=nn.ATan(3.14), learn={"beta": "channel"}
    )


def recurrent(engine: str, quick: bool) -> Step:
    """Training step of 700-256-20 with all-to-all recurrence in the middle."""
    steps, batch, hidden = (10, 8, 8) if quick else (100, 64, 256)
    if engine.endswith(ALONE):
        return _products(engine.removesuffix(ALONE), steps - 1, batch, hidden)
    x = _spikes(0.03, steps, batch, 700)
    first, back, last = (
        _linear(engine, *sizes) for sizes in ((700, hidden), (hidden, hidden), (hidden, 20))
    )
    net = _RECURRENT[engine](hidden, first, back, last)
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(2.0 if weight.shape[1] == 700 else 1.0)
    return _training(net, x, 20)


def _products(engine: str, times: int, batch: int, hidden: int) -> Step:
    """Gradient (batch, hidden) by a matrix, as often as the way back of `recurrent` needs it."""
    gradient, matrix = torch.randn(batch, hidden), torch.randn(hidden, hidden)
    if engine == OWN:
        from spikesim.nn.ops.rlif import ProductBack

        product = ProductBack(matrix, batch)
        values, top = gradient.flatten().numpy(), float(gradient.abs().max())
        return lambda: [product(values, top) for _ in range(times)]
    out = torch.empty_like(gradient)
    return lambda: [torch.mm(gradient, matrix, out=out) for _ in range(times)]


class _SnnTorchRecurrent(torch.nn.Module):
    """``RLeaky`` would multiply a dense layer too; its first product is folded over time."""

    def __init__(self, hidden: int, first: Any, back: Any, last: Any) -> None:
        super().__init__()
        self.first, self.back, self.last = first, back, last
        self.middle, self.end = _neurons(SNNTORCH, hidden), _neurons(SNNTORCH, 20)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.middle.reset_mem(), self.end.reset_mem()
        spikes, out = x.new_zeros(x.shape[1], self.back.in_features), []
        for tick in self.first(x).unbind(0):
            spikes, a = self.middle(tick + self.back(spikes), a)
            y, b = self.end(self.last(spikes), b)
            out.append(y)
        return torch.stack(out)


class _SpikingJellyRecurrent(torch.nn.Module):
    """Its container of a recurrent layer, in multi-step mode."""

    def __init__(self, hidden: int, first: Any, back: Any, last: Any) -> None:
        super().__init__()
        from spikingjelly.activation_based import layer

        node = _neurons(SPIKINGJELLY, hidden)
        node.step_mode = "s"
        self.first, self.last = first, last
        self.middle = layer.LinearRecurrentContainer(
            node, in_features=hidden, out_features=hidden, bias=False, step_mode="m"
        )
        self.end = _neurons(SPIKINGJELLY, 20)

    def forward(self, x: Tensor) -> Tensor:
        from spikingjelly.activation_based import functional

        functional.reset_net(self)
        y: Tensor = self.end(self.last(self.middle(self.first(x))))
        return y


def _own_recurrent(hidden: int, first: Any, back: Any, last: Any) -> torch.nn.Module:
    from spikesim import nn

    middle = nn.Recurrent(_neurons(OWN, hidden), back)  # type: ignore[arg-type]
    return nn.SpikingNet(first, middle, last, _neurons(OWN, 20))


_RECURRENT: dict[str, Callable[..., torch.nn.Module]] = {
    OWN: _own_recurrent,
    SNNTORCH: _SnnTorchRecurrent,
    SPIKINGJELLY: _SpikingJellyRecurrent,
}


def inference(engine: str, quick: bool) -> Step:
    """One sample through the network of `mlp`."""
    steps, hidden = (3, 400) if quick else (25, 1000)
    net, x = _mlp(engine, hidden), _spikes(0.1, steps, 1, 784)
    net.eval()
    if engine == OWN:
        from spikesim import nn

        answer = nn.Inference(net)
        return lambda: int(answer(x)[0].sum(0).argmax())

    def step() -> int:
        with torch.no_grad():
            return int(net(x).sum(0).argmax())

    return step


_CASES: dict[str, Callable[[str, bool], Step]] = {
    "mlp": mlp,
    "conv": conv,
    "lif": lif,
    "learned": learned,
    "recurrent": recurrent,
    "inference": inference,
}
