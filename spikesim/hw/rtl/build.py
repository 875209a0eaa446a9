# SPDX-License-Identifier: Apache-2.0
"""Build the Verilated core as a shared library, once for each set of parameters.

Verilator writes C++, one compiler call turns it into a library. Verilator's own runtime is the
larger part of the compile time, so its object is kept and shared by all libraries.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from spikesim.core.sealed import folder_doubt, read_sealed, write_sealed
from spikesim.hw.config import DEFAULT_CLK_HZ, CoreConfig
from spikesim.hw.generated import DEFAULT_BAUD
from spikesim.hw.rtl.toolchain import (
    ToolchainError,
    verilator_command,
    verilator_env,
    verilator_include,
    verilator_version,
)

_log = logging.getLogger(__name__)

TOP = "spk_sim_top"
_HARNESS = "spk_sim.cpp"
_CXXFLAGS = (
    "-std=gnu++17",
    "-O3",
    "-fPIC",
    "-pthread",
    "-fvisibility=hidden",
    "-DVERILATOR=1",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TRACE=0",
)
_VERILATOR_FLAGS = (
    "--cc",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "unique",
    "--noassert",
    "-Wno-lint",
    "-Wno-style",
    "--top-module",
    TOP,
    "--prefix",
    "Vspk",
)
_PACKAGE = Path(__file__).parents[2]
_CHECKOUT = _PACKAGE.parent
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
# Unpacked arrays in the header of the model's root that carry a memory named "mem".
_MEMBER = re.compile(r"VlUnpacked<[^;]*?,\s*\d+>\s+(\w+__DOT__mem);")


def hdl_root() -> Path:
    """Give the folder that holds ``rtl`` and ``sim``.

    It is $SPIKESIM_HDL, else the one that a wheel carries, else ``hdl`` of the checkout.

    Raises
    ------
    ToolchainError
        The sources are in none of them.
    """
    named = os.environ.get("SPIKESIM_HDL")
    places = [Path(named)] if named else [_PACKAGE / "_hdl", _CHECKOUT / "hdl"]
    for root in places:
        if (root / "sim" / _HARNESS).is_file():
            return root
    looked = " or ".join(str(place) for place in places)
    raise ToolchainError(
        f"core sources: expected sim/{_HARNESS} in {looked}, found none; install spikesim anew or "
        "set SPIKESIM_HDL to the hdl folder of a checkout"
    )


def sources(root: Path | None = None) -> list[Path]:
    """Verilog files of the device and of the harness top, sorted."""
    root = hdl_root() if root is None else root
    return [*sorted((root / "rtl").glob("*.v")), root / "sim" / f"{TOP}.v"]


def cache_folder() -> Path:
    """Where libraries are kept: SPIKESIM_CACHE, a checkout's build folder, or the user's cache.

    Raises
    ------
    ToolchainError
        Nothing can be written there, or others could: its files are executed.
    """
    if named := os.environ.get("SPIKESIM_CACHE"):
        folder = Path(named).expanduser()
    elif (_CHECKOUT / "hdl" / "sim" / _HARNESS).is_file():
        folder = _CHECKOUT / "build"
    else:
        user = os.environ.get("XDG_CACHE_HOME")
        folder = (Path(user) if user else Path.home() / ".cache") / "spikesim"
    folder = folder / "rtl"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        doubt = folder_doubt(folder)
        doubt = doubt or (None if os.access(folder, os.W_OK) else "cannot be written")
    except OSError as error:
        doubt = f"cannot be made ({error.strerror})"
    return folder if doubt is None else _private_folder(folder, doubt)


@lru_cache
def _private_folder(folder: Path, doubt: str) -> Path:
    """Give a place for this process alone, and say once why."""
    _log.warning(
        "core libraries %s: not used, since it %s; they are built anew in each process; set "
        "SPIKESIM_CACHE to a folder of your own", folder, doubt,
    )  # fmt: skip
    private = Path(tempfile.mkdtemp(prefix="spikesim-"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    return private


def build_library(
    config: CoreConfig,
    *,
    clk_hz: int = DEFAULT_CLK_HZ,
    baud: int = DEFAULT_BAUD,
    root: Path | None = None,
) -> Path:
    """Give the shared library of a core, built if it is not in the cache.

    Parameters
    ----------
    config : CoreConfig
        Verilog parameters.
    clk_hz, baud : int
        What the device believes its clock to be, hertz, and its rate after reset, bit/s.
    root : Path, optional
        Folder with ``rtl`` and ``sim``; the checkout's own by default.

    Returns
    -------
    Path
        Safe to load while other processes build: it appears whole or not at all. One that is
        damaged, or that somebody else can write, is built anew.

    Raises
    ------
    ToolchainError
        Verilator or a C++ compiler is missing, or refuses the sources.
    """
    root = hdl_root() if root is None else root
    parameters = config.parameters() | {"CLK_HZ": clk_hz, "BAUD": baud}
    files = [*sources(root), root / "sim" / _HARNESS]
    files += sorted((root / "rtl").rglob("*.vh"))
    key = _digest(
        "sealed",
        _compiler_identity(),
        *_VERILATOR_FLAGS,
        *_CXXFLAGS,
        repr(sorted(parameters.items())),
        *(path.read_bytes() for path in files),
    )
    folder = cache_folder()
    library = folder / f"spk-{key}.so"
    if read_sealed(library) is not None:
        return library
    with _locked(folder / f"spk-{key}.lock"):
        if read_sealed(library) is None:
            runtime = _runtime_object(folder)
            with tempfile.TemporaryDirectory(prefix="spk-", dir=folder) as scratch:
                _build(root, parameters, runtime, Path(scratch), library)
    return library


def _build(
    root: Path, parameters: dict[str, int], runtime: Path, scratch: Path, library: Path
) -> None:
    command = [verilator_command(), *_VERILATOR_FLAGS, "-Mdir", str(scratch)]
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    command += [f"-I{root / 'rtl'}", f"-I{root / 'rtl' / 'generated'}"]
    command += [str(path) for path in sources(root)]
    _call(command, "Verilator")
    header = (scratch / "Vspk___024root.h").read_text()
    lines = [f'SPK_MEMORY("{_path(name)}", {name})' for name in sorted(_MEMBER.findall(header))]
    (scratch / "spk_memories.inc").write_text("\n".join(lines) + "\n")
    built = scratch / library.name
    generated = sorted(str(path) for path in scratch.glob("*.cpp"))
    _call(
        [
            _compiler(), *_CXXFLAGS, "-shared", f"-I{scratch}", *_includes(),
            str(root / "sim" / _HARNESS), *generated, str(runtime), "-o", str(built),
        ],
        "the C++ compiler",
    )  # fmt: skip
    write_sealed(library, built.read_bytes())


def _runtime_object(folder: Path) -> Path:
    """Verilator's runtime, compiled once."""
    key = _digest("sealed", _compiler_identity(), *_CXXFLAGS)
    runtime = folder / f"runtime-{key}.o"
    with _locked(folder / f"runtime-{key}.lock"):
        if read_sealed(runtime) is None:
            include = verilator_include()
            with tempfile.TemporaryDirectory(prefix="runtime-", dir=folder) as scratch:
                objects = []
                for name in _RUNTIME:
                    target = Path(scratch) / f"{name}.o"
                    source = str(include / name)
                    _call(
                        [_compiler(), *_CXXFLAGS, *_includes(), "-c", source, "-o", str(target)],
                        "the C++ compiler",
                    )
                    objects.append(str(target))
                joined = Path(scratch) / "runtime.o"
                _call(["ld", "-r", *objects, "-o", str(joined)], "the linker")
                write_sealed(runtime, joined.read_bytes())
    return runtime


def _includes() -> list[str]:
    include = verilator_include()
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def _path(member: str) -> str:
    """Instance path of a memory: Verilator's member name with its escapes undone."""
    name = member.replace("__BRA__", "[").replace("__KET__", "]").replace("__DOT__", ".")
    return name.removeprefix(f"{TOP}.").removesuffix(".mem")


def _compiler() -> str:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise ToolchainError(
            "C++ compiler: expected g++ on PATH, got none; install it (Debian: apt install g++) "
            "or set CXX"
        )
    return compiler


@lru_cache(maxsize=1)
def _compiler_identity() -> str:
    shown = subprocess.run([_compiler(), "--version"], capture_output=True, text=True, check=True)
    return f"{shown.stdout.splitlines()[0]} verilator {verilator_version()}"


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:20]


def _call(command: Sequence[str], who: str) -> None:
    done = subprocess.run(command, env=verilator_env(), capture_output=True, text=True, check=False)
    if done.returncode:
        text = (done.stderr or done.stdout).strip()
        raise ToolchainError(
            f"core library: expected {who} to succeed, got exit code {done.returncode}:\n"
            f"{text[:2000]}"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file; another process that builds the same thing waits here."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
