# SPDX-License-Identifier: Apache-2.0
"""Which ticks of a batch are real, and which only fill it up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError


def check_mask(mask: Any, ticks: Tensor, who: str) -> None:
    """Refuse what is no mask of these ticks.

    Parameters
    ----------
    mask : bool tensor, shape (T, B)
        True where a sample has a tick, False where it is padded.
    ticks : tensor, shape (T, B, ...)
        What it is of.
    who : str
        Begins the message.

    Raises
    ------
    ValidationError
        If it is of another shape or type.

    Examples
    --------
    >>> check_mask(torch.ones(3, 2, dtype=torch.bool), torch.zeros(3, 2, 5), "run")
    """
    shape = tuple(ticks.shape[:2])
    if isinstance(mask, Tensor) and mask.shape == shape and mask.dtype == torch.bool:
        return
    got = f"{tuple(mask.shape)} and {mask.dtype}" if isinstance(mask, Tensor) else type(mask)
    raise ValidationError(
        f"{who}: expected a mask of shape {shape}, (T, B) as the input has, and of type bool, got "
        f"{got}; mask.bool() makes it of 0 and 1"
    )
