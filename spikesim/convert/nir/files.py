# SPDX-License-Identifier: Apache-2.0
"""A NIR file as nested dictionaries, whatever its bytes are."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from spikesim.core.optional import optional_library
from spikesim.errors import ConversionError, ValidationError

#: Graphs within graphs.
DEEPEST = 16
_PACKED = 1100
"""Bytes that one byte of a file can hold: gzip packs at most 1032 into one."""
_SMALL = 2**26
_KINDS = "fiubS"
_HEAP, _HEAP_HEADER = b"GCOL", 16
#: What h5py and numpy raise on bytes that are not what they claim to be.
UNREADABLE = (
    OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError,
    OverflowError, MemoryError,
)  # fmt: skip


def file_tree(source: str | os.PathLike[str] | io.BytesIO) -> tuple[str, Any]:
    """Read a file, on disk or in memory: what it is called in messages, and what is in it.

    Raises
    ------
    ConversionError
        If it is cut, damaged, or of something else.
    ValidationError
        If there is none, or without h5py.
    """
    if isinstance(source, io.BytesIO):
        return "NIR file in memory", _tree(source.getvalue(), "NIR file in memory")
    path, who = Path(source), f"NIR file {os.fspath(source)!r}"
    if not path.is_file():
        raise ValidationError(f"{who}: expected a file, got none there; check the path")
    return who, _tree(path.read_bytes(), who)


def _tree(content: bytes, who: str) -> Any:
    h5py = optional_library("h5py", who, "interop")
    try:
        _check_heaps(content)
        with h5py.File(io.BytesIO(content), "r") as file:
            if "node" not in file:
                raise ConversionError(
                    f"{who}: expected the group 'node' of NIR, got {sorted(file)[:5]}; this is "
                    "an HDF5 file of something else"
                )
            return _group(h5py, file["node"], _PACKED * len(content) + _SMALL, 0)
    except UNREADABLE as error:
        text = " ".join(str(error).split())
        raise ConversionError(
            f"{who}: expected a whole file of NIR (HDF5), got one that is cut, damaged or of "
            f"another kind ({text}); write it anew"
        ) from error


def _check_heaps(content: bytes) -> None:
    """Refuse words that HDF5's library would never stop looking for.

    It goes through a collection of words by the sizes that stand in it, and a size of 0 leaves it
    where it is.
    """
    at = content.find(_HEAP)
    while at >= 0:
        end = at + int.from_bytes(content[at + 8 : at + 16], "little")
        here = at + _HEAP_HEADER
        while here + _HEAP_HEADER <= end:
            index = int.from_bytes(content[here : here + 2], "little")
            size = int.from_bytes(content[here + 8 : here + 16], "little")
            step = size if index == 0 else _HEAP_HEADER + -(-size // 8) * 8
            if step < _HEAP_HEADER or here + step > min(end, len(content)):
                raise ValueError("words of no size")
            here += step
        at = content.find(_HEAP, at + 1)


def _group(h5py: Any, group: Any, room: int, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError(f"groups within groups, {depth} deep")
    if not isinstance(group, h5py.Group):
        raise TypeError("a dataset in place of a group")
    tree: dict[str, Any] = {}
    for key, item in group.items():
        if isinstance(item, h5py.Group):
            tree[key] = _group(h5py, item, room, depth + 1)
        elif item.shape is None or item.size * item.dtype.itemsize > room:
            raise ValueError(f"{item.name} claims {item.shape} entries")
        elif item.dtype.kind not in _KINDS and h5py.check_string_dtype(item.dtype) is None:
            # Of lists of any length, HDF5's library takes the lengths as they stand.
            raise ValueError(f"{item.name} holds neither numbers nor words")
        else:
            tree[key] = item[()]
    return tree
