# SPDX-License-Identifier: Apache-2.0
"""Reading from the datasets of a recording, which have a checksum of their own (fletcher32)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_TRIES = 3
"""A reader may meet a chunk that is being written; the next look finds it whole."""
_CHECKSUM_BYTES = 4


def stored(
    dataset: Any, part: Any = slice(None), committed: int | None = None
) -> npt.NDArray[Any] | Any:
    """Part of a dataset, as it was written.

    Parameters
    ----------
    dataset : h5py.Dataset
    part : int, slice, or tuple of two slices
        Of the rows, and of the columns.
    committed : int, optional
        Rows of a growing dataset that are valid.

    Raises
    ------
    OSError
        If the checksum or anything else says that the file is damaged; names the dataset.
    """
    for _ in range(_TRIES):
        try:
            return dataset[part]
        except OSError as error:
            failed = error
    if committed and not stored(dataset.file["progress"])[1]:
        return _with_open_chunk(dataset, part, committed)
    raise OSError(f"dataset {dataset.name!r}: {failed}") from failed


def _with_open_chunk(dataset: Any, part: Any, committed: int) -> npt.NDArray[Any] | Any:
    """Part of a dataset whose writer was killed while it filled the last chunk further.

    Rows are only ever appended, so those that were committed are the same in the chunk before and
    after; the checksum is over all of it, and does not fit the mixture of both.
    """
    rows, *across = dataset.chunks
    first = (committed - 1) // rows * rows
    wanted, *columns = part if isinstance(part, tuple) else (part,)
    if isinstance(wanted, slice):
        lo, hi, _ = wanted.indices(committed)
    else:
        lo, hi = wanted, wanted + 1
    last = np.zeros((committed - first, *dataset.shape[1:]), dataset.dtype)
    for at in range(0, dataset.shape[1], across[0]) if across else [None]:
        place = (first,) if at is None else (first, at)
        _, raw = dataset.id.read_direct_chunk(place)
        chunk = np.frombuffer(raw[:-_CHECKSUM_BYTES], dataset.dtype).reshape(dataset.chunks)
        here = last if at is None else last[:, at : at + across[0]]
        here[...] = chunk[tuple(map(slice, here.shape))]
    cut = (slice(max(lo - first, 0), max(hi - first, 0)), *columns)
    before = (slice(lo, min(hi, first)), *columns)
    whole = [stored(dataset, before)] if lo < first else []
    found = np.concatenate([*whole, last[cut]])
    return found if isinstance(wanted, slice) else found[0]
