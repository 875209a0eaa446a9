# SPDX-License-Identifier: Apache-2.0
"""Learned constants that no step of an optimizer can make illegal.

What is trained is any number ``r``; what the neuron reads is a function of it. Both functions
divide and add, and nothing else, so that they round alike on every machine. Both have slope
within reach everywhere: a value that was pushed far away can come back.
"""

from __future__ import annotations

import torch
from torch import Tensor


def positive(r: Tensor) -> Tensor:
    """Give a number above 0: ``1 + r`` for r above 0, else ``1 / (1 - r)``; slope 1 at 0.

    Examples
    --------
    >>> positive(torch.tensor([-3.0, 0.0, 3.0])).tolist()
    [0.25, 1.0, 4.0]
    """
    return torch.where(r > 0.0, 1.0 + r, 1.0 / (1.0 - r.clamp(max=0.0)))


def from_positive(value: Tensor) -> Tensor:
    """Give the ``r`` of a number above 0.

    Examples
    --------
    >>> from_positive(torch.tensor([0.25, 1.0, 4.0])).tolist()
    [-3.0, 0.0, 3.0]
    """
    return torch.where(value > 1.0, value - 1.0, 1.0 - 1.0 / value)


def share(r: Tensor) -> Tensor:
    """Give a number between 0 and 1, neither of them; slope 1/2 at ``r = 0``.

    It is ``1 - 1 / (2 + 2 r)`` for r above 0, and ``1 / (2 - 2 r)`` below.

    Examples
    --------
    >>> share(torch.tensor([-1.0, 0.0, 1.0, 3.0])).tolist()
    [0.25, 0.5, 0.75, 0.875]
    """
    # Not abs, whose slope is 0 at 0.
    above, below = 0.5 / (1.0 + r.clamp(min=0.0)), 0.5 / (1.0 - r.clamp(max=0.0))
    return inside(torch.where(r > 0.0, 1.0 - above, below))


def from_share(value: Tensor) -> Tensor:
    """Give the ``r`` of a number between 0 and 1.

    Examples
    --------
    >>> from_share(torch.tensor([0.25, 0.5, 0.75, 0.875])).tolist()
    [-1.0, 0.0, 1.0, 3.0]
    """
    far = 0.5 / torch.minimum(value, 1.0 - value) - 1.0
    return torch.where(value >= 0.5, far, -far)


def inside(value: Tensor) -> Tensor:
    """Numbers of 0 to 1 without the borders: those are moved by the least that the type holds."""
    info = torch.finfo(value.dtype)
    return value.clamp(min=info.tiny, max=1.0 - info.eps)
