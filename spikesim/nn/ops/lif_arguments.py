# SPDX-License-Identifier: Apache-2.0
"""What the operators of LIF neurons are given, and what of it the kernels get."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan, nan, prod
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from spikesim.kernels.train import kinds
from spikesim.nn.arithmetic.surrogate import surrogate_code
from spikesim.nn.functional import LIFParams, LIFState
from spikesim.nn.ops import memory

_SCRATCH = 1 << 19
"""Bytes that a tile takes through all ticks on the way back; they stay in the second cache."""
TILE = 128, 1024
"""Least and most elements of a tile."""
_PLAIN = kinds.HARD | kinds.SOFT | kinds.STRICT | kinds.DETACH | kinds.JUMPS
"""What a neuron of the plain kernels may have."""


class Neurons(NamedTuple):
    """Arguments of both operators that tell input, state and neurons.

    A constant is a tensor that broadcasts against the shape of a tick, or else the entry of
    ``numbers`` at its place, where nan stands for none.
    """

    x: Tensor
    v: Tensor
    i: Tensor | None
    refr: Tensor | None
    beta: Tensor | None
    alpha: Tensor | None
    gain: Tensor | None
    bias: Tensor | None
    v_th: Tensor | None
    v_reset: Tensor | None
    reset_amount: Tensor | None
    v_floor: Tensor | None
    refractory_ticks: Tensor | None
    numbers: Sequence[float]
    ticks: int
    kind: int
    surrogate: int
    slope: float

    @classmethod
    def of(cls, a: Tensor, params: LIFParams, state: LIFState) -> Neurons:
        """Arguments of input, parameters and state before the first tick.

        Raises
        ------
        AssertionError
            For a surrogate without a code.
        """
        code, surrogate = surrogate_code(params.surrogate), cast(Any, params.surrogate)
        assert code is not None, surrogate
        given = {name: getattr(params, name) for name in (*CONSTANTS, "refractory_ticks")}
        tensors: dict[str, Any] = {
            name: value if isinstance(value, Tensor) else None for name, value in given.items()
        }
        ticks = given.pop("refractory_ticks")
        numbers = [
            nan if value is None or isinstance(value, Tensor) else float(value)
            for value in given.values()
        ]
        return cls(
            a, state.v, state.i, state.refr, **tensors, numbers=numbers,
            ticks=0 if isinstance(ticks, Tensor) else int(ticks), kind=_kind(params),
            surrogate=int(code), slope=float(surrogate.slope),
        )  # fmt: skip

    @property
    def follows_threshold(self) -> bool:
        """Whether the amount of a soft reset is the threshold."""
        amount = self.numbers[CONSTANTS.index("reset_amount")]
        return bool(self.kind & kinds.SOFT) and self.reset_amount is None and isnan(amount)

    @property
    def plain(self) -> bool:
        """Whether the plain kernels do: numbers for all, and no gradient through the reset."""
        attached = self.kind & (kinds.HARD | kinds.SOFT) and not self.kind & kinds.DETACH
        several = any(tensor is not None for tensor in self[4:13])
        return not (attached or several or self.kind & ~_PLAIN)

    def state(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give copies of membranes, currents and refractory ticks, which kernels may change."""
        none = self.x.new_empty(0)
        parts = (self.v, none if self.i is None else self.i, self.refr)
        v, i, refr = (
            none.to(torch.int32) if part is None else fresh(part.detach()) for part in parts
        )
        return v, i, refr

    def constants(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows ``kinds.BETA`` … per neuron, or one number for all, and refractory ticks."""
        shape = tuple(self.x.shape[2:])
        several = any(tensor is not None for tensor in self[4:13])
        values: dict[str, Any] = dict(zip(CONSTANTS, self.numbers, strict=True))
        for name in CONSTANTS:
            if (tensor := getattr(self, name)) is not None:
                values[name] = _spread(tensor, shape)
        if self.bias is None and values["bias"] == 0.0:
            values["bias"] = -0.0
        if self.kind & kinds.SOFT:
            jump: Any = -np.asarray(values["v_th" if self.follows_threshold else "reset_amount"])
        else:
            jump = values["v_reset"] if self.kind & kinds.JUMPS else -0.0
        floor = values["v_floor"] if self.kind & kinds.FLOORED else -inf
        rows = np.empty((7, prod(shape) if several else 1), kind_of(self.x))
        for row, value in zip(
            (kinds.BETA, kinds.ALPHA, kinds.GAIN, kinds.BIAS, kinds.V_TH, kinds.JUMP, kinds.FLOOR),
            (*(values[name] for name in CONSTANTS[:5]), jump, floor),
            strict=True,
        ):
            rows[row] = value
        own = self.refractory_ticks
        ticks = np.array([self.ticks] if own is None else _spread(own, shape), np.int32)
        return rows, ticks

    def plain_numbers(self) -> tuple[Any, ...]:
        """Constants as the plain kernels take them."""
        beta, _, gain, bias, v_th, jump, _ = self.constants()[0][:, 0]
        one, zero = kind_of(self.x)(1.0), kind_of(self.x)(0.0)
        hard = one if self.kind & kinds.HARD else zero
        return beta, gain, bias, v_th, jump, hard, zero if self.kind & kinds.STRICT else one

    def places(self, needed: Sequence[bool]) -> np.ndarray:
        """Row of the sums for each of what is learned, or -1."""
        places = np.where(needed, np.cumsum(needed) - 1, -1).astype(np.int64)
        if self.follows_threshold:
            places[kinds.LEARNED.index("reset_amount")] = places[kinds.LEARNED.index("v_th")]
        return places

    def tile(self, rows: int) -> int:
        """Elements whose ``rows`` values of every tick fit into the scratch."""
        fitting = _SCRATCH // max(1, rows * self.x.shape[0] * self.x.itemsize) // 64 * 64
        return int(min(max(fitting, TILE[0]), TILE[1]))


CONSTANTS = Neurons._fields[4:12]
LEARNED = [Neurons._fields.index(name) for name in kinds.LEARNED]
ARGUMENTS = (
    "Tensor x, Tensor v, Tensor? i, Tensor? refr, "
    + ", ".join(f"Tensor? {name}" for name in (*CONSTANTS, "refractory_ticks"))
    + ", float[] numbers, int ticks, int kind, int surrogate, float slope"
)


def _kind(params: LIFParams) -> int:
    moved = isinstance(params.v_reset, Tensor) or params.v_reset != 0.0
    parts = {
        kinds.HARD: params.reset == "hard",
        kinds.SOFT: params.reset == "soft",
        kinds.STRICT: params.strict,
        kinds.DETACH: params.detach_reset,
        kinds.CURRENT: params.has_current,
        kinds.HOLD: params.has_refractory and params.refractory == "hold",
        kinds.GATE: params.has_refractory and params.refractory == "gate",
        kinds.FLOORED: params.v_floor is not None,
        kinds.JUMPS: params.reset == "hard" and moved,
    }
    return sum(bit for bit, on in parts.items() if on)


def _spread(tensor: Tensor, shape: Sequence[int]) -> np.ndarray:
    array: np.ndarray = np.broadcast_to(tensor.detach().numpy(), tuple(shape)).reshape(-1)
    return array


def fresh(tensor: Tensor) -> Tensor:
    """Copy that lies in one piece."""
    return memory.empty(tensor.shape, tensor.dtype).copy_(tensor)


def kind_of(x: Tensor) -> Any:
    """Type of NumPy, which makes numbers of it."""
    return np.float64 if x.dtype == torch.float64 else np.float32


def rows(x: Tensor) -> np.ndarray:
    """Array of shape (T, elements of a tick); a view where the tensor lies in one piece."""
    array: np.ndarray = x.detach().contiguous().numpy()
    return array.reshape(len(array), prod(array.shape[1:]))


def flat(x: Tensor) -> np.ndarray:
    """View of a tensor that lies in one piece, shape (elements,)."""
    array: np.ndarray = x.detach().numpy().reshape(-1)
    return array
