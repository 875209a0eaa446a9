# SPDX-License-Identifier: Apache-2.0
"""A file appears whole or not at all, and what a killed writer left behind goes."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_STALE_SECONDS = 600.0
"""A writer that lives has written within this time."""


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` when the block ends without an error.

    Parameters
    ----------
    path : Path
        Replaced as a whole. What writers of the same file left when they were killed is removed.
    durable : bool
        Whether the content is on the disk before it replaces the old one, so that a power failure
        loses neither.
    mode : int
        Who may read and write it, before the user's mask.

    Yields
    ------
    binary file

    Raises
    ------
    OSError
        If it cannot be written; then the file is as it was before.
    """
    remove_orphans(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def remove_orphans(path: Path) -> None:
    """Remove what killed writers of a file left beside it; nothing that may still be written."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.\d+\.[0-9a-f]{{8}}\.tmp")
    try:
        found = [entry for entry in os.scandir(path.parent) if ours.fullmatch(entry.name)]
    except OSError:
        return  # whoever writes there says so
    for entry in found:
        with contextlib.suppress(OSError):  # another process was faster
            if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                Path(entry.path).unlink()


def place_problems(path: str | os.PathLike[str], who: str) -> list[str]:
    """Why no file can be written to a place; empty when one can, as far as is known.

    Examples
    --------
    >>> place_problems("/no/such/folder/run.h5", "recording 'run.h5'")
    ["recording 'run.h5': folder /no/such/folder does not exist; create it"]
    """
    place = Path(path)
    if place.is_dir():
        return [f"{who}: expected the name of a file, got a folder"]
    if not place.parent.is_dir():
        return [f"{who}: folder {place.parent} does not exist; create it"]
    if not os.access(place.parent, os.W_OK):
        return [f"{who}: expected a folder that may be written, got {place.parent}"]
    return []
