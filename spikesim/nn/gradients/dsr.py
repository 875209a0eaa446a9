# SPDX-License-Identifier: Apache-2.0
"""Differentiation on spike representation: the gradient of firing rates, without time.

With ``w[t] = beta**(T - t)`` and ``mean`` the average with these weights, the ticks of a neuron
with a soft reset add up to ``amount mean(s) = mean(drive) - v[T] / sum(w)``. Where the last
membrane is small beside that, rates follow drives as in a net of ramps::

    mean(s) = clamp(mean(drive) / amount, 0, 1)

Forward is the spiking net; backward is the gradient of this net of ramps at the weighted rates
that the spikes had.

References
----------
Q. Meng, M. Xiao, S. Yan, Y. Wang, Z. Lin, Z.-Q. Luo, "Training High-Performance Low-Latency Spiking
Neural Networks by Differentiation on Spike Representation", CVPR 2022.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.gradients.method import (
    PROJECTIONS,
    GradientMethod,
    changed,
    more_than_a_leak,
    one_value,
    other_neurons,
    sums,
    unfit,
)
from spikesim.nn.graph.tracing import place, trace
from spikesim.nn.layers.norm import Dropout
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.time.running import NetState, run, step
from spikesim.nn.time.stateful import Stateful, stateful

_RATES = {"bias", "gain", "v_th", "reset_amount"}
"""Constants that rates depend on by what they are, not by when a spike comes."""
_WANTED = "neurons with a soft reset whose one memory is a membrane with one beta"


class DSR(GradientMethod):
    """A net trained by its firing rates; its parameters are those of the net.

    Parameters
    ----------
    net : torch.nn.Module
        Feed-forward: `LIFLayer` with a soft reset, all of one ``beta``, without synaptic current,
        refractory time or floor, and between them only what is linear and the same in every tick.
        Weights and biases of projections are trained, and ``bias``, ``gain``, ``v_th`` and
        ``reset_amount`` of neurons.

    Raises
    ------
    ValidationError
        With every module whose gradient would be another one, by its path.

    Notes
    -----
    Memory and time of the way back do not depend on the number of ticks. To a loss, every tick of
    the output moves with its rate: that of spike counts, or of the weighted rate, sees the rate
    itself; what asks for single spikes learns nothing here. Rates are those of all ticks that the
    net is shown, padded ones among them. With ``beta < 1`` a constant drive below
    ``(1 - beta) v_th`` never fires; ``v_th`` below ``reset_amount`` makes up for it.

    In the original neurons send ``v_th / dt``, so that a rate at its upper end has the derivative
    ``1 / dt`` by the threshold; the authors' code has ``dt`` there. Spikes here are 1, whatever
    the threshold: the derivative by it is ``-mean(drive) / v_th**2`` between the ends, and 0 at
    them.

    Examples
    --------
    >>> from spikesim import nn
    >>> neurons = nn.LIFLayer(1, beta=1.0, reset="soft")
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), neurons)
    >>> _ = torch.nn.init.constant_(net[0].weight, 0.25)
    >>> DSR(net)(torch.ones(8, 1, 1)).mean(0).sum().backward()
    >>> net[0].weight.grad.item()  # the rate is 0.25 = weight / threshold
    1.0
    """

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__(net)
        self._beta = _one_beta(net)

    def _with_gradient(self, x: Tensor, state: NetState) -> tuple[Any, NetState]:
        layers = [m for m in self.net.modules() if isinstance(m, LIFLayer)]
        counted = changed(self.net, {one: _Sending(one, self._beta) for one in layers})
        before = {
            name: _Sent(state[name], None, 0.0) if isinstance(module, _Sending) else state[name]
            for name, module in stateful(counted).items()
        }
        with torch.no_grad():
            out, after = run(counted, x, before)
            shown = _Sent(None, None, 0.0).plus(x, self._beta).mean
        # The net of ramps has neurons at the same places, which find there the rates that were.
        rates, _ = step(changed(self.net, {one: _Ramp(one) for one in layers}), shown, after)
        now = {name: part.lif if isinstance(part, _Sent) else part for name, part in after.items()}
        return out + (rates - rates.detach()), now


class _Sent(NamedTuple):
    """State of neurons, their spikes so far, fading, and how much one in every tick would be."""

    lif: Any
    spikes: Tensor | None
    ticks: float

    @property
    def mean(self) -> Tensor:
        assert self.spikes is not None
        return self.spikes / self.ticks

    def plus(self, x: Tensor, beta: float) -> _Sent:
        """Go on by ticks (T, B, ...)."""
        exponents = torch.arange(len(x) - 1, -1, -1, dtype=torch.float64)
        weights = (beta**exponents).to(x)
        spikes, fade = torch.tensordot(weights, x, 1), beta ** len(x)
        if self.spikes is not None:
            spikes = spikes + fade * self.spikes
        return _Sent(self.lif, spikes, fade * self.ticks + float((beta**exponents).sum()))


class _Sending(Stateful):
    """Neurons that count what they send."""

    def __init__(self, neurons: LIFLayer, beta: float) -> None:
        super().__init__()
        self.neurons, self.beta = neurons, beta

    def init(self, x: Tensor) -> _Sent:
        return _Sent(self.neurons.init(x), None, 0.0)

    def step(self, x: Tensor, state: _Sent) -> tuple[Tensor, _Sent]:
        s, lif = self.neurons.step(x, self.neurons.init(x) if state.lif is None else state.lif)
        return s, state._replace(lif=lif).plus(s[None], self.beta)

    def seq(self, x: Tensor, state: _Sent | None = None) -> tuple[Tensor, _Sent]:
        state = _Sent(None, None, 0.0) if state is None else state
        s, lif = self.neurons.seq(x, state.lif)
        return s, state._replace(lif=lif).plus(s, self.beta)


class _Ramp(Stateful):
    """Neurons by their rates: the rate that was, with the gradient of the ramp."""

    def __init__(self, neurons: LIFLayer) -> None:
        super().__init__()
        self.neurons = neurons

    def init(self, x: Tensor) -> _Sent:
        raise AssertionError("rates are those of a run")

    def step(self, x: Tensor, state: _Sent) -> tuple[Tensor, _Sent]:
        params = self.neurons.params(x).spread(x.shape)
        amount = params.v_th if params.reset_amount is None else params.reset_amount
        ramp = (params.gain * x + params.bias) / amount
        inside = ((ramp > 0.0) & (ramp < 1.0)).to(x.dtype)
        return state.mean + inside * (ramp - ramp.detach()), state


def _one_beta(net: torch.nn.Module) -> float:
    """Decay of all neurons of a net of which rates know everything."""
    problems = [*unfit(net), *other_neurons(net, _more, _WANTED)]
    graph, _, untraced = trace(net, lambda module: isinstance(module, PROJECTIONS))
    problems += untraced
    for node in graph.nodes:
        module = net.get_submodule(str(node.target)) if node.op == "call_module" else None
        known = isinstance(module, (LIFLayer, Dropout)) or node.op in ("placeholder", "output")
        if not known and node.op != "get_attr" and not sums(node, module):
            problems.append(
                f"{place(net, node)}: expected nothing but sums beside neurons, got what rates do "
                "not pass as spikes do; pool by the average"
            )
    betas = {one_value(m.params().beta) for m in net.modules() if isinstance(m, LIFLayer)}
    if len(betas) != 1 or None in betas:
        problems.append(
            f"expected neurons of one beta in all layers, got {len(betas) or 'no neurons'}: "
            "weighted means of one layer would not be those of the next"
        )
    if problems:
        raise ValidationError([f"DSR: {text}" for text in problems])
    return float(betas.pop() or 0.0)


def _more(layer: LIFLayer) -> list[str]:
    """Say what neurons have of which rates know nothing."""
    learned = set(layer.learned)
    more = [text for text in more_than_a_leak(layer) if not text.startswith("learned")]
    more += [f"a {layer.reset} reset"] * (layer.reset != "soft")
    if wrong := sorted(learned - _RATES):
        more.append(f"learned {', '.join(wrong)}")
    if "v_th" in learned and layer.params().reset_amount is not None:
        more.append("a learned v_th beside a reset_amount, of which rates know nothing")
    return more
