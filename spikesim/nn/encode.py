# SPDX-License-Identifier: Apache-2.0
"""From values in 0..1 to spikes, deterministically.

The rate code uses integers only, the same as the encoder on the core: an 8-bit phase
accumulator per pixel ``k`` starts at ``157 * k mod 256``, adds the pixel's rate in every tick,
and spikes when it carries.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spikesim.errors import ValidationError

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
    if x.numel() and not bool(((x >= 0) & (x <= 1)).all()):
        raise ValidationError(
            f"rate encoder: values must lie in 0..1, got {float(x.min()):g}..{float(x.max()):g}; "
            "divide images by their largest possible value"
        )
    return (x * 256).floor().clamp(max=255).to(torch.uint8)


def rate(x: Tensor, steps: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Deterministic rate code, the integers of the on-chip encoder.

    Parameters
    ----------
    x : float tensor in 0..1 or uint8 tensor of rates, shape (B, n) or (B, height, width)
        Pixels; further axes are flattened to n.
    steps : int
        Number of ticks T.
    dtype : torch.dtype
        Of the result.

    Returns
    -------
    tensor of 0 and 1, shape (T, B, n)
        A pixel of code r spikes ``floor((phase0 + T r) / 256)`` times in T ticks.

    Examples
    --------
    >>> rate(torch.tensor([[1.0, 0.5]]), steps=4)[:, 0].T.tolist()
    [[0.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0]]
    """
    if steps < 0:
        raise ValidationError(f"rate encoder: steps must be 0 or more, got {steps}")
    codes = rate_codes(x).flatten(1)
    batch, n = codes.shape
    phase = (PHASE_STEP * torch.arange(n, device=codes.device) % 256).to(torch.uint8)
    phase = phase.expand(batch, n)
    out = torch.empty((steps, batch, n), dtype=dtype, device=codes.device)
    for t in range(steps):
        phase = phase + codes  # wraps modulo 256; a carry left it below the rate just added
        torch.lt(phase, codes, out=out[t]) if dtype == torch.bool else out[t].copy_(phase < codes)
    return out


def direct(x: Tensor, steps: int) -> Tensor:
    """Present the values themselves in every tick (the first layer then is not spiking input).

    Parameters
    ----------
    x : float tensor, shape (B, n) or (B, height, width)
        Values; further axes are flattened to n.
    steps : int
        Number of ticks T.

    Returns
    -------
    float tensor, shape (T, B, n)
    """
    flat = x.flatten(1)
    return flat.expand(steps, *flat.shape)
