# SPDX-License-Identifier: Apache-2.0
"""Dense projection of spikes: sums of the weights that events choose, not products with zeros.

Forward and weight gradient add rows of a table that lies in stripes (`kernels.train.event`), as
long as the input is made of 0 and 1, few enough of them that it pays. Everything else is a product
of matrices. Which way is taken changes no bit of exact sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.kernels import train
from spikesim.nn.arithmetic import exact as exact_sums
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.memory import empty

_DENSE = {True: 0.7, False: 0.35}
"""Share of ones above which matrices are multiplied, for exact sums (float64) and for plain ones.
One number and no hysteresis: at the border both ways take the same time.

Measured, 3200 x 784 by 784 x 1000, float32, forward, ms: events 3.2, 8.4, 13.8, 43, 66 at 1, 5, 10,
30 and 50 %; exact product 135, plain product 60.
"""
_WORD = 64
_HIGH = 2048
"""Rows of which a stripe of integers stays in the second cache, beside the sums of a stripe."""
_KINDS = (torch.float32, torch.float64)


def event_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, exact: bool = True
) -> Tensor:
    """``torch.nn.functional.linear(x, weight, bias)``, made for spikes; operator of torch.

    Parameters
    ----------
    x : float tensor, shape (..., n_in)
        Spikes; anything else is right too, and as slow as any product.
    weight : float tensor, shape (n_out, n_in)
    bias : float tensor, shape (n_out,), optional
    exact : bool
        Sums without rounding, of weights with 24 bits of the largest
        (`spikesim.nn.arithmetic.exact`): the same bits on every machine and on every way they are
        made, forward and backward.
        Otherwise weights as they are, and sums in their type.

    Returns
    -------
    float tensor, shape (..., n_out)

    Raises
    ------
    ValidationError
        For shapes that do not fit, or several types, or where ``backend("numba")`` is asked for
        and there is no kernel for the kind of input.

    Examples
    --------
    >>> event_linear(torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[0.5, 8.0, 0.25]])).item()
    0.75
    """
    kinds = {one.dtype for one in (x, weight, bias) if one is not None}
    fits = weight.ndim == 2 and x.ndim and x.shape[-1] == weight.shape[1]
    if not fits or (bias is not None and bias.shape != weight.shape[:1]) or len(kinds) > 1:
        shapes = tuple(x.shape), tuple(weight.shape), None if bias is None else tuple(bias.shape)
        raise ValidationError(
            f"event_linear: expected x (..., n_in), weight (n_out, n_in) and bias (n_out,) of one "
            f"type, got {shapes[0]}, {shapes[1]} and {shapes[2]} of "
            f"{', '.join(sorted(map(str, kinds)))}; convert one with .to(...)"
        )
    flat = x.flatten(0, -2) if x.ndim > 1 else x[None]
    keep = torch.is_grad_enabled() and weight.requires_grad and _suited(flat, weight)
    out: Tensor
    out, _ = torch.ops.spikesim.event_linear(flat, weight, bias, exact, keep)
    return out.reshape(*x.shape[:-1], weight.shape[0])


@dataclass(frozen=True)
class EventLists:
    """Where a matrix is not 0, row after row, and whether there is nothing but 0 and 1 in it."""

    index: np.ndarray
    begin: np.ndarray
    spikes: bool

    @property
    def n_events(self) -> int:
        """How many there are."""
        return int(self.begin[-1])

    def bits(self, n: int) -> Tensor:
        """Give them as bits, of ``n`` columns; none where there is anything but 0 and 1.

        Behind them, whether there are.
        """
        words = -(-n // _WORD)
        bits = torch.empty(words * (len(self.begin) - 1) + 1, dtype=torch.int64)
        bits[-1] = self.spikes
        if self.spikes:
            of_rows = _flat(bits)[:-1].view(np.uint64)
            train.event.bits_of_lists(self.begin, self.index, words, of_rows)
        return bits

    @classmethod
    def of(cls, x: Tensor, bits: Tensor | None = None) -> EventLists:
        """List the events of a contiguous matrix on the CPU, of its bits where they are known."""
        begin = np.empty(len(x) + 1, np.int64)
        index = np.empty(x.numel(), np.int32)  # memory that is not written to is none
        if bits is None or not bits.numel() or not bits[-1]:
            return cls(index, begin, train.event.list_events(_flat(x), x.shape[1], begin, index))
        of_rows = _flat(bits)[:-1].view(np.uint64)
        train.event.lists_of_bits(of_rows, -(-x.shape[1] // _WORD), begin, index)
        return cls(index, begin, True)


class Stripes(NamedTuple):
    """A matrix in stripes."""

    entries: np.ndarray
    height: int
    width: int
    unit: float

    def sums(self, events: EventLists, dtype: torch.dtype, x: Tensor | None = None) -> Tensor:
        """Sum the rows that each list names, times the entries of ``x``: a matrix (lists, width).

        Without ``x``, entries are ones.
        """
        out = empty((len(events.begin) - 1, self.width), dtype)
        kind = self.entries.dtype
        part = np.empty(train.event.lanes_of(kind), kind)
        total = part.astype(np.int64 if kind == np.int32 else kind)
        shape, lists = (self.height, self.width), (events.index, events.begin)
        if x is None:
            train.event.event_sums(self.entries, *shape, *lists, self.unit, part, total, _flat(out))
        else:
            train.event.scaled_sums(self.entries, *shape, _flat(x), *lists, part, total, _flat(out))
        return out


def table_of(matrix: Tensor, *, exact: bool) -> Stripes | None:
    """Lay a matrix (height, width) in stripes, for exact sums as multiples of a power of two.

    None where a kernel cannot do as `spikesim.nn.arithmetic.exact` does: for entries that are not
    finite, or are far from 1.
    """
    height, width = matrix.shape
    values = _flat(matrix.contiguous())
    scale, kind = 1.0, values.dtype
    if exact:
        scale, kind = _scale(matrix), np.dtype(np.int32)
        if not scale:
            return None
    stripes = train.event.table_for(height, width, kind)
    row = np.zeros(train.event.lanes_of(kind), values.dtype)
    train.event.stripes_of(values, height, width, scale, row, stripes)
    return Stripes(stripes, height, width, 1.0 / scale)


def _scale(matrix: Tensor) -> float:
    """As of `event.integers_of`."""
    low, high = matrix.detach().aminmax()
    return float(train.event.integers_of(max(-float(low), float(high))))


def _flat(x: Tensor) -> np.ndarray:
    values: np.ndarray = x.detach().numpy().reshape(-1)
    return values


def _suited(*tensors: Tensor) -> bool:
    """Whether kernels are wanted and know the kind of these."""
    known = all(
        one.device.type == "cpu" and one.dtype in _KINDS and one.numel() > 0 for one in tensors
    )
    return known and chosen_backend() != "reference"


def _pay(events: EventLists, x: Tensor, *, exact: bool) -> bool:
    few = events.n_events <= _DENSE[exact] * x.numel() or chosen_backend() == "numba"
    return events.spikes and few


def way_of(x: Tensor, weight: Tensor, *, exact: bool = True) -> str:
    """Say which way `event_linear` takes forward, and why.

    Examples
    --------
    >>> way_of(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.ones(2, 4))
    'weights of spikes added (25.0 % of the input)'
    >>> way_of(torch.tensor([[0.5, 0.0]]), torch.ones(2, 2))
    'matrices multiplied, since the input is other than 0 and 1'
    """
    if not _suited(x, weight):
        return "matrices multiplied, since there is no kernel for its kind, or none is wanted"
    events = EventLists.of(x.detach().flatten(0, -2).contiguous())
    share = f"{events.n_events / x.numel():.1%}".replace("%", " %")
    if not events.spikes:
        way = "weights of entries added" if not exact else "matrices multiplied"
        return f"{way}, since the input is other than 0 and 1"
    if exact and not _pay(events, x, exact=True):
        return f"matrices multiplied, since spikes are many ({share} of the input)"
    if exact and not table_of(weight.detach().T, exact=True):
        return "matrices multiplied, since weights are not of usual size"
    return f"weights of spikes added ({share} of the input)"


def _refuse_if_asked() -> None:
    """Raise, where matrices are about to be multiplied though a kernel was asked for."""
    if chosen_backend() == "numba":
        raise ValidationError(
            "event_linear: expected spikes (0 and 1, float32 or float64, on the CPU) and weights "
            'or gradients of usual size for a compiled kernel, got others; backend("auto") '
            "multiplies matrices there"
        )


@torch.library.custom_op("spikesim::event_linear", mutates_args=())
def _event_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, exact: bool, keep: bool
) -> tuple[Tensor, Tensor]:
    """Give the sums; and bits of the input, if they are to be kept, which going back reads."""
    x = x.contiguous()
    events = EventLists.of(x) if _suited(x, weight) else None
    out = _product(x, events, weight, exact=exact)
    out = out if bias is None else out.add_(bias)
    if keep and events is not None:
        return out, events.bits(x.shape[1])
    return out, torch.zeros(_bits(x, keep=keep), dtype=torch.int64, device=x.device)


def _product(x: Tensor, events: EventLists | None, weight: Tensor, *, exact: bool) -> Tensor:
    if events is not None:
        if not exact:  # whatever x is, so that a row of the result depends on no other row
            table = table_of(weight.T, exact=False)
            assert table is not None
            return table.sums(events, x.dtype, None if events.spikes else x)
        if _pay(events, x, exact=True) and (table := table_of(weight.T, exact=True)):
            return table.sums(events, x.dtype)
    _refuse_if_asked()
    return exact_sums.linear(x, weight) if exact else x @ weight.T


def _bits(x: Tensor, *, keep: bool) -> int:
    """How many words `EventLists.bits` takes for a matrix."""
    return -(-x.shape[1] // _WORD) * x.shape[0] + 1 if keep else 0


@_event_linear.register_fake
def _(
    x: Tensor, weight: Tensor, bias: Tensor | None, exact: bool, keep: bool
) -> tuple[Tensor, Tensor]:
    out = x.new_empty(x.shape[0], weight.shape[0])
    return out, x.new_empty(_bits(x, keep=keep), dtype=torch.int64)


@torch.library.custom_op("spikesim::event_linear_backward", mutates_args=())
def _backward(
    grad: Tensor, x: Tensor, bits: Tensor, weight: Tensor, exact: bool, for_x: bool,
    for_weight: bool, for_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    found = [grad.new_empty(0) for _ in range(3)]
    grad = grad.contiguous()
    if for_x:
        found[0] = _input_gradient(grad, weight) if exact else grad @ weight
    if for_weight:
        found[1] = weight_gradient(grad, x.contiguous(), exact=exact, bits=bits)
    if for_bias:
        found[2] = exact_sums.summed(grad, weight.shape[:1]) if exact else grad.sum(0)
    return found[0], found[1], found[2]


class Panels(NamedTuple):
    """A float64 matrix in stripes of `event_rows.PANEL` columns, with zeros up to whole ones."""

    entries: np.ndarray
    high: int
    wide: int

    @classmethod
    def of(cls, matrix: Tensor, rows: int) -> Panels:
        """Lay a matrix so; ``rows`` are those that are to be multiplied by it."""
        panel = train.event.PANEL
        sizes = zip((rows, matrix.shape[1]), panel, strict=True)
        high, wide = (-(-size // whole) * whole for size, whole in sizes)
        full = torch.nn.functional.pad(matrix, (0, wide - matrix.shape[1]))
        striped = full.reshape(len(matrix), -1, panel[1]).transpose(0, 1).contiguous()
        return cls(_flat(striped), high, wide)


def _input_gradient(grad: Tensor, weight: Tensor) -> Tensor:
    """`exact.linear_input_gradient`, rounded as the sums leave the registers."""
    if not _suited(grad, weight):
        return exact_sums.linear_input_gradient(grad, weight)
    rows, terms = grad.shape
    bits = exact_sums.half_bits(terms)
    panels = Panels.of(exact_sums.on_grid(weight, bits[1]), rows)
    grid = exact_sums.on_grid(grad, bits[0])
    if panels.high > rows:
        grid = torch.nn.functional.pad(grid, (0, 0, 0, panels.high - rows))
    out = empty((panels.high, panels.wide), grad.dtype)
    train.event.panel_sums(panels.entries, terms, _flat(grid), panels.high, _flat(out), panels.wide)
    if out.shape == (rows, weight.shape[1]):
        return out
    return empty((rows, weight.shape[1]), grad.dtype).copy_(out[:rows, : weight.shape[1]])


def weight_gradient(grad: Tensor, x: Tensor, *, exact: bool, bits: Tensor | None = None) -> Tensor:
    """Gradient (n_out, n_in) of the weight, for that of the output (m, n_out).

    ``bits`` : of ``x``, where they are known, as of `EventLists.bits`.
    """
    if _suited(x, grad):
        events = EventLists.of(x, bits)
        if _pay(events, x, exact=exact):
            by_events = _exact_gradient if exact else _plain_gradient
            if (found := by_events(grad, events, x.shape[1])) is not None:
                return found
    _refuse_if_asked()
    return exact_sums.linear_weight_gradient(grad, x).contiguous() if exact else grad.T @ x


def _plain_gradient(grad: Tensor, events: EventLists, n_in: int) -> Tensor:
    rows, begin = np.empty(events.n_events, np.int32), np.empty(n_in + 1, np.int64)
    train.event.turn_lists(events.begin, events.index, begin, rows)
    table = table_of(grad, exact=False)
    assert table is not None
    return table.sums(EventLists(rows, begin, True), grad.dtype).T.contiguous()


def _exact_gradient(grad: Tensor, events: EventLists, n_in: int) -> Tensor | None:
    """Gradient of events; None as of `table_of`."""
    if not (scale := _scale(grad)):
        return None
    height, width = grad.shape
    lanes = train.event.lanes_of(np.int32)
    high = min(height, _HIGH)
    part = np.empty(lanes, np.int32)
    sums = torch.zeros(-(-width // lanes), n_in, lanes, dtype=torch.float64)
    train.event.turned_sums(
        _flat(grad), width, scale, events.index, events.begin, np.empty(events.n_events, np.int32),
        np.empty((-(-height // high), n_in + 1), np.int64), np.zeros(lanes, _flat(grad).dtype),
        train.event.table_for(high, 1, np.int32), part, part.astype(np.int64),
        sums.numpy().reshape(len(sums), -1),
    )  # fmt: skip
    return columns_of(sums, width, grad.dtype)


def columns_of(stripes: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Turn a matrix (height, width) that lies in stripes, shape (stripes, height, lanes)."""
    turned = stripes.to(dtype).transpose(1, 2)
    return turned.reshape(-1, stripes.shape[1])[:width]


@_backward.register_fake
def _(
    grad: Tensor, x: Tensor, bits: Tensor, weight: Tensor, exact: bool, for_x: bool,
    for_weight: bool, for_bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return (
        x.new_empty(x.shape) if for_x else grad.new_empty(0),
        weight.new_empty(weight.shape) if for_weight else grad.new_empty(0),
        grad.new_empty(weight.shape[0] if for_bias else 0),
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, _, ctx.exact, _ = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, output[1], weight)


def _gradients(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    x, bits, weight = ctx.saved_tensors
    needs = ctx.needs_input_grad[:3]
    found = torch.ops.spikesim.event_linear_backward(grad, x, bits, weight, ctx.exact, *needs)
    return (*(one if asked else None for one, asked in zip(found, needs, strict=True)), None, None)


_event_linear.register_autograd(_gradients, setup_context=_keep)
