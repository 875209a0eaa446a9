# SPDX-License-Identifier: Apache-2.0
"""Build wheel and sdist, install the wheel outside the checkout, and run every engine from it.

The clean environment sees the libraries of the one that runs this script, so nothing is
downloaded, but not its editable install. ``make test-wheel`` calls it; results in build/wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import check_style

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ROOT / "tools" / "wheel_engines.py"
HDL_PARTS = ("rtl", "sim", "spec", "boards")
# What would lead an import or a build back to the checkout or to a cache that is already warm.
STRAYS = ("PYTHONPATH", "SPIKESIM_HDL", "SPIKESIM_CACHE")


def main() -> int:
    """Build, compare, install, run; 1 with a sentence when something is wrong."""
    out = ROOT / "build" / "wheel"
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="spikesim-wheel-") as name:
        scratch = Path(name)
        source = _tracked_files(scratch / "source")
        # Without options, build makes the sdist, then the wheel from the sdist.
        _call("-m", "build", "--no-isolation", "--outdir", out, source)
        _call("-m", "build", "--no-isolation", "--wheel", "--outdir", scratch / "direct", source)
        (wheel,), (direct,) = out.glob("*.whl"), (scratch / "direct").glob("*.whl")
        if problems := differences(contents(wheel), contents(direct)):
            print(f"wheel: from the sdist it is another than from the checkout: {problems}")
            return 1
        if problems := sorted(wanted(check_style.project_files()) - contents(wheel).keys()):
            print(f"wheel: expected these files too; name them in setup.py: {problems}")
            return 1
        python = _environment(scratch / "venv", wheel)
        environment = {k: v for k, v in os.environ.items() if k not in STRAYS}
        environment["XDG_CACHE_HOME"] = str(scratch / "cache")
        script = shutil.copy(ENGINES, scratch)
        command = [str(python), str(script), str(scratch / "venv"), str(scratch / "cache")]
        done = subprocess.run(command, cwd=scratch, env=environment, check=False)
    print(f"wheel: {wheel.name} {'failed' if done.returncode else 'ran on every engine'}")
    return done.returncode


def contents(wheel: Path) -> dict[str, int]:
    """Give the CRC-32 of every file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


def wanted(tracked: Iterable[Path]) -> set[str]:
    """Names in the wheel of the files that it must carry.

    Examples
    --------
    >>> sorted(wanted([Path("spikesim/py.typed"), Path("hdl/sim/a.cpp"), Path("hdl/README.md")]))
    ['spikesim/_hdl/sim/a.cpp', 'spikesim/py.typed']
    """
    names = set()
    for path in tracked:
        if path.parts[0] == "spikesim":
            names.add(path.as_posix())
        elif path.parts[:2] in {("hdl", part) for part in HDL_PARTS}:
            names.add(f"spikesim/_hdl/{path.relative_to('hdl').as_posix()}")
    return names


def differences(one: dict[str, int], other: dict[str, int]) -> list[str]:
    """Names of files that only one has or that are not the same."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _tracked_files(target: Path) -> Path:
    """Copy what git would commit: a build in the checkout leaves folders, and finds old ones."""
    for path in check_style.project_files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target / path)
    return target


def _environment(folder: Path, wheel: Path) -> Path:
    """Make an environment with the wheel; gives its interpreter."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    _call("-m", "pip", "--disable-pip-version-check", "--python", python, "install", "-q",
          "--no-deps", "--no-index", wheel)  # fmt: skip
    place = sysconfig.get_path("purelib", "venv", vars={"base": str(folder)})
    # Behind the environment's own packages, and without the .pth file of the editable install.
    libraries = "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (Path(place) / "libraries.pth").write_text(f"{libraries}\n")
    return python


def _call(*arguments: str | Path) -> None:
    command: Sequence[str] = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"wheel: {' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
