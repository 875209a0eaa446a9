# SPDX-License-Identifier: Apache-2.0
"""One file format for everything spikesim saves: an npz with a header and a checksum.

No pickle is written or read, a file appears whole or not at all, and a damaged file is
recognized before anything in it is used. Equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.atomic import place_problems, replacing
from spikesim.errors import ValidationError

_HEADER = "__header__"
# What numpy, zipfile and json raise on bytes that are not what they claim to be.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
Arrays = dict[str, npt.NDArray[Any]]


def write_archive(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    header: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Save a JSON header and named arrays to one file, atomically.

    Parameters
    ----------
    path : path
        File to write; replaced as a whole. No suffix is added.
    kind : str
        What the file holds, such as ``"network"``.
    version : int
        Version of that kind's layout.
    header : mapping
        Anything JSON can hold.
    arrays : mapping of str to array
        Arrays of numbers or bools.

    Raises
    ------
    ValidationError
        If the folder does not exist or must not be written.
    """
    if problems := place_problems(path, f"{kind} file {os.fspath(path)!r}"):
        raise ValidationError(problems)
    stored = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    meta = {"kind": kind, "version": version, "header": header}
    text = json.dumps(meta, sort_keys=True)
    meta["sha256"] = _digest(text, stored)
    record = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), dtype=np.uint8)
    with replacing(Path(path)) as file:
        # The stubs take any keyword for the flag allow_pickle.
        np.savez_compressed(file, **{_HEADER: record}, **stored)  # type: ignore[arg-type]


def read_archive(
    path: str | os.PathLike[str], kind: str, version: int, oldest: int | None = None
) -> tuple[dict[str, Any], Arrays]:
    """Header and arrays of a file made by ``write_archive``.

    Parameters
    ----------
    path : path
        File to read.
    kind, version : str, int
        What the caller understands.
    oldest : int, optional
        First version that is understood too; default that one only.

    Returns
    -------
    header : dict
    arrays : dict of str to array

    Raises
    ------
    ValidationError
        If the file is absent, no archive, of another kind or version, or damaged.
    """
    who = f"{kind} file {os.fspath(path)!r}"
    try:
        with Path(path).open("rb") as file:
            # numpy would take other bytes for a pickle and tell how to load it.
            if not zipfile.is_zipfile(file):
                raise zipfile.BadZipFile("truncated, or of another format")
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValidationError(f"{who}: expected a file saved by spikesim, got one array")
        with loaded as archive:
            if _HEADER not in archive.files:
                raise ValidationError(f"{who}: expected a file saved by spikesim, got another npz")
            meta = json.loads(bytes(archive[_HEADER]).decode())
            arrays = {name: archive[name] for name in archive.files if name != _HEADER}
    except FileNotFoundError as error:
        raise ValidationError(f"{who}: no such file") from error
    except ValidationError:
        raise
    except _UNREADABLE as error:
        raise ValidationError(
            f"{who}: expected a file saved by spikesim, got one that cannot be read ({error}); "
            "save it again"
        ) from error
    if not isinstance(meta, dict) or meta.get("kind") != kind:
        got = meta.get("kind") if isinstance(meta, dict) else meta
        raise ValidationError(f"{who}: expected kind {kind!r}, got {got!r}")
    known = range(version if oldest is None else oldest, version + 1)
    if meta.get("version") not in known:
        raise ValidationError(
            f"{who}: expected format version {version}, got {meta.get('version')!r}; "
            "use the spikesim release that wrote it, or save it again"
        )
    digest = meta.pop("sha256", None)
    if digest != _digest(json.dumps(meta, sort_keys=True), arrays):
        raise ValidationError(f"{who}: the checksum does not match, the file is damaged")
    header: dict[str, Any] = meta["header"]
    return header, arrays


def _digest(text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
