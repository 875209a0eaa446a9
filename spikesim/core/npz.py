# SPDX-License-Identifier: Apache-2.0
"""Arrays of an npz file, read without believing a word of it.

``numpy.load`` takes what is no array for bytes, reserves what a header claims, and raises what its
parts raise. Here a file gives its arrays, or one error that names it.
"""

from __future__ import annotations

import lzma
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError

# What zipfile raises on bytes that are not what they claim to be.
_UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, EOFError, NotImplementedError, RuntimeError,
    OverflowError, zipfile.BadZipFile, zlib.error, struct.error, lzma.LZMAError,
)  # fmt: skip
_HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[biufc]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}L?(?:, )?)*),?\), \} *\n?"
)
_MOST_DEFLATED = 1032
"""No byte of a deflated stream gives more bytes than this."""

_PART_BYTES = 1 << 20
"""Read at once, so that no array is in memory twice."""

Arrays = dict[str, npt.NDArray[Any]]


def read_npz(path: str | os.PathLike[str], who: str, only: Collection[str] | None = None) -> Arrays:
    """Give the arrays of a file that ``numpy.savez`` or ``savez_compressed`` wrote.

    Parameters
    ----------
    path : path
    who : str
        Whom an error is about.
    only : collection of str, optional
        Names to read; default all. Missing ones are left out.

    Returns
    -------
    dict of str to array of numbers or bools

    Raises
    ------
    ValidationError
        If the file is absent or no such file, is damaged, or claims more than it can hold.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) < len(archive.infolist()):
                raise ValueError("two arrays of one name")
            chosen = [name for name in members if only is None or name in only]
            return {name: _array(archive, members[name]) for name in chosen}
    except FileNotFoundError as error:
        raise ValidationError(f"{who}: no such file") from error
    except _UNREADABLE as error:
        raise ValidationError(
            f"{who}: expected an npz file of arrays, got one that is truncated, damaged or of "
            f"another format ({error}); save it again"
        ) from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    name = member.filename
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name}: unknown compression {member.compress_type}")
    with archive.open(member) as file:
        magic = file.read(8)
        if magic not in (b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00"):
            raise ValueError(f"{name} is no array of numbers")
        width = 2 if magic[6] == 1 else 4
        length = int.from_bytes(file.read(width), "little")
        text = file.read(min(length, 1 << 16))
        found = _HEADER.fullmatch(text)
        if found is None:
            raise ValueError(f"{name} is no array of numbers, but {text[:40]!r}")
        dtype = np.dtype(found[1].decode())
        shape = tuple(int(n) for n in re.findall(rb"\d+", found[3]))
        size = math.prod(shape) * dtype.itemsize
        if member.file_size != 8 + width + length + size:
            raise ValueError(f"{name} claims {size} bytes of {member.file_size}")
        if member.file_size > _MOST_DEFLATED * (member.compress_size + 1):
            raise ValueError(f"{name} claims {size} bytes in {member.compress_size}")
        raw = np.empty(size, dtype=np.uint8)
        got = 0
        while part := file.read(_PART_BYTES):  # the last, empty one looks at the checksum
            raw[got : got + len(part)] = np.frombuffer(part, dtype=np.uint8)
            got += len(part)
        if got != size:
            raise ValueError(f"{name} ends early")
    if dtype.kind == "b" and size and raw.max() > 1:
        raise ValueError(f"{name} holds bools that are neither true nor false")
    order: Any = "F" if found[2] == b"True" else "C"
    return raw.view(dtype).reshape(shape, order=order)
