# SPDX-License-Identifier: Apache-2.0
"""Which code runs: compiled kernels or the reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import torch

from spikesim.errors import ValidationError

Backend = Literal["auto", "reference", "numba"]

_ASKED: ContextVar[Backend] = ContextVar("backend", default="auto")


@contextmanager
def backend(name: Backend) -> Iterator[None]:
    """Within this context, run the code that is asked for, or fail.

    Both give the same bits; one is judged by the other.

    Parameters
    ----------
    name : {"auto", "reference", "numba"}
        ``auto`` takes compiled kernels where there is one that pays, as ``nn.explain`` tells;
        ``reference`` the loops in plain torch; ``numba`` compiled kernels, and where there is
        none, that is an error.

    Raises
    ------
    ValidationError
        For another name.

    Examples
    --------
    >>> with backend("reference"):
    ...     chosen_backend()
    'reference'
    """
    if name not in get_args(Backend):
        raise ValidationError(
            f"backend: expected one of {', '.join(get_args(Backend))}, got {name!r}"
        )
    token = _ASKED.set(name)
    try:
        yield
    finally:
        _ASKED.reset(token)


@torch.compiler.assume_constant_result  # torch.compile cannot read a context variable
def chosen_backend() -> Backend:
    """Give the name that is asked for; ``auto`` outside of any context."""
    return _ASKED.get()
