# SPDX-License-Identifier: Apache-2.0
"""Generated kernels live in files, because numba keeps compiled code only for files."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType

import numba

_PREFIX = "spikesim_generated_"
# A module is listed before it has run: another thread must not take it half made.
_LOADING = threading.RLock()


@functools.cache
def cache_folder() -> Path:
    """Folder of generated kernels: $SPIKESIM_CACHE, else the user's cache, else a temporary one."""
    user = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "spikesim"
    root = os.environ.get("SPIKESIM_CACHE") or user
    version = f"numba-{numba.__version__}-py{sys.version_info[0]}{sys.version_info[1]}"
    folder = Path(root) / version
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        # A read-only home: compile anew in every process rather than fail.
        return Path(tempfile.mkdtemp(prefix="spikesim-"))


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
    key = hashlib.blake2b((source_key() + text).encode(), digest_size=12).hexdigest()
    return load_key(key, text)


def load_key(key: str, text: str | None = None) -> ModuleType:
    """Import the generated file of a key; ``text`` is needed where it was never written."""
    with _LOADING:
        name = _PREFIX + key
        if name in sys.modules:
            return sys.modules[name]
        path = cache_folder() / f"{name}.py"
        if not path.exists():
            assert text is not None
            # Other processes may write the same file: it appears whole or not at all.
            with tempfile.NamedTemporaryFile(
                "w", dir=path.parent, suffix=".tmp", delete=False
            ) as file:
                file.write(text)
            Path(file.name).replace(path)
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
