# SPDX-License-Identifier: Apache-2.0
"""Files of compiled code: one is used only if it is whole and nobody else can have written it.

What is kept to be executed is worth more care than data. A single wrong bit in machine code ends
the process or, worse, gives other numbers; and whoever can write such a file runs as its reader.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from pathlib import Path

from spikesim.core.atomic import replacing

_log = logging.getLogger(__name__)

_MARK = b"spk-seal"
_DIGEST_BYTES = 32
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def write_sealed(path: Path, data: bytes) -> None:
    """Write bytes and behind them a digest of them and of the file's name, whole or not at all.

    Loaders of object code do not look beyond its end, so a sealed library is still a library.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with replacing(path, durable=False, mode=0o644) as file:
        file.write(data)
        file.write(_digest(path, data) + _MARK)


def read_sealed(path: Path) -> bytes | None:
    """Give what ``write_sealed`` wrote; None if it has to be made anew.

    A damaged file is removed. That, and a file that somebody else owns or can write, is logged
    in one line; a file that does not exist is nothing to speak of.
    """
    try:
        with path.open("rb") as file:
            doubt = _doubt(os.fstat(file.fileno()))
            whole = b"" if doubt else file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("%s: cannot be read (%s); it is made anew", path, error.strerror)
        return None
    if doubt:
        _log.warning("%s: not used, since it %s; it is made anew", path, doubt)
        return None
    seal = _DIGEST_BYTES + len(_MARK)
    data = whole[:-seal]
    if whole[-seal:] != _digest(path, data) + _MARK:
        _log.warning("%s: damaged, the checksum does not match; removed, and made anew", path)
        try:
            path.unlink(missing_ok=True)
        except OSError:
            pass  # a folder that became read-only; the next process says the same again
        return None
    return data


def folder_doubt(folder: Path) -> str | None:
    """Why a folder of compiled code must not be used; None if only this user can write it.

    Raises
    ------
    OSError
        If there is no such folder.
    """
    return _doubt(folder.stat())


def _doubt(found: os.stat_result) -> str | None:
    # Whom root belongs to, the interpreter does as well.
    if found.st_uid not in (0, os.geteuid()):
        return f"belongs to another user (number {found.st_uid})"
    if found.st_mode & _OTHERS:
        return f"may be written by others (mode {stat.S_IMODE(found.st_mode):o}, chmod go-w)"
    return None


def _digest(path: Path, data: bytes) -> bytes:
    # With the name in it, no file can take the place of another.
    key = hashlib.blake2b(path.name.encode(), digest_size=64).digest()
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES, key=key).digest()
