# SPDX-License-Identifier: Apache-2.0
"""From values to spikes, deterministically; the shape is kept, time comes in front.

What takes images (B, ...) gives (T, B, ...): `rate`, `latency`, `direct`. What takes signals
(T, B, ...) gives spikes (T, B, 2, ...) for what goes up and down: `delta`, `threshold_crossing`.
`population` spreads a value over several, before one of the first; `learnable` is a layer of a net.

The rate code uses integers only, the same as the encoder on the core: an 8-bit phase
accumulator per pixel ``k`` starts at ``157 * k mod 256``, adds the pixel's rate in every tick,
and spikes when it carries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.neurons.learned import Granularity
from spikesim.nn.neurons.lif import LIFLayer

PHASE_STEP = 157
#: What `rate` is called in files, with the constants that decide its spikes.
RATE_CODE = f"rate, 8 bits, phase step {PHASE_STEP}"


def rate_codes(x: Tensor) -> Tensor:
    """8-bit rates of values in 0..1: ``min(255, floor(256 x))``.

    Parameters
    ----------
    x : float tensor, any shape
        Values; uint8 tensors are taken as codes already.

    Returns
    -------
    uint8 tensor, shape of ``x``

    Raises
    ------
    ValidationError
        If a value is outside 0..1 or not finite.

    Examples
    --------
    >>> rate_codes(torch.tensor([0.0, 0.5, 1.0])).tolist()
    [0, 128, 255]
    """
    if x.dtype == torch.uint8:
        return x
    _check_values("rate", x)
    return (x * 256).floor().clamp(max=255).to(torch.uint8)


def rate(x: Tensor, steps: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Deterministic rate code, the integers of the on-chip encoder.

    Parameters
    ----------
    x : float tensor in 0..1 or uint8 tensor of rates, shape (B, ...)
        Pixels; ``k`` counts through them with the last axis fastest.
    steps : int
        Number of ticks T.
    dtype : torch.dtype
        Of the result.

    Returns
    -------
    tensor of 0 and 1, shape (T, B, ...)
        A pixel of code r spikes ``floor((phase0 + T r) / 256)`` times in T ticks.

    Examples
    --------
    >>> rate(torch.tensor([[1.0, 0.5]]), steps=4)[:, 0].T.tolist()
    [[0.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0]]
    """
    _check_steps("rate", steps)
    codes = rate_codes(x).flatten(1)
    batch, n = codes.shape
    phase = (PHASE_STEP * torch.arange(n, device=codes.device) % 256).to(torch.uint8)
    phase = phase.expand(batch, n)
    out = torch.empty((steps, batch, n), dtype=dtype, device=codes.device)
    for t in range(steps):
        phase = phase + codes  # wraps modulo 256; a carry left it below the rate just added
        torch.lt(phase, codes, out=out[t]) if dtype == torch.bool else out[t].copy_(phase < codes)
    return out.reshape(steps, *x.shape)


def direct(x: Tensor, steps: int) -> Tensor:
    """Present the values themselves in every tick (the first layer then is not spiking input).

    Parameters
    ----------
    x : float tensor, shape (B, ...)
        Values.
    steps : int
        Number of ticks T.

    Returns
    -------
    float tensor, shape (T, B, ...)
    """
    _check_steps("direct", steps)
    return x.expand(steps, *x.shape)


