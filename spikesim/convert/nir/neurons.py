# SPDX-License-Identifier: Apache-2.0
"""Neurons of NIR as the canonical neuron: constants per tick, reset and comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from spikesim import nn
from spikesim.convert.nir.modules import spread
from spikesim.convert.nir.report import NodeReading, shown
from spikesim.convert.nir.tree import Graph, Node
from spikesim.convert.nir.writers import Method, Recognized, Values
from spikesim.errors import ValidationError

T = TypeVar("T")

#: What ``reset=`` takes.
RESETS = ("hard", "soft", "none", "subtract", "zero")
SURROGATES = {kind.__name__: kind for kind in (
    nn.ATan, nn.FastSigmoid, nn.Triangle, nn.Sigmoid, nn.Boxcar)}  # fmt: skip
_FIRING = ("IF", "LIF", "CubaLIF", "Threshold")
_ROUNDINGS = 8
"""Steps of the file's own type that a product of five rounded numbers may be off."""
_CHANGED = 1e-5
"""Relative: beyond, constants of our metadata and of the node are not the same number."""


@dataclass(frozen=True)
class Options:
    """What was asked for; None leaves it to the writer and its file."""

    method: Method
    resets: Mapping[str, str]
    strict: bool | None
    v_init: float | None
    norm_input: bool | None


@dataclass(frozen=True)
class _Constants:
    beta: np.ndarray
    alpha: np.ndarray
    gain: np.ndarray
    bias: np.ndarray


