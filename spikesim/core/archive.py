# SPDX-License-Identifier: Apache-2.0
"""One file format for everything spikesim saves: an npz with a header and a checksum.

No pickle is written or read, a file appears whole or not at all, and a damaged file is
recognized before anything in it is used. Equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.atomic import place_problems, replacing
from spikesim.core.npz import Arrays, read_npz
from spikesim.core.shape import shape_problems
from spikesim.errors import ValidationError

_HEADER = "__header__"


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
        np.savez_compressed(file, **{_HEADER: record}, **stored)  # type: ignore[arg-type]  # names


def read_archive(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    form: Any = dict,
    oldest: int | None = None,
) -> tuple[dict[str, Any], Content]:
    """Header and arrays of a file made by ``write_archive``.

    Parameters
    ----------
    path : path
        File to read.
    kind, version : str, int
        What the caller understands.
    form : form, optional
        What the header has to be; see ``core.shape``.
    oldest : int, optional
        First version that is understood too; default that one only.

    Returns
    -------
    header : dict
        Of that form.
    arrays : Content
        Mapping of str to array.

    Raises
    ------
    ValidationError
        If the file is absent, no archive, of another kind or version, damaged, or its header is
        of another form, with every such place.
    """
    who = f"{kind} file {os.fspath(path)!r}"
    arrays = read_npz(path, who)
    if _HEADER not in arrays:
        raise ValidationError(f"{who}: expected a file saved by spikesim, got another npz")
    try:
        meta = json.loads(arrays.pop(_HEADER).tobytes())
    except (ValueError, RecursionError) as error:
        raise ValidationError(
            f"{who}: expected a file saved by spikesim, got another header ({error}); save it again"
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
        raise ValidationError(
            f"{who}: the checksum does not match, the file is damaged; save it again"
        )
    problems = shape_problems(meta.get("header"), form)
    if problems:
        raise ValidationError([f"{who}: {text}; save it again" for text in problems])
    header: dict[str, Any] = meta["header"]
    return header, Content(who, arrays)


class Content(dict[str, npt.NDArray[Any]]):
    """Arrays of one file; one that is missing or of another kind is an error of the file.

    Parameters
    ----------
    who : str
        The file.
    arrays : dict of str to array
    """

    def __init__(self, who: str, arrays: Arrays) -> None:
        super().__init__(arrays)
        self.who = who

    def __missing__(self, name: str) -> npt.NDArray[Any]:
        raise ValidationError(
            f"{self.who}: expected array {name!r}, got {sorted(self)}; save it again"
        )

    def take(self, name: str, kinds: str, *shape: int | None) -> npt.NDArray[Any]:
        """Give an array of one of the dtype kinds (as in NumPy), and a shape; None is any size.

        Raises
        ------
        ValidationError
            If it is another one.
        """
        array = self[name]
        fits = len(shape) == array.ndim and all(
            n in (None, m) for n, m in zip(shape, array.shape, strict=True)
        )
        if array.dtype.kind not in kinds or not fits:
            sizes = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValidationError(
                f"{self.who}: expected array {name!r} of kind {kinds!r} and shape ({sizes}), got "
                f"{array.dtype}, shape {array.shape}; save it again"
            )
        return array


def _digest(text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
