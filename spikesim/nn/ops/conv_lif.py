# SPDX-License-Identifier: Apache-2.0
"""Convolution, max-pooling and LIF neurons over all ticks, ``spikesim::conv_pool_lif_seq``.

A few images at a time are taken through all ticks: their currents stay in the cache, no tensor
holds them, and backward computes them again. It keeps the input, a bit for each spike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.kernels import train
from spikesim.kernels.train import kinds
from spikesim.nn.arithmetic.exact import summed
from spikesim.nn.functional import LIFParams, LIFState, lif_init
from spikesim.nn.ops import memory
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.conv import output_shape
from spikesim.nn.ops.conv_images import Geometry, WeightTables, gradients_of, sizes, suited
from spikesim.nn.ops.lif import PAYS, LIFKernels, once_if_constant, why_no_kernel
from spikesim.nn.ops.lif_arguments import ARGUMENTS, LEARNED, Neurons, flat, fresh, rows

_SCRATCH = 1 << 21
"""Bytes that a part of a batch needs in all ticks; they stay in the second cache."""
_CHEAP = 400
"""Products for a current up to which backward makes it again. Measured, T 25, B 64: 8 ms for 14 MB
where it is a sum of 100, 20 ms for 8 MB where it is one of 1200.
"""
_CONVOLUTION = "Tensor weight, Tensor? to_channel, int padding, int pool"


def conv_pool_lif_seq(
    x: Tensor, weight: Tensor, bias: Tensor | None, params: LIFParams,
    state: LIFState | None = None, *, padding: int = 0, pool: int = 2,
) -> tuple[Tensor, LIFState]:  # fmt: skip
    """`lif_seq` of `conv_pool`, with the same bits forward, and no tensor of currents.

    Parameters
    ----------
    x : float tensor, shape (T, B, c_in, height, width)
        Nothing but 0 and 1.
    weight, bias, padding, pool
        As of `conv_pool`.
    params, state
        As of `lif_seq`, for neurons (c_out, out_height, out_width).

    Returns
    -------
    spikes : float tensor, shape (T, B, c_out, out_height, out_width)
    state : LIFState
        After the last tick.

    Raises
    ------
    ValidationError
        For shapes that do not fit, or input that `why_apart` gives a reason against.

    Examples
    --------
    >>> from spikesim.nn.functional import LIFParams
    >>> params = LIFParams(beta=0.5, v_th=9.0)
    >>> spikes, _ = conv_pool_lif_seq(
    ...     torch.ones(1, 1, 1, 34, 66), torch.ones(1, 1, 3, 3), None, params, pool=1)
    >>> int(spikes.sum())
    2048
    """
    shape = output_shape(x, weight, bias, padding, pool)
    problem = why_apart(x, weight, params, math.prod(shape))
    if problem:
        raise ValidationError(
            f"conv_pool_lif_seq: {problem}; give the neurons what conv_pool makes of the input"
        )
    now = lif_init(x.new_zeros(shape[1:]), params) if state is None else state
    neurons = Neurons.of(x, params, now)
    wanted = torch.is_grad_enabled() and any(
        one.requires_grad for one in (weight, bias, *neurons) if isinstance(one, Tensor)
    )
    s, v, i, refr, *_ = torch.ops.spikesim.conv_pool_lif_seq(
        weight, bias, padding, pool, wanted and keeps(weight, pool), *neurons
    )
    return s, LIFState(v, None if now.i is None else i, None if now.refr is None else refr)


def keeps(weight: Tensor, pool: int) -> bool:
    """Whether currents are kept for backward, which takes less time than to compute them again."""
    return math.prod(weight.shape[1:]) * pool * pool > _CHEAP


def why_apart(x: Tensor, weight: Tensor, params: LIFParams, n: int) -> str | None:
    """Why the operator takes no such input of ``n`` currents, in words; None where it does."""
    missing = why_no_kernel(params, x)
    if missing:
        return missing
    if chosen_backend() == "reference":
        return "nn.backend asks for the reference"
    if torch.compiler.is_compiling():
        return "a graph is made before it is known whether the input is made of spikes"
    if not suited(x, weight):
        return "there is no input"
    if n < PAYS and chosen_backend() == "auto":
        return "the input is small"
    spikes = train.conv.all_spikes(flat(x.contiguous()))
    return None if spikes else "the input is not made of spikes"


class _Part(NamedTuple):
    """A few images of a batch in all ticks.

    Attributes
    ----------
    images : slice
        Of every tick.
    neurons : tuple of int
        First, and last + 1, of a tick.
    rows : slice
        These images in all ticks, among those of all parts.
    ones : uint8 array, shape (images, n_laid)
        Scratch.
    current, gradient : float tensors, shape (images, c_out, out_height, out_width)
    chosen : uint8 tensor
    """

    images: slice
    neurons: tuple[int, int]
    rows: slice
    ones: np.ndarray
    current: Tensor
    gradient: Tensor
    chosen: Tensor


class _Passage:
    """One way through all ticks: sizes, tables and kernels, and scratch for a part of the batch.

    Parameters
    ----------
    current, chosen : tensors, shape (T * B, c_out, out_height, out_width)
        Currents and which pixel each is of, part after part; scratch, if they have no elements.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, padding: int, pool: int, neurons: Neurons,
        image: Sequence[int], current: Tensor, chosen: Tensor,
    ) -> None:  # fmt: skip
        self.ticks, self.batch = neurons.x.shape[:2]
        g = self.geometry = Geometry(image, weight, padding, pool)
        kept = self._kept = current.numel() > 0
        each = self.ticks * (2 * g.n_laid + (2 - kept) * g.n_out * g.kind.itemsize)
        self._at_a_time = max(1, min(self.batch, _SCRATCH // each))
        most = self.ticks * self._at_a_time
        self._ones = g.bytes(most)
        self._gradient = weight.new_empty(most, *self.out)
        self._current = current if kept else weight.new_empty(most, *self.out)
        self._chosen = (
            chosen
            if kept or pool == 1
            else self._current.new_empty(self._current.shape, dtype=torch.uint8)
        )
        self.tables = WeightTables(g, weight, bias)
        like = weight.new_empty(()).expand(self.ticks, self.batch, *self.out)
        self.kernels = LIFKernels(neurons._replace(x=like))

    @property
    def out(self) -> tuple[int, ...]:
        """Shape of the neurons."""
        return self.geometry.c_out, self.geometry.out_high, self.geometry.out_wide

    def parts(self) -> Iterator[_Part]:
        """Parts of the batch, one after the other in the same scratch."""
        n_out = self.geometry.n_out
        for lo in range(0, self.batch, self._at_a_time):
            hi = min(lo + self._at_a_time, self.batch)
            rows, own = slice(self.ticks * lo, self.ticks * hi), slice(self.ticks * (hi - lo))
            kept = rows if self._kept else own
            yield _Part(
                slice(lo, hi), (lo * n_out, hi * n_out), rows, self._ones[own],
                self._current[kept], self._gradient[own], self._chosen[kept],
            )  # fmt: skip

    def by_tick(self, images: Tensor) -> np.ndarray:
        """Array (T, neurons of a part) of images of a part."""
        return images.view(self.ticks, -1).numpy()


@torch.library.custom_op(
    "spikesim::conv_pool_lif_seq", mutates_args=(),
    schema=f"({_CONVOLUTION}, bool keep, {ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor, "
    "Tensor, Tensor)",
)  # fmt: skip
def _forward(
    weight: Tensor, to_channel: Tensor | None, padding: int, pool: int, keep: bool, *args: Any
) -> tuple[Tensor, ...]:
    """Spikes, state as of `lif_seq`; input in bits, currents and choices, part after part."""
    neurons = Neurons(*args)
    s, bits, current, chosen = (
        memory.empty(shape, kind)
        for shape, kind in _results(neurons.x, weight, padding, pool, keep=keep)
    )
    x = neurons.x.detach().contiguous()
    way = _Passage(weight, to_channel, padding, pool, neurons, x.shape[3:], current, chosen)
    v, i, refr = neurons.state()
    state = flat(v), flat(i), flat(refr)
    for part in way.parts():
        if not way.geometry.lay_spikes(x, part.images, part.ones):
            raise ValidationError(
                "conv_pool_lif_seq: expected input of nothing but 0 and 1; give the neurons what "
                "conv_pool makes of any other"
            )
        bits.numpy()[part.rows] = np.packbits(part.ones, axis=1)
        way.tables.convolve(part.ones, part.current, part.chosen)
        way.kernels.forward(way.by_tick(part.current), state, rows(s), part.neurons)
    return s, v, i, refr, bits, current, chosen


@torch.library.custom_op(
    "spikesim::conv_pool_lif_seq_backward", mutates_args=(),
    schema=f"(Tensor? gs, Tensor? gv, Tensor? gi, Tensor bits, Tensor current, Tensor chosen, "
    f"{_CONVOLUTION}, {ARGUMENTS}, bool[] needed) -> Tensor[]",
)  # fmt: skip
def _backward(
    gs: Tensor | None, gv: Tensor | None, gi: Tensor | None, bits: Tensor, current: Tensor,
    chosen: Tensor, weight: Tensor, to_channel: Tensor | None, padding: int, pool: int, *args: Any,
) -> list[Tensor]:  # fmt: skip
    """Gradients of weight, its bias, x, v, i and ``kinds.LEARNED``; x of ``args`` is a shape."""
    like, (for_weight, for_bias, for_x, for_v, for_i, *for_learned) = args[0], args[-1]
    way = _Passage(
        weight, to_channel, padding, pool, Neurons(*args[:-1]), like.shape[3:], current, chosen
    )
    neurons, g = way.kernels.neurons, way.geometry
    learned: list[Any] = [neurons[k] for k, n in zip(LEARNED, for_learned, strict=True) if n]
    v, i, refr = neurons.state()
    nothing = torch.full_like(v, -0.0)
    gv = fresh(nothing if gv is None else gv)
    gi = i if neurons.i is None else fresh(nothing if gi is None else gi)
    gs = nothing[None] if gs is None else once_if_constant(gs)
    of_x = memory.empty(like.shape if for_x else (0,), weight.dtype)
    of_bias = weight.new_zeros(weight.shape[0] if for_bias else 0)
    sums = memory.empty((len(learned), *v.shape), weight.dtype).fill_(-0.0)
    gradients = gradients_of(like, weight, padding, pool, for_weight=for_weight)
    state, grads = (flat(v), flat(i), flat(refr)), (rows(gs), flat(gv), flat(gi))
    for part in way.parts():
        ones = np.unpackbits(bits.numpy()[part.rows], axis=1, count=g.n_laid)
        if not current.numel():
            way.tables.convolve(ones, part.current, part.chosen)
        way.kernels.backward(
            way.by_tick(part.current), state, grads, way.by_tick(part.gradient), rows(sums),
            for_learned, part.neurons,
        )  # fmt: skip
        if for_bias:
            of_bias += part.gradient.view(-1, g.n_out).sum(0).view(g.c_out, -1).sum(1)
        gradients.take(part.gradient, part.chosen, ones, of_x if for_x else None, part.images)
    found = iter(summed(total, of.shape) for total, of in zip(sums, learned, strict=True))
    return [
        gradients.of_weight() if for_weight else weight.new_empty(0), of_bias, of_x,
        gv if for_v else v.new_empty(0), gi if for_i else v.new_empty(0),
        *(next(found) if need else v.new_empty(0) for need in for_learned),
    ]  # fmt: skip


def _results(
    x: Tensor, weight: Tensor, padding: int, pool: int, *, keep: bool
) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of spikes, bits, currents and choices."""
    (ticks, batch, c_in), image = x.shape[:3], x.shape[3:]
    out = (weight.shape[0], *sizes(image, weight.shape[2:], padding, pool))
    laid = c_in * math.prod(n + 2 * padding for n in image)
    n = ticks * batch
    return [
        ((ticks, batch, *out), weight.dtype),
        ((n, -(-laid // 8)), torch.uint8),
        ((n, *out) if keep else (0,), weight.dtype),
        ((n, *out) if keep and pool == 2 else (0,), torch.uint8),
    ]


@_forward.register_fake
def _shapes(
    weight: Tensor, to_channel: Tensor | None, padding: int, pool: int, keep: bool, *args: Any
) -> tuple[Tensor, ...]:
    x, v, i, refr = args[:4]
    s, *others = (
        weight.new_empty(shape, dtype=kind)
        for shape, kind in _results(x, weight, padding, pool, keep=keep)
    )
    return (
        s,
        v.new_empty(v.shape),
        x.new_empty(0 if i is None else i.shape),
        x.new_empty(0 if refr is None else refr.shape, dtype=torch.int32),
        *others,
    )


@_backward.register_fake
def _shapes_backward(*args: Any) -> list[Tensor]:
    weight, neurons, needed = args[6], args[10:-1], args[-1]
    of = [weight.shape, weight.shape[:1]]
    of += [None if neurons[k] is None else neurons[k].shape for k in (0, 1, 2, *LEARNED)]
    return [weight.new_empty(shape if need else 0) for shape, need in zip(of, needed, strict=True)]


_GIVEN = 5
"""Arguments before those of the neurons: weight, bias, padding, pool and what is kept."""


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[3:])
    neurons = inputs[_GIVEN:]
    ctx.save_for_backward(*output[4:], *inputs[:2], *neurons[1:13])
    ctx.shape, ctx.sizes, ctx.rest = neurons[0].shape, inputs[2:4], neurons[13:]


def _gradients(
    ctx: Any, gs: Tensor | None, gv: Tensor | None, gi: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    places = (0, 1, *(_GIVEN + k for k in (0, 1, 2, *LEARNED)))
    needed = [bool(ctx.needs_input_grad[k]) for k in places]
    needed[-1] &= bool(ctx.rest[2] & kinds.SOFT)  # nothing else depends on its amount
    saved = ctx.saved_tensors  # once: torch.utils.checkpoint gives them a single time
    *kept, weight, to_channel, v, i, refr = saved[:8]
    x = weight.new_empty(()).expand(ctx.shape)  # for its shape
    neurons = (x, v, i, refr, *saved[8:], *ctx.rest)
    if i is None:
        gi = None
    found = _backward(gs, gv, gi, *kept, weight, to_channel, *ctx.sizes, *neurons, needed)
    grads: list[Tensor | None] = [None] * (_GIVEN + len(Neurons._fields))
    for k, need, grad in zip(places, needed, found, strict=True):
        grads[k] = grad if need else None
    return tuple(grads)


_forward.register_autograd(_gradients, setup_context=_keep)