class NeuronReader:
    """Makes layers of nodes, and keeps how each was read.

    Attributes
    ----------
    readings : list of NodeReading
    problems : list of str
        Everything that cannot be read, or in two ways.
    """

    def __init__(
        self, graph: Graph, by: Recognized, options: Options, shapes: Mapping[str, tuple[int, ...]]
    ) -> None:
        self.graph, self.by, self.options, self.shapes = graph, by, options, shapes
        self.readings: list[NodeReading] = []
        self.problems: list[str] = []
        self.looped: set[str] = set()

    def module(self, node: Node) -> torch.nn.Module:
        """Give the layer of a node; Identity where there is a problem."""
        try:
            return self._module(node, self.shapes[node.name])
        except ValidationError as error:
            texts: tuple[str, ...] = error.problems
        except ValueError as error:
            texts = (str(error),)
        self.problems += [f"{self.graph.who}: {node.who}: {text}" for text in texts]
        return torch.nn.Identity()

    def _module(self, node: Node, shape: tuple[int, ...]) -> torch.nn.Module:
        if node.kind == "Threshold":
            return self._threshold(node, shape)
        values = {key: spread(node.array(key), shape) for key in node.values}
        notes = self.by.writer.corrected(node.kind, values, self.by.dt)
        fires = node.kind in _FIRING
        problems: list[str] = []
        found = _tried(problems, self._constants, node, values)
        given: dict[str, Any] = {} if found is None else vars(found).copy()
        given["v_init"] = _tried(problems, self._start, node, values)
        if fires:
            beta = np.ones(shape) if found is None else found.beta
            given |= _tried(problems, self._reset, node, values, beta) or {}
            given["strict"] = self._strict(node)
            self._ours(node, given)
        if problems:
            raise ValidationError(problems)
        given["v_th"] = values["v_threshold"] if fires else np.inf
        given.setdefault("reset", "none")
        if fires:
            notes += self.by.writer.warnings
        plain = {key: _single(value) for key, value in given.items()}
        dt = None if self.by.dt == 1.0 else self.by.dt
        layer = nn.LIFLayer(shape, dt=dt, surrogate=_surrogate(node), **plain)
        comparison = (">" if layer.strict else ">=") if fires else "-"
        self._note(node, plain, _in_words(plain) if fires else "-", comparison, notes)
        return layer if fires else nn.LI.of(layer)

    def _threshold(self, node: Node, shape: tuple[int, ...]) -> nn.LIFLayer:
        strict = True if self.options.strict is None else self.options.strict
        v_th = _single(spread(node.array("threshold"), shape))
        layer = nn.LIFLayer(shape, beta=0.0, v_th=v_th, strict=strict, reset="none")
        zero = {"beta": 0.0, "alpha": 0.0, "gain": 1.0, "bias": 0.0, "v_th": v_th}
        self._note(node, zero, "-", ">" if strict else ">=", [])
        return layer

    def _note(
        self, node: Node, values: Mapping[str, Any], reset: str, comparison: str, notes: list[str]
    ) -> None:
        v_th = values["v_th"] if node.kind in _FIRING else None
        beta, alpha, gain, bias = (values[key] for key in ("beta", "alpha", "gain", "bias"))
        self.readings.append(
            NodeReading(
                node.name, node.kind, beta, alpha, gain, bias, v_th, reset, comparison, tuple(notes)
            )
        )

    def _constants(self, node: Node, values: Values) -> _Constants:
        """Constants of a tick; ours where they stand in the metadata."""
        dt = self.by.dt
        zero = np.zeros_like(values["r"])
        if node.kind in ("I", "IF"):
            gain = _one(values["r"] * dt, node)
            return self._exactly(node, _Constants(zero + 1.0, zero, gain, zero))
        key = "tau" if "tau" in values else "tau_mem"
        beta, share = self._decay(key, values[key])
        gain, alpha = values["r"] * share, zero
        if self.by.writer.name == "sinabs":
            gain = self._norm_input(share)
        if "tau_syn" in values:
            alpha, into = self._decay("tau_syn", values["tau_syn"])
            gain = gain * values["w_in"] * into
        gain = _one(gain, node)
        return self._exactly(node, _Constants(beta, alpha, gain, values["v_leak"] * share))

    def _decay(self, key: str, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give what is left after a tick, and the share that is taken in."""
        dt = self.by.dt
        if self.options.method == "exact":
            return np.exp(-dt / tau), -np.expm1(-dt / tau)
        if (dt > tau * (1.0 + 1e-6)).any():
            raise ValidationError(
                f"two readings are possible: {key} = {tau.min():g} s is shorter than a tick of "
                f"{dt:g} s, for which Euler's step has no sense; or {key} is in another unit; give "
                "a shorter dt or method='exact' for the first, writer=... for the second"
            )
        share = np.minimum(dt / tau, 1.0)
        return 1.0 - share, share

    def _norm_input(self, share: np.ndarray) -> np.ndarray:
        if self.options.norm_input is None:
            raise ValidationError(
                "two readings are possible: sinabs multiplied the input by 1 - exp(-1/tau), "
                "norm_input=True, its default; or took it as it is, norm_input=False; its files "
                "do not tell: give norm_input=..."
            )
        return share if self.options.norm_input else np.ones_like(share)

    def _exactly(self, node: Node, found: _Constants) -> _Constants:
        if not self._is_ours(node):
            return found
        exact = {}
        for key, value in vars(found).items():
            ours = np.broadcast_to(np.asarray(node.metadata.get(key, value), float), value.shape)
            if not np.allclose(ours, value, rtol=_CHANGED, atol=_CHANGED):
                raise ValidationError(
                    f"two readings are possible: {key} {value.flat[0]:g} of its fields, or "
                    f"{np.ravel(ours)[0]:g} of our metadata; the node was changed after it was "
                    "written: give writer='nir' for the first, or write it anew"
                )
            exact[key] = ours
        return _Constants(**exact)

    def _start(self, node: Node, values: Values) -> Any:
        if self.options.v_init is not None:
            return self.options.v_init
        if "v_leak" in values:
            return values["v_leak"]
        if node.kind == "IF" and np.any(values["v_reset"]) and not self._is_ours(node):
            if self.by.writer.name == "spikingjelly":
                return values["v_reset"]
            raise ValidationError(
                "two readings are possible: the membrane starts at 0, or at v_reset = "
                f"{values['v_reset'].flat[0]:g}; give v_init=..."
            )
        return 0.0

    def _strict(self, node: Node) -> bool:
        return self.by.writer.strict if self.options.strict is None else self.options.strict

    def _reset(self, node: Node, values: Values, beta: np.ndarray) -> dict[str, Any]:
        """Fields of a layer that say what a spike does."""
        asked = self.options.resets.get(node.name) or self.options.resets.get("")
        words = self.by.writer.resets
        if asked is None and self._is_ours(node):
            asked = node.metadata.get("reset", "hard")
        if asked is None and len(words) == 1:
            asked = words[0]
        if asked is None:
            raise ValidationError(_which_reset(self.by.writer.name))
        v_th = values["v_threshold"]
        given: dict[str, Any] = {"reset": {"zero": "hard", "subtract": "soft"}.get(asked, asked)}
        if asked == "hard":
            given["v_reset"] = values["v_reset"]
        elif asked == "zero" and (node.kind == "CubaLIF" or node.name in self.looped):
            # The membrane is zeroed a step late, and the input of that step with it.
            given["refractory_ticks"] = 1
        elif asked == "soft":
            given["reset_amount"] = v_th
        elif asked == "subtract":
            if (beta == 0.0).any():
                raise ValidationError(
                    "expected beta above 0 with reset='subtract', which subtracts a step late, got "
                    "0; give reset='soft'"
                )
            given["reset_amount"] = v_th / beta
        return given

    def _ours(self, node: Node, given: dict[str, Any]) -> None:
        """Take what only our metadata tells."""
        if not self._is_ours(node):
            return
        for key in ("reset_amount", "refractory_ticks", "refractory", "v_floor", "v_init"):
            if key in node.metadata and not (key == "v_init" and self.options.v_init is not None):
                value = node.metadata[key]
                if not isinstance(value, str):
                    value = np.broadcast_to(np.asarray(value), self.shapes[node.name])
                given[key] = value
        if self.options.strict is None:
            given["strict"] = bool(node.metadata.get("strict", True))

    def _is_ours(self, node: Node) -> bool:
        return self.by.writer.name == "spikesim" and bool(node.metadata)


def _tried(problems: list[str], read: Callable[..., T], *args: Any) -> T | None:
    """Give what a function reads; its problems, where it cannot, and None."""
    try:
        return read(*args)
    except ValidationError as error:
        problems += error.problems
        return None


def _which_reset(writer: str) -> str:
    if writer == "snntorch":
        return (
            "several readings are possible: its files do not tell the reset, which subtracts the "
            "threshold a step late in Leaky by default, reset='subtract', or zeroes the membrane, "
            "'zero'; with reset_delay=False 'soft' and 'hard'; give reset=..., for one node "
            "reset={name: ...}"
        )
    return (
        f"two readings are possible: {writer} subtracts the threshold by default, reset='soft'; "
        "its files say v_reset, 'hard'; give reset=..., for one node reset={name: ...}"
    )


def _in_words(values: Mapping[str, Any]) -> str:
    """Say what a spike does, for the report."""
    if values["reset"] == "none":
        return "none"
    hard = values["reset"] == "hard"
    text = f"to {shown(values.get('v_reset', 0.0))}" if hard else ""
    text = text or f"by {shown(values['reset_amount'])}"
    ticks = values.get("refractory_ticks", 0)
    return f"{text}, then {values.get('refractory', 'hold')} {shown(ticks)}" if ticks else text


def _single(value: Any) -> Any:
    """Give one number where all are equal."""
    if isinstance(value, np.ndarray) and value.size and (value == value.flat[0]).all():
        return value.flat[0].item()
    return value


def _one(gain: np.ndarray, node: Node) -> np.ndarray:
    """Take for 1 what is 1 but for the rounding of the quotients in the file."""
    fields = [node.values[key] for key in ("r", "tau", "tau_mem") if key in node.values]
    kinds = [np.asarray(value).dtype for value in fields]
    steps = max(float(np.finfo(kind).eps) if kind.kind == "f" else 0.0 for kind in kinds)
    return np.where(np.abs(gain - 1.0) <= _ROUNDINGS * steps, 1.0, gain)


def _surrogate(node: Node) -> Any:
    kind = SURROGATES.get(str(node.metadata.get("surrogate")))
    return None if kind is None else kind(float(node.metadata.get("slope", 1.0)))
