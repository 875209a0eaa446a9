# SPDX-License-Identifier: Apache-2.0
"""A NIR file as nested dictionaries, whatever its bytes are."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from spikesim.errors import ConversionError, ValidationError
from spikesim.recording.export import optional_library

#: Graphs within graphs.
DEEPEST = 16
_PACKED = 1100
"""Bytes that one byte of a file can hold: gzip packs at most 1032 into one."""
_SMALL = 2**26
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
        who, place, nbytes = "NIR file in memory", source, source.getbuffer().nbytes
        return who, _tree(place, nbytes, who)
    path, who = Path(source), f"NIR file {os.fspath(source)!r}"
    if not path.is_file():
        raise ValidationError(f"{who}: expected a file, got none there; check the path")
    return who, _tree(path, path.stat().st_size, who)


def _tree(place: Path | io.BytesIO, nbytes: int, who: str) -> Any:
    h5py = optional_library("h5py", who)
    try:
        with h5py.File(place, "r") as file:
            if "node" not in file:
                raise ConversionError(
                    f"{who}: expected the group 'node' of NIR, got {sorted(file)[:5]}; this is "
                    "an HDF5 file of something else"
                )
            return _group(h5py, file["node"], _PACKED * nbytes + _SMALL, 0)
    except UNREADABLE as error:
        text = " ".join(str(error).split())
        raise ConversionError(
            f"{who}: expected a whole file of NIR (HDF5), got one that is cut, damaged or of "
            f"another kind ({text}); write it anew"
        ) from error


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
        else:
            tree[key] = item[()]
    return tree
