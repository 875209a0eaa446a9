# SPDX-License-Identifier: Apache-2.0
"""E-prop: what a synapse has done to its neuron, times what the outputs say of that neuron.

Each synapse carries how the state of its neuron depends on its weight, through that neuron alone::

    eps_ji[t] = ds_j[t]/ds_j[t-1] eps_ji[t-1] + ds_j[t]/dw_ji     s_j: membrane, threshold, ...
    e_ji[t]   = dz_j[t]/dw_ji along that state                    eligibility of a spike
    dE/dw_ji  = sum_t L_j[t] (kappa-filtered e_ji)[t]             L_j = sum_k B_jk dE/da_k[t]

with ``kappa`` the leak of the readout and ``a_k`` its drive. The derivatives of a tick are asked
of the neurons, so whatever they carry is in the trace. What a spike does to other neurons, or
to its own through a loop, is left out.

References
----------
G. Bellec, F. Scherr, A. Subramoney, E. Hajek, D. Salaj, R. Legenstein, W. Maass, "A solution to the
learning dilemma for recurrent networks of spiking neurons", Nature Communications 11, 2020,
equations 1, 4, 5, 13, 14 and, for adaptive neurons, 24 and 25.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.gradients.method import Online, Pull, more_than_a_leak, one_value, unfit
from spikesim.nn.graph.tracing import who
from spikesim.nn.layers.network import Linear, SpikingNet
from spikesim.nn.layers.norm import Dropout
from spikesim.nn.layers.recurrent import Recurrent, RecurrentState
from spikesim.nn.neurons.adaptive import ALIFLayer
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.neurons.readout import LI
from spikesim.nn.time.running import NetState
from spikesim.nn.time.stateful import Stateful, each_tensor

Feedback = Literal["symmetric", "random"]

_LINEAR = (Linear, torch.nn.Linear)
_SPIKING = (LIFLayer, ALIFLayer)
_ROWS = (torch.nn.Sequential, SpikingNet)
_BETWEEN = (torch.nn.Identity, torch.nn.Flatten, Dropout)


class EProp(Online):
    """A row of layers trained by e-prop; its parameters are those of the net.

    Parameters
    ----------
    net : torch.nn.Module
        A row: `Linear` (of torch or ours) and `LIFLayer` or `ALIFLayer`, alone or within
        `Recurrent` with a `Linear` back, as often as wanted; then the readout, `Linear` and `LI`,
        or a `LIFLayer` without a hard reset, of one ``beta``. Between them ``Flatten`` and
        `Dropout`. Weights and biases are trained.
    feedback : {"symmetric", "random"}
        What brings the errors of the readout to neurons: its weights, where the one layer of
        neurons before it is the only one, or fixed numbers for every layer, drawn once, buffers
        ``feedback0``, ... (broadcast alignment).
    seed : int
        Of these.

    Raises
    ------
    ValidationError
        With every module whose gradient would be another one, by its path.

    Notes
    -----
    Without a loop, with symmetric feedback, this is the gradient of backpropagation through time.
    Traces take B times the number of synapses, for each variable of the neurons and one more.

    Examples
    --------
    >>> from spikesim import nn
    >>> hidden = nn.Recurrent(nn.ALIFLayer(5, beta=0.9), nn.Linear(5, 5))
    >>> net = nn.SpikingNet(nn.Linear(3, 5, scale=4.0), hidden, nn.Linear(5, 2), nn.LI(2))
    >>> method = EProp(net)
    >>> method(torch.ones(6, 1, 3)).square().sum().backward()
    >>> hidden.back.weight.grad.shape
    torch.Size([5, 5])
    """

    def __init__(
        self, net: torch.nn.Module, *, feedback: Feedback = "symmetric", seed: int = 0
    ) -> None:
        super().__init__(net)
        self.feedback = feedback
        self._stages = _stages(net, feedback)
        self._kappa = _leak(self._stages[-1].neurons)
        dice = torch.Generator().manual_seed(seed)
        for k, stage in enumerate(self._stages[:-1] if feedback == "random" else ()):
            like = self._stages[-1].projection.weight
            size = len(like), stage.projection.out_features
            drawn = torch.randn(size, generator=dice, dtype=torch.float64) / size[1] ** 0.5
            self.register_buffer(f"feedback{k}", drawn.to(like))

    def ticks(self, x: Tensor, state: NetState) -> Iterator[tuple[Tensor, Pull]]:
        """Give outputs, and what an error gives in its tick; see `Online`."""
        now, traces = dict(state), dict[torch.nn.Module, _Trace]()
        for tick in x.unbind(0):
            with torch.no_grad():
                given, locals_ = tick.clone(), []
                for k, stage in enumerate(self._stages):
                    given, local, inputs = stage.step(given, now)
                    locals_.append(local)
                    kappa = self._kappa if k + 1 < len(self._stages) else 0.0
                    for projection, source in inputs:
                        if any(p.requires_grad for p in projection.parameters()):
                            trace = traces.setdefault(projection, _Trace())
                            trace.follow(projection, source, local, kappa)
            yield given, self._pull(locals_[-1], now, traces)

    def _pull(
        self, readout: _Local, now: NetState, traces: Mapping[torch.nn.Module, _Trace]
    ) -> Pull:
        def gradients(error: Tensor) -> list[Tensor | None]:
            found: dict[int, Tensor] = {}
            at_drive = error * readout.of_drive
            for k, stage in enumerate(self._stages):
                if stage is self._stages[-1]:
                    signal = error
                elif self.feedback == "random":
                    signal = at_drive @ self.get_buffer(f"feedback{k}")
                else:
                    signal = self._stages[-1].back_through(at_drive, now)
                for projection in stage.projections:
                    if projection not in traces:
                        continue
                    whole = torch.einsum("bj,bji->ji", signal, traces[projection].filtered)
                    weights = whole[:, : projection.in_features].contiguous()
                    found[id(projection.weight)] = weights
                    if projection.bias is not None:
                        found[id(projection.bias)] = whole[:, -1].contiguous()
            return [found.get(id(p)) for p in self.trained]

        return gradients

    def extra_repr(self) -> str:
        """Where errors come from."""
        return f"feedback={self.feedback!r}"


class _Local(NamedTuple):
    """A tick of neurons, and its derivatives, neuron by neuron, each (B, n).

    ``of_drive`` and ``of_state`` are those of the output, ``by_drive`` and ``by_state`` those of
    each variable of the state; None is zero.
    """

    out: Tensor
    after: Any
    of_drive: Tensor
    of_state: list[Tensor | None]
    by_drive: list[Tensor | None]
    by_state: list[list[Tensor | None]]


def _local(neurons: Stateful, drive: Tensor, state: Any) -> _Local:
    parts = [drive.detach().requires_grad_()]

    def leaf(part: Tensor) -> Tensor:
        if part.is_floating_point():
            part = part.detach().requires_grad_()
            parts.append(part)
        return part

    with torch.enable_grad():
        out, after = neurons.step(parts[0], each_tensor(state, leaf))
        made = [out]
        each_tensor(after, lambda part: made.append(part) if part.is_floating_point() else None)
    rows = [
        torch.autograd.grad(one, parts, torch.ones_like(one), retain_graph=True, allow_unused=True)
        if one.requires_grad
        else (None,) * len(parts)
        for one in made
    ]
    of_drive = torch.zeros_like(drive) if rows[0][0] is None else rows[0][0]
    return _Local(
        out.detach(), each_tensor(after, Tensor.detach), of_drive, list(rows[0][1:]),
        [row[0] for row in rows[1:]], [list(row[1:]) for row in rows[1:]],
    )  # fmt: skip


class _Trace:
    """Eligibility of the synapses of a projection, (B, n_post, n_pre), a bias as a last one."""

    def __init__(self) -> None:
        self.of_state: list[Tensor] = []

    def follow(self, projection: Any, source: Tensor, local: _Local, kappa: float) -> None:
        """Go on by a tick in which the projection was given ``source``."""
        if projection.bias is not None:
            source = torch.cat([source, torch.ones_like(source[:, :1])], 1)
        source = source[:, None]
        if not self.of_state:
            zeros = source.new_zeros(len(source), projection.out_features, source.shape[2])
            self.filtered = zeros
            self.of_state = [zeros.clone() for _ in local.of_state]
        self.filtered.mul_(kappa).addcmul_(local.of_drive[..., None], source)
        for factor, trace in zip(local.of_state, self.of_state, strict=True):
            if factor is not None:
                self.filtered.addcmul_(factor[..., None], trace)
        after = []
        for by_drive, by_state in zip(local.by_drive, local.by_state, strict=True):
            new = torch.zeros_like(self.filtered)
            for factor, trace in ((by_drive, source), *zip(by_state, self.of_state, strict=True)):
                if factor is not None:
                    new.addcmul_(factor[..., None], trace)
            after.append(new)
        self.of_state = after


@dataclass(frozen=True, eq=False)
class _Stage:
    """A projection and its neurons, with what comes before and their places in the net."""

    before: tuple[tuple[str, torch.nn.Module], ...]
    projection: torch.nn.Linear
    path: str
    module: Stateful

    @property
    def neurons(self) -> Any:
        return self.module.neurons if isinstance(self.module, Recurrent) else self.module

    @property
    def projections(self) -> tuple[Any, ...]:
        loop = isinstance(self.module, Recurrent)
        return (self.projection, self.module.back) if loop else (self.projection,)

    def step(
        self, given: Tensor, now: NetState
    ) -> tuple[Tensor, _Local, list[tuple[torch.nn.Module, Tensor]]]:
        """Output of a tick, its derivatives, what each projection was given; ``now`` goes on."""
        for path, module in self.before:
            if isinstance(module, Dropout):
                mask = module.init(given) if now[path] is None else now[path]
                given, now[path] = module.step(given, mask)
            else:
                given = module(given)
        drive, inputs = self.projection(given), [(self.projection, given)]
        state = self.module.init(drive) if now[self.path] is None else now[self.path]
        if not isinstance(self.module, Recurrent):
            local = _local(self.module, drive, state)
            now[self.path] = local.after
            return local.out, local, inputs
        inputs.append((self.module.back, state.spikes))
        local = _local(self.neurons, drive + self.module.back(state.spikes), state.neurons)
        now[self.path] = RecurrentState(local.out, local.after, state.back)
        return local.out, local, inputs

    def back_through(self, at_drive: Tensor, now: NetState) -> Tensor:
        """Errors of the drive as those of what was given."""
        errors = at_drive @ self.projection.weight.detach()
        for path, module in self.before:
            if isinstance(module, Dropout) and isinstance(now[path], Tensor):
                errors = errors * now[path]
        return errors


def _stages(net: torch.nn.Module, feedback: str) -> tuple[_Stage, ...]:
    problems, stages = list(unfit(net)), list[_Stage]()
    before: list[tuple[str, torch.nn.Module]] = []
    projection: Any = None
    seen = set[int]()
    for path, module in _row("", net):
        wanted = _wanted(module, projection)
        if wanted is None and id(module) in seen and type(module) not in _BETWEEN[:2]:
            wanted = "each place with a layer of its own"
        seen.add(id(module))
        if wanted is not None:
            problems.append(f"{who(path, module)}: expected {wanted}")
        elif type(module) in _BETWEEN:
            before.append((path, module))
        elif type(module) in _LINEAR:
            projection = module
        else:
            assert isinstance(module, Stateful)
            stages.append(_Stage(tuple(before), projection, path, module))
            before, projection = [], None
    problems += _whole(stages, bool(before) or projection is not None, feedback)
    if problems:
        raise ValidationError([f"EProp: {text}" for text in problems])
    return tuple(stages)


def _row(path: str, module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    if type(module) not in _ROWS:
        yield path, module
        return
    for name, child in module._modules.items():
        assert child is not None
        yield from _row(f"{path}.{name}" if path else name, child)


def _wanted(module: torch.nn.Module, projection: Any) -> str | None:
    """Say what a module of the row would have to be instead, after a projection or without one."""
    neurons = module.neurons if type(module) is Recurrent else module
    if type(module) in (*_BETWEEN, *_LINEAR):
        return None if projection is None else "neurons behind a projection, got something between"
    if type(module) is Recurrent and type(module.back) not in _LINEAR:
        return f"Recurrent with a Linear back, got {type(module.back).__name__}"
    if type(neurons) not in (*_SPIKING, LI):
        return (
            "a row of Linear, LIFLayer, ALIFLayer, Recurrent of these, LI, Flatten, Identity and "
            "nn.Dropout, got something else; train it by nn.run and backward()"
        )
    if list(neurons.parameters()):
        return "neurons that learn nothing themselves, got learned constants"
    return "a projection before neurons, got none" if projection is None else None


def _whole(stages: list[_Stage], open_end: bool, feedback: str) -> Iterator[str]:
    if feedback not in get_args(Feedback):
        yield f"expected feedback as one of {get_args(Feedback)}, got {feedback!r}"
    if not stages or open_end:
        yield "expected a row that ends in Linear and LI, or Linear and LIFLayer"
        return
    for stage in stages[:-1]:
        if isinstance(stage.neurons, LI):
            yield f"{who(stage.path, stage.module)}: expected LI at the end only"
    last = stages[-1]
    readout = last.module.integrator if isinstance(last.module, LI) else last.module
    if type(readout) is not LIFLayer:
        yield f"{who(last.path, last.module)}: expected LI or LIFLayer as readout"
        return
    more = more_than_a_leak(readout) + ["a hard reset"] * (readout.reset == "hard")
    if more:
        yield (
            f"{who(last.path, last.module)}: expected a readout that only leaks, with one beta, "
            f"got {'; '.join(more)}"
        )
    if len(stages) > 2 and feedback == "symmetric":
        yield (
            f"expected one layer of neurons before the readout for symmetric feedback, got "
            f"{len(stages) - 1}; feedback='random' reaches all of them"
        )


def _leak(readout: Any) -> float:
    layer = readout.integrator if isinstance(readout, LI) else readout
    value = one_value(layer.params().beta)
    assert value is not None
    return value
