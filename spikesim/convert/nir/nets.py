# SPDX-License-Identifier: Apache-2.0
"""Graphs of modules as nets: without loops what `nn.export` can read, with loops one module."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikesim import nn
from spikesim.convert.nir.report import NIRReport
from spikesim.errors import ValidationError
from spikesim.nn.time.running import from_rest
from spikesim.nn.time.stateful import RUNNING

#: What stands for the input of the net among sources.
INPUT = ""


@dataclass(frozen=True)
class Wired:
    """A module in a graph.

    Attributes
    ----------
    name : str
        Of the module in the net.
    sources : tuple of str
        Places whose outputs are added up to its input, `INPUT` among them; and those of the tick
        before.
    last : tuple of str
    shape : tuple of int
        Axes of its output, without batch.
    """

    name: str
    sources: tuple[str, ...]
    last: tuple[str, ...]
    shape: tuple[int, ...]


class NIRGraphNet(nn.SpikingNet):
    """Modules in a graph without loops; a call is an `nn.run` from rest over (T, B, ...).

    Parameters
    ----------
    modules : mapping of str to torch.nn.Module
    wired : sequence of Wired
        Each behind its sources.
    outputs : mapping of str to str
        Modules whose output the net gives: one as a tensor, several as a dict with these keys.
    """

    report: NIRReport
    input_shape: tuple[int, ...]

    def __init__(
        self,
        modules: Mapping[str, torch.nn.Module],
        wired: Sequence[Wired],
        outputs: Mapping[str, str],
    ) -> None:
        super().__init__(OrderedDict(modules))
        self.wired, self.outputs = tuple(wired), dict(outputs)

    def forward(self, x: Any) -> Any:
        """Output (T, B, ...) for input (T, B, ...), from rest; within a run, what that asks for."""
        running = RUNNING.now
        if running is None:
            return from_rest(self, x)
        values = {INPUT: x}
        for one in self.wired:
            total = values[one.sources[0]]
            for name in one.sources[1:]:
                total = total + values[name]
            module = self._modules[one.name]
            assert module is not None
            values[one.name] = running.through(module, total) if running.whole else module(total)
        return _given(values, self.outputs)

    def layer_spikes(self, x: Tensor) -> list[Tensor]:
        """Refuse what is for rows of layers."""
        raise ValidationError(
            "NIRGraphNet: expected a row of layers, got a graph with branches; take what its "
            "outputs give, nn.run(net, x)"
        )


class NIRLoopNet(nn.Stateful):
    """Modules in a graph with loops, run tick by tick; some take what others gave a tick before.

    The state is that of every module, and those outputs.

    Parameters
    ----------
    modules, wired, outputs
        As of `NIRGraphNet`.
    """

    report: NIRReport
    input_shape: tuple[int, ...]

    def __init__(
        self,
        modules: Mapping[str, torch.nn.Module],
        wired: Sequence[Wired],
        outputs: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.nodes = torch.nn.ModuleDict(modules)
        self.wired, self.outputs = tuple(wired), dict(outputs)

    def init(self, x: Tensor) -> dict[str, dict[str, Any]]:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        kept = {name for one in self.wired for name in one.last}
        last = {one.name: x.new_zeros(len(x), *one.shape) for one in self.wired if one.name in kept}
        if INPUT in kept:
            last[INPUT] = torch.zeros_like(x)
        return {"modules": dict.fromkeys(self.nodes), "last": last}

    def step(
        self, x: Tensor, state: Mapping[str, Mapping[str, Any]]
    ) -> tuple[Any, dict[str, dict[str, Any]]]:
        """One tick: output for input (B, ...), and the new state."""
        values, states = {INPUT: x}, dict(state["modules"])
        for one in self.wired:
            terms = [values[name] for name in one.sources]
            terms += [state["last"][name] for name in one.last]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            values[one.name], states[one.name] = nn.step(
                self.nodes[one.name], total, states[one.name]
            )
        last = {name: values[name] for name in state["last"]}
        return _given(values, self.outputs), {"modules": states, "last": last}


def _given(values: Mapping[str, Any], outputs: Mapping[str, str]) -> Any:
    if len(outputs) == 1:
        (source,) = outputs.values()
        return values[source]
    return {name: values[source] for name, source in outputs.items()}