def latency(x: Tensor, steps: int, *, tau: float | None = None, threshold: float = 0.01) -> Tensor:
    """One spike for each value, the earlier the larger it is.

    Parameters
    ----------
    x : float tensor in 0..1, shape (B, ...)
        Values.
    steps : int
        Number of ticks T.
    tau : float, ticks, optional
        The spike comes when a membrane that is charged by x reaches the threshold, after
        ``tau ln(x / (x - threshold))``, and in the last tick at the latest. Without it the time
        falls linearly, from the last tick at x = 0 to the first at x = 1.
    threshold : float
        What is not above it stays silent.

    Returns
    -------
    tensor of 0 and 1, shape (T, B, ...)

    Raises
    ------
    ValidationError
        If a value is outside 0..1 or not finite, tau or the threshold not positive, or there is no
        tick.

    Examples
    --------
    >>> latency(torch.tensor([[1.0, 0.5, 0.0]]), steps=3)[:, 0].T.tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    _check_values("latency", x)
    if steps < 1 or not threshold > 0 or (tau is not None and not tau > 0):
        raise ValidationError(
            f"latency encoder: expected steps >= 1, threshold > 0 and tau > 0 ticks, got "
            f"steps={steps}, threshold={threshold}, tau={tau}"
        )
    if tau is None:
        when = (1.0 - x) * (steps - 1)
    else:
        when = tau * torch.log(x / (x - threshold).clamp(min=torch.finfo(x.dtype).tiny))
    tick = when.clamp(0, steps - 1).round().long().expand(1, *x.shape)
    return torch.zeros(steps, *x.shape, dtype=x.dtype, device=x.device).scatter_(
        0, tick, (x > threshold).to(x.dtype)[None]
    )


def delta(x: Tensor, threshold: float) -> Tensor:
    """Spikes where a signal changes by the threshold or more from one tick to the next.

    Parameters
    ----------
    x : float tensor, shape (T, B, ...)
        Signal; before its first tick it stands still.
    threshold : float
        Above 0.

    Returns
    -------
    tensor of 0 and 1, shape (T, B, 2, ...)
        Up, and down.

    Examples
    --------
    >>> delta(torch.tensor([0.0, 1.0, 1.5, -1.0]).reshape(4, 1), 1.0)[:, 0].T.tolist()
    [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    _check_signal("delta", x, threshold)
    change = torch.diff(x, dim=0, prepend=x[:1])
    return torch.stack([change >= threshold, change <= -threshold], dim=2).to(x.dtype)


def threshold_crossing(x: Tensor, threshold: float) -> Tensor:
    """Spikes that follow a signal: each moves a reference by the threshold toward it.

    A send-on-delta code: unlike `delta`, slow changes add up to spikes, and the sum of up less
    down, times the threshold, is the signal less its first value, to within one threshold, where
    it does not change by more than that in a tick.

    Parameters
    ----------
    x : float tensor, shape (T, B, ...)
        Signal; the reference starts at its first value.
    threshold : float
        Above 0.

    Returns
    -------
    tensor of 0 and 1, shape (T, B, 2, ...)
        Up, and down; at most one a tick.

    References
    ----------
    Miskowicz, "Send-on-delta concept: an event-based data reporting strategy", Sensors 6(1), 2006.

    Examples
    --------
    >>> slow = torch.tensor([0.0, 0.5, 1.0, 1.5, 0.0]).reshape(5, 1)
    >>> threshold_crossing(slow, 1.0)[:, 0].T.tolist()
    [[0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    _check_signal("threshold crossing", x, threshold)
    reference, found = x[0], []
    for now in x.unbind(0):
        up, down = now - reference >= threshold, now - reference <= -threshold
        reference = reference + threshold * (up.to(x.dtype) - down.to(x.dtype))
        found.append(torch.stack([up, down], dim=1))
    return torch.stack(found).to(x.dtype)


def population(x: Tensor, n: int, *, overlap: float = 1.5) -> Tensor:
    """Spread each value over n neurons with Gaussian receptive fields, before `rate` or `latency`.

    Field i of n has its center at ``(2 i - 3) / (2 (n - 2))`` and width
    ``1 / (overlap (n - 2))``.

    Parameters
    ----------
    x : float tensor in 0..1, shape (B, ...)
        Values.
    n : int
        Neurons for each, 3 or more.
    overlap : float
        Larger fields overlap less.

    Returns
    -------
    float tensor in 0..1, shape (B, ..., n)

    References
    ----------
    Bohte, Kok, La Poutre, "Error-backpropagation in temporally encoded networks of spiking
    neurons", Neurocomputing 48, 2002, section 4.

    Examples
    --------
    >>> (100 * population(torch.tensor([[0.5]]), 3)).round().tolist()
    [[[32.0, 100.0, 32.0]]]
    """
    _check_values("population", x)
    if n < 3 or not overlap > 0:
        raise ValidationError(
            f"population encoder: expected n >= 3 neurons and overlap > 0, got n={n}, "
            f"overlap={overlap}"
        )
    centers = (2 * torch.arange(1, n + 1, dtype=x.dtype, device=x.device) - 3) / (2 * (n - 2))
    return torch.exp(-0.5 * ((x[..., None] - centers) * (overlap * (n - 2))).square())


def learnable(
    shape: int | Sequence[int], granularity: Granularity = "channel", **options: Any
) -> LIFLayer:
    """Neurons that turn values into spikes by a gain, a bias and a threshold that are trained.

    The first layer of a net whose input is `direct`.

    Parameters
    ----------
    shape : int or sequence of int
        Of one sample.
    granularity : {"neuron", "channel", "layer"}
        What has a gain, bias and threshold of its own.
    **options
        Of `LIFLayer`, such as ``beta``.

    Examples
    --------
    >>> sorted(learnable((1, 8, 8)).learned)
    ['bias', 'gain', 'v_th']
    """
    return LIFLayer(shape, learn=dict.fromkeys(("gain", "bias", "v_th"), granularity), **options)


def _check_steps(who: str, steps: int) -> None:
    if steps < 0:
        raise ValidationError(f"{who} encoder: steps must be 0 or more, got {steps}")


def _check_values(who: str, x: Tensor) -> None:
    if not x.is_floating_point() or (x.numel() and not bool(((x >= 0) & (x <= 1)).all())):
        got = f"{float(x.min()):g}..{float(x.max()):g}" if x.numel() else "no value"
        raise ValidationError(
            f"{who} encoder: expected floats in 0..1, got {x.dtype} of {got}; divide values by "
            "their largest possible one"
        )


def _check_signal(who: str, x: Tensor, threshold: float) -> None:
    if x.ndim < 2 or not len(x) or not x.is_floating_point() or not 0 < threshold < math.inf:
        raise ValidationError(
            f"{who} encoder: expected a float signal (T, B, ...) with at least one tick and a "
            f"threshold above 0, got {x.dtype} of shape {tuple(x.shape)} and {threshold}"
        )
