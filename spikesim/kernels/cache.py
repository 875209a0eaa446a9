# SPDX-License-Identifier: Apache-2.0
"""Where compiled kernels are kept between processes."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import shutil
import sys
import time
from pathlib import Path

import numba

from spikesim.core.sealed import folder_doubt, read_sealed, write_sealed

_log = logging.getLogger(__name__)

_FOLDERS = "numba-*-py*"
_KEPT, _KEPT_SECONDS = 4, 86_400.0
"""Folders that stay in any case, and how long the others stay after their last use."""


@functools.cache
def cache_folder() -> Path | None:
    """Folder of compiled kernels, one for each version of numba, Python and the kernel sources.

    In $SPIKESIM_CACHE, else in the user's cache. None, with one line in the log, where it cannot
    be made or somebody else could put code into it.
    """
    user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "spikesim"
    root = Path(os.environ.get("SPIKESIM_CACHE") or user).expanduser()
    python = f"py{sys.version_info[0]}{sys.version_info[1]}"
    folder = root / f"numba-{numba.__version__}-{python}-{source_key()}"
    try:
        known = folder.exists()
        root.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        doubt = folder_doubt(folder)
    except OSError as error:
        doubt = f"cannot be made ({error.strerror})"
    if doubt:
        _log.warning("kernel cache %s: not used, since it %s; %s", folder, doubt, _WAY_OUT)
        return None
    try:
        os.utime(folder)
    except OSError:
        pass  # a read-only folder can still be read from
    if not known:
        prune(root)
    return folder


def load_code(name: str) -> bytes | None:
    """Compiled code of a name; None where it has to be compiled."""
    folder = cache_folder()
    return None if folder is None else read_sealed(folder / name)


def save_code(name: str, code: bytes) -> None:
    """Keep compiled code for later processes, if there is a place for it."""
    folder = cache_folder()
    if folder is None:
        return
    try:
        folder.mkdir(mode=0o700, exist_ok=True)  # pruned since this process opened it
        write_sealed(folder / name, code)
    except OSError as error:
        _complain(folder, error.strerror or str(error))


@functools.cache
def _complain(folder: Path, reason: str) -> None:
    """Say once why nothing is kept; it matters to nobody but the next process."""
    _log.warning("kernel cache %s: cannot be written (%s); %s", folder, reason, _WAY_OUT)


_WAY_OUT = "kernels are compiled anew in each process; set SPIKESIM_CACHE to a folder of your own"


def prune(root: Path) -> None:
    """Remove folders of compiled kernels that other versions made, and that nobody uses.

    The newest few stay, and all that a process opened within a day. A process that still runs
    with a folder that goes, compiles anew what it has not loaded yet.
    """
    used = []
    for folder in root.glob(_FOLDERS):
        try:
            used.append((folder.stat().st_mtime, folder))
        except FileNotFoundError:
            continue  # another process was faster
    for when, folder in sorted(used, reverse=True)[_KEPT:]:
        if time.time() - when > _KEPT_SECONDS:
            # Renamed first: nobody must find a folder that is half there.
            doomed = folder.with_name(f"{folder.name}-{os.getpid()}")
            try:
                folder.rename(doomed)
            except OSError:
                continue
            shutil.rmtree(doomed, ignore_errors=True)


@functools.cache
def source_key() -> str:
    """Hash of all kernel sources; a kernel that calls others has code of theirs in it."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
