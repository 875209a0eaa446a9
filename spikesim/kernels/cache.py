# SPDX-License-Identifier: Apache-2.0
"""Generated kernels live in files, because numba keeps compiled code only for files."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import ModuleType

import numba

_PREFIX = "spikesim_generated_"
# A module is listed before it has run: another thread must not take it half made.
_LOADING = threading.RLock()
_FOLDERS = "numba-*-py*"
_KEPT, _KEPT_SECONDS = 4, 86_400.0
"""Folders that stay in any case, and how long the others stay after their last use."""


@functools.cache
def cache_folder() -> Path:
    """Folder of generated kernels, one for each version of numba, Python and the kernel sources.

    In $SPIKESIM_CACHE, else in the user's cache, else a temporary one.
    """
    user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "spikesim"
    root = Path(os.environ.get("SPIKESIM_CACHE") or user)
    python = f"py{sys.version_info[0]}{sys.version_info[1]}"
    folder = root / f"numba-{numba.__version__}-{python}-{source_key()}"
    try:
        known = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        # A read-only home: compile anew in every process rather than fail.
        return Path(tempfile.mkdtemp(prefix="spikesim-"))
    if not known:
        prune(root)
    return folder


def prune(root: Path) -> None:
    """Remove folders of generated kernels that other versions made, and that nobody uses.

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
    """Hash of all kernel sources; numba itself sees changes in the outermost file only."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def load_generated(text: str) -> ModuleType:
    """Import a generated kernel file, writing it first where it does not exist yet.

    Parameters
    ----------
    text : str
        Python source. Equal text gives the same module; compiled code is kept between
        processes as long as text and kernel sources stay the same.

    Returns
    -------
    module
    """
    name = _PREFIX + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    with _LOADING:
        if name in sys.modules:
            return sys.modules[name]
        path = cache_folder() / f"{name}.py"
        if not path.exists():
            _write(path, text)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


def _write(path: Path, text: str) -> None:
    """Write a file that other processes may write too: it appears whole or not at all."""
    path.parent.mkdir(exist_ok=True)  # pruned since this process opened it
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
