# SPDX-License-Identifier: Apache-2.0
"""Counter-based random streams, named by where they are used.

A stream depends on the seed and on its path only: not on the order in which streams are
made, nor on the number of threads, so any part of a run can be redrawn alone.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError

#: Largest seed that every random generator in use takes: 64 bits with a sign.
LARGEST_SEED = 2**63 - 1


def stream(seed: int, *path: int | str) -> np.random.Generator:
    """Random generator for one purpose, keyed by the seed and a path of names and numbers.

    Parameters
    ----------
    seed : int
        The user's seed, >= 0.
    *path : int or str
        Where the numbers are used, such as ``"poisson", "input", 3``. ``1`` and ``"1"``
        are different paths.

    Returns
    -------
    numpy.random.Generator
        A Philox 4x64 generator; the 128-bit key is the BLAKE2b hash of seed and path, so
        it is the same on every machine and Python version.

    Raises
    ------
    ValidationError
        If the seed is no integer >= 0 or a part of the path is neither int nor str.

    References
    ----------
    J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.

    Examples
    --------
    >>> a = stream(7, "poisson", 0).integers(1000, size=3)
    >>> b = stream(7, "poisson", 0).integers(1000, size=3)
    >>> bool((a == b).all())
    True
    """
    key = _digest(seed, path, 16)
    bits = np.random.Philox(_NO_SEED)  # type: ignore[arg-type]  # has what is asked of a seed
    state: Any = {**_START, "state": {"counter": _ZEROS, "key": _words(key)}}
    bits.state = state
    return np.random.Generator(bits)


# Inputs that change with every image ask for the same key each time.
@lru_cache(maxsize=256, typed=True)
def stream_key(seed: int, *path: int | str) -> int:
    """64-bit key of the counter-based kernels for one purpose; the path is that of ``stream``.

    Raises
    ------
    ValidationError
        If the seed is no integer >= 0 or a part of the path is neither int nor str.

    Examples
    --------
    >>> stream_key(7, "connect", "E->I") == stream_key(7, "connect", "E->E")
    False
    """
    return _digest(seed, path, 8)


class _NoSeed(np.random.bit_generator.ISeedSequence):
    """In place of a seed where the key is set: NumPy would ask the system for one each time."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> npt.NDArray[Any]:
        """Zeros."""
        return np.zeros(n_words, dtype=dtype)


_NO_SEED = _NoSeed()
_ZEROS = np.zeros(4, dtype=np.uint64)
_START = {
    "bit_generator": "Philox", "buffer": _ZEROS, "buffer_pos": 4, "has_uint32": 0, "uinteger": 0,
}  # fmt: skip


def _words(key: int) -> npt.NDArray[np.uint64]:
    return np.array([key & 0xFFFFFFFFFFFFFFFF, key >> 64], dtype=np.uint64)


def _digest(seed: int, path: tuple[int | str, ...], size: int) -> int:
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValidationError(f"seed: expected an integer >= 0, got {seed!r}")
    digest = hashlib.blake2b(digest_size=size)
    for part in (int(seed), *path):
        if isinstance(part, (int, np.integer)):
            encoded = b"i" + str(int(part)).encode()
        elif isinstance(part, str):
            encoded = b"s" + part.encode()
        else:
            raise ValidationError(f"random stream path: expected int or str, got {part!r}")
        # The length prefix keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(len(encoded).to_bytes(4, "little") + encoded)
    return int.from_bytes(digest.digest(), "little")
