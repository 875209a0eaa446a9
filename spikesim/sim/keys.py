# SPDX-License-Identifier: Apache-2.0
"""Keys of hashed random numbers."""

from __future__ import annotations

from functools import lru_cache

from spikesim.core import stream


# Inputs that change with every image ask for the same key each time.
@lru_cache(maxsize=256, typed=True)
def stream_key(seed: int, *path: int | str) -> int:
    """Give the 64-bit key of hashed random numbers for one purpose.

    Parameters
    ----------
    seed : int
        The user's seed, >= 0.
    *path : int or str
        Where the numbers are used; see ``core.stream``.

    Returns
    -------
    int
        First half of the key of ``core.stream(seed, *path)``, 0 <= key < 2**64.

    Raises
    ------
    ValidationError
        If seed or path are not legal.

    Examples
    --------
    >>> stream_key(7, "poisson", "in") == stream_key(7, "poisson", "in")
    True
    >>> stream_key(7, "poisson", "in") == stream_key(8, "poisson", "in")
    False
    """
    return int(stream(seed, *path).bit_generator.state["state"]["key"][0])
