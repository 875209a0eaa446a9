# SPDX-License-Identifier: Apache-2.0
"""Fixed delays in whole ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.neurons.shapes import broadcast, shape_of
from spikesim.nn.time.stateful import Stateful


class Delay(Stateful):
    """What came in some ticks ago, and 0 before that.

    Parameters
    ----------
    ticks : int, or int array, ticks
        0 or more: one number for all, one per channel (the first axis of a shape of several), or
        one per neuron.
    shape : int or sequence of int, optional
        Axes of the input of a tick, as of `LIFLayer`. Without it any input is taken, and an array
        stands for the last axis.

    Raises
    ------
    ValidationError
        If delays are negative or no whole numbers, an array does not fit the shape, or for input
        or a state of another shape or type.

    Notes
    -----
    The state is the input of the last ``ticks.max()`` ticks, oldest first.

    Examples
    --------
    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1).expand(4, 1, 2)
    >>> Delay([0, 2])(x)[:, 0].tolist()
    [[1.0, 0.0], [2.0, 0.0], [3.0, 1.0], [4.0, 2.0]]
    """

    ticks: Tensor

    def __init__(
        self,
        ticks: int | Sequence[int] | np.ndarray,
        shape: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        given = np.asarray(ticks)
        if given.dtype.kind not in "iu" or (given < 0).any():
            raise ValidationError(
                f"Delay: expected whole numbers of ticks, 0 or more, got {ticks!r}"
            )
        self.shape = shape_of(shape, {"ticks": given}, "Delay")
        spread = np.array(broadcast("ticks", given, self.shape, "Delay"), dtype=np.int64)
        self.register_buffer("ticks", torch.from_numpy(spread))
        self._longest = self.longest

    @property
    def longest(self) -> int:
        """Largest delay, in ticks."""
        if torch.compiler.is_compiling():  # the size of a state has to be known to a graph
            return self._longest
        return int(self.ticks.max()) if self.ticks.numel() else 0

    def init(self, x: Tensor) -> Tensor:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        self._expect(x, 1)
        return x.new_zeros(self.longest, *x.shape)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One tick: output for input (B, ...), and the new state."""
        self._expect(x, 1)
        out, after = self.seq(x[None], state)
        return out[0], after

    def seq(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """All ticks: output (T, B, ...) for input (T, B, ...), and the state after the last."""
        self._expect(x, 2)
        longest, n = self.longest, len(x)
        past = x.new_zeros(longest, *x.shape[1:]) if state is None else state
        check_past("Delay", past, x.new_empty(longest, *x.shape[1:]))
        whole = torch.cat([past, x])
        if self.ticks.ndim == 0:
            out = whole[:n]
        else:
            now = torch.arange(n, device=x.device).reshape(-1, *[1] * (x.ndim - 1))
            out = whole.gather(0, (now + (longest - self.ticks)).expand(x.shape))
        return out, whole[n:].clone()  # a view would keep all of the sequence

    def _load_from_state_dict(self, *given: Any) -> None:
        super()._load_from_state_dict(*given)
        self._longest = self.longest

    def extra_repr(self) -> str:
        """Delays, the first and last of many."""
        low, high = (int(self.ticks.min()), self.longest) if self.ticks.numel() else (0, 0)
        shape = "" if self.shape is None else f", shape={self.shape}"
        return f"ticks={low if low == high else f'{low}..{high}'}{shape}"

    def _expect(self, x: Tensor, leading: int) -> None:
        right = x.ndim > leading if self.shape is None else x.shape[leading:] == self.shape
        if right:
            return
        wanted = ", ".join((*("T", "B")[2 - leading :], *map(str, self.shape or ("...",))))
        raise ValidationError(
            f"Delay: expected input of shape ({wanted}), got {tuple(x.shape)}; sequences are for "
            "nn.run, single ticks (B, ...) for nn.step"
        )


def check_past(who: str, past: Tensor, like: Tensor) -> None:
    """Refuse a state that is not of the shape, type and device of ``like``.

    Raises
    ------
    ValidationError
        As said.
    """
    if isinstance(past, Tensor) and (past.shape, past.dtype, past.device) == (
        like.shape,
        like.dtype,
        like.device,
    ):
        return
    got = (
        f"{tuple(past.shape)}, {past.dtype} on {past.device}"
        if isinstance(past, Tensor)
        else type(past).__name__
    )
    raise ValidationError(
        f"{who}: expected a state (ticks, B, ...) of shape {tuple(like.shape)}, {like.dtype} on "
        f"{like.device}, got {got}; begin anew without a state (nn.reset)"
    )
