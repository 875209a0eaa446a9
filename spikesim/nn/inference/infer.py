# SPDX-License-Identifier: Apache-2.0
"""Inference with small batches: a whole net over a whole sequence in one call of a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.kernels import train
from spikesim.nn.arithmetic.exact import spike_bits
from spikesim.nn.functional import LIFParams, LIFState, lif_check
from spikesim.nn.graph.tracing import HOOKS
from spikesim.nn.inference.chain import Stage, chain
from spikesim.nn.layers.network import Linear
from spikesim.nn.neurons.lif import LIFLayer
from spikesim.nn.ops.event_linear import table_of
from spikesim.nn.ops.infer import infer_seq
from spikesim.nn.time.running import NetState
from spikesim.nn.time.stateful import hooked

_KINDS = (torch.float32, torch.float64)
_PROBES = 1000
"""Values of a tensor to look at: all would take a fifth of the time of a run of 25 ticks."""


class Inference:
    """A row of `Linear` and `LIFLayer`, made ready to answer quickly.

    Spikes and states are those of ``nn.run(net, x, state)`` to the bit, without a gradient; on the
    CPU, in one thread. The net is read anew where a module or a mode of it is another, torch
    counted a change of a parameter, or one of some 1000 values of each, its extremes among them, is
    another: so ``weight.data.clamp_()``, which torch does not count, is seen too. Only who writes
    single values of a large ``weight.data`` has to make it anew.

    Parameters
    ----------
    net : torch.nn.Module
        ``Sequential`` or `SpikingNet`, nested or not, of `Linear` and `LIFLayer` in turn, float32
        or float64; Dropout and Identity are passed over.

    Raises
    ------
    ValidationError
        With every module that does not fit.

    Examples
    --------
    >>> from spikesim import nn
    >>> net = nn.SpikingNet(nn.Linear(2, 3), nn.LIFLayer(3), nn.Linear(3, 1), nn.LIFLayer(1))
    >>> answer = Inference(net)
    >>> spikes, state = answer(torch.ones(25, 1, 2))
    >>> torch.equal(spikes, nn.run(net, torch.ones(25, 1, 2))[0])
    True
    """

    def __init__(self, net: torch.nn.Module) -> None:
        self.net = net
        self._ready()

    @torch.no_grad()
    def __call__(
        self, x: Tensor, state: Mapping[str, Any] | None = None
    ) -> tuple[Tensor, NetState]:
        """Spikes of the last population, and the state; as `nn.run`.

        Parameters
        ----------
        x : float tensor, shape (T, B, n)
            Spikes; other numbers take longer.
        state : mapping, optional
            As this or `nn.run` handed it back; at rest by default.

        Returns
        -------
        spikes : float tensor, shape (T, B, n_out)
        state : dict
            By the path of each `LIFLayer`.

        Raises
        ------
        ValidationError
            For input of another shape or type, or a state of another net, batch or type.
        """
        made = self._made
        if made.seen != self._versions() or any(one.changed() for one in made.probes):
            made = self._ready()
        right = isinstance(x, Tensor) and x.ndim == 3 and x.shape[2] == made.sizes[0]
        if not right or x.dtype != made.dtype or x.device.type != "cpu":
            got = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x)
            raise ValidationError(
                f"Inference: expected input of shape (T, B, {made.sizes[0]}) and {made.dtype} on "
                f"the CPU, got {got}; convert it with .to(...), and give a single sample as "
                "x[:, None]"
            )
        batch = x.shape[1]
        parts = made.rest(batch) if state is None else self._flat(state, x)
        call = torch.ops.spikesim.infer_seq if torch.compiler.is_compiling() else infer_seq
        out, *after = call(
            x, made.sizes, made.stripes, made.units, made.bits, made.constants, made.flags, *parts
        )
        return out, self._split(after, batch)

    def _versions(self) -> list[Any]:
        """Which modules there are, in which modes, and their tensors: where, how often changed."""
        seen: list[Any] = []
        for module in self.net.modules():
            seen.append(module)  # itself: of one that is gone, another may have the number
            if isinstance(module, LIFLayer):
                seen += [module.reset, module.strict, module.refractory]
            for held in (module._parameters, module._buffers):
                seen += [
                    (id(one), one.data_ptr(), -1 if one.is_inference() else one._version)
                    for one in held.values()
                    if one is not None
                ]
        return seen

    @torch.no_grad()
    def _ready(self) -> _Made:
        seen, self._stages = self._versions(), chain(self.net)
        _check(self.net, self._stages)
        linears = [stage.linear for stage in self._stages]
        tables = [table_of(linear.weight.T, exact=True) for linear in linears]
        bad = [stage.path for stage, table in zip(self._stages, tables, strict=True) if not table]
        if bad:
            raise ValidationError(
                f"Inference: expected finite weights, the largest between 1e-30 and 1e35, before "
                f"{', '.join(map(repr, bad))}; look at what training did to them"
            )
        like = linears[0].weight
        params = [stage.lif.params(like) for stage in self._stages]
        columns = [_constants(one, like, lin) for one, lin in zip(params, linears, strict=True)]
        self._made = _Made(
            seen,
            like.dtype,
            [linears[0].in_features, *(linear.out_features for linear in linears)],
            torch.cat([torch.from_numpy(table.entries) for table in tables if table]),
            torch.tensor([table.unit for table in tables if table], dtype=torch.float64),
            spike_bits(linears[0].in_features)[0],
            torch.cat(columns),
            torch.tensor([_flags(p, lin) for p, lin in zip(params, linears, strict=True)]),
            params,
            torch.cat([_full(p.v_init, like, to) for p, to in zip(params, linears, strict=True)]),
            {},
            [_Probe(one) for one in (*self.net.parameters(), *self.net.buffers())],
        )
        return self._made

    def _flat(self, state: Mapping[str, Any], x: Tensor) -> list[Tensor]:
        """States of all layers, one behind the other."""
        paths = [stage.path for stage in self._stages]
        if not isinstance(state, Mapping) or set(state) != set(paths):
            got = sorted(state) if isinstance(state, Mapping) else type(state).__name__
            raise ValidationError(
                f"Inference: expected a state with entries {sorted(paths)}, got {got}; pass what "
                "this or nn.run of the net handed back"
            )
        parts: list[list[Tensor]] = [[], [], []]
        for path, params, n in zip(paths, self._made.params, self._made.sizes[1:], strict=True):
            now = state[path]
            lif_check(now, x.new_empty(x.shape[1], n), params)
            zeros = torch.zeros_like(now.v)
            parts[0].append(now.v.reshape(-1))
            parts[1].append((zeros if now.i is None else now.i).reshape(-1))
            parts[2].append((zeros.int() if now.refr is None else now.refr).reshape(-1))
        return [torch.cat(part) for part in parts]

    def _split(self, parts: list[Tensor], batch: int) -> NetState:
        made = self._made
        shapes = [batch * n for n in made.sizes[1:]]
        v, i, refr = (part.split(shapes) for part in parts)
        state = {}
        for k, (stage, params) in enumerate(zip(self._stages, made.params, strict=True)):
            shape = batch, made.sizes[k + 1]
            state[stage.path] = LIFState(
                v[k].view(shape),
                i[k].view(shape) if params.has_current else None,
                refr[k].view(shape) if params.has_refractory else None,
            )
        return state


class _Probe:
    """Some values of a tensor, read where it lies: changes through ``.data`` have no version."""

    def __init__(self, tensor: Tensor) -> None:
        self._all = tensor.detach().numpy(force=True)
        few = np.arange(0, self._all.size, 1 + self._all.size // _PROBES)
        ends = [self._all.argmin(), self._all.argmax()] if self._all.size else []
        self._index = np.concatenate([few, np.asarray(ends, few.dtype)])
        self._seen = self._now()

    def changed(self) -> bool:
        """Whether one of them is another."""
        return self._now() != self._seen

    def _now(self) -> bytes:
        return self._all.take(self._index).tobytes()


class _Made(NamedTuple):
    """What the kernel reads of a net, and the versions of the tensors it was made of."""

    seen: list[Any]
    dtype: torch.dtype
    sizes: list[int]
    stripes: Tensor
    units: Tensor
    bits: int
    constants: Tensor
    flags: Tensor
    params: list[LIFParams]
    v_init: Tensor
    rests: dict[int, list[Tensor]]
    probes: list[_Probe]

    def rest(self, batch: int) -> list[Tensor]:
        """States before the first tick."""
        if batch not in self.rests:
            v = torch.cat([one.repeat(batch) for one in self.v_init.split(self.sizes[1:])])
            self.rests.clear()
            self.rests[batch] = [v, torch.zeros_like(v), torch.zeros_like(v, dtype=torch.int32)]
        return self.rests[batch]


def _full(value: Tensor | float, like: Tensor, linear: torch.nn.Linear) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype).expand(linear.out_features).contiguous()


def _constants(params: LIFParams, like: Tensor, linear: torch.nn.Linear) -> Tensor:
    kernel = train.infer
    amount = params.v_th if params.reset_amount is None else params.reset_amount
    floor = -torch.inf if params.v_floor is None else params.v_floor
    offset = 0.0 if linear.bias is None else linear.bias
    rows = {
        kernel.OFFSET: offset, kernel.BETA: params.beta, kernel.ALPHA: params.alpha,
        kernel.GAIN: params.gain, kernel.BIAS: params.bias, kernel.V_TH: params.v_th,
        kernel.V_RESET: params.v_reset, kernel.AMOUNT: amount, kernel.FLOOR: floor,
        kernel.LENGTH: params.refractory_ticks,
    }  # fmt: skip
    full = torch.stack([_full(rows[k], like, linear) for k in range(kernel.N_CONSTANTS)])
    lacking = -full.shape[1] % kernel.LANES
    full = torch.nn.functional.pad(full, (0, lacking))
    full[kernel.V_TH, full.shape[1] - lacking :] = torch.inf
    return full.view(len(full), -1, kernel.LANES).transpose(0, 1).reshape(-1)


def _flags(params: LIFParams, linear: torch.nn.Linear) -> list[int]:
    kernel = train.infer
    resets = {"hard": kernel.HARD, "soft": kernel.SOFT, "none": kernel.NO_RESET}
    rows = {
        kernel.OFFSET_FLAG: linear.bias is not None, kernel.CURRENT_FLAG: params.has_current,
        kernel.HOLD_FLAG: params.refractory == "hold", kernel.RESET_FLAG: resets[params.reset],
        kernel.STRICT_FLAG: params.strict,
    }  # fmt: skip
    return [int(rows[k]) for k in range(kernel.N_FLAGS)]


def _check(net: torch.nn.Module, stages: list[Stage]) -> None:
    problems = []
    names = {id(module): name for name, module in net.named_modules()}
    for stage in stages:
        path = names[id(stage.linear)]
        if type(stage.linear) is not Linear or not stage.linear.exact:
            problems.append(
                f"{path!r} is {stage.linear}, whose sums depend on their order; expected an exact "
                "nn.Linear"
            )
        if type(stage.lif) is not LIFLayer:
            problems.append(f"{stage.path!r} is a {type(stage.lif).__name__}; expected LIFLayer")
    problems += [f"{name!r}: {HOOKS}" for name, module in net.named_modules() if hooked(module)]
    if len({id(stage.lif) for stage in stages}) < len(stages):
        problems.append("a LIFLayer comes twice; give each place a layer of its own")
    kinds = {one.dtype for one in net.parameters()}
    if len(kinds) > 1 or not kinds <= set(_KINDS):
        problems.append(
            f"parameters of {', '.join(sorted(map(str, kinds)))}; expected float32 or float64"
        )
    if problems:
        raise ValidationError([f"Inference: {one}" for one in problems])
