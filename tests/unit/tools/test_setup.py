# SPDX-License-Identifier: Apache-2.0
"""The front door: help lists every target, and missing system packages are named or installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ("bash", "env", "make", "g++", "perl", "iverilog", "python3")
FAKE = "#!/bin/bash\n"


@pytest.fixture
def path(tmp_path):
    """A PATH folder with links to the real tools and a fake `id` of an ordinary user."""
    for name in TOOLS:
        real = sys.executable if name == "python3" else shutil.which(name)
        assert real, f"{name} is needed by the test itself"
        write(tmp_path, name, f'{FAKE}exec "{real}" "$@"\n')
    write(tmp_path, "id", f"{FAKE}echo 1000\n")
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def system_packages(path: Path) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    command = [bash, "--noprofile", str(ROOT / "tools/system_packages.sh"), "python3"]
    env = {"PATH": str(path), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_complete_machine_needs_nothing(path):
    result = system_packages(path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_ordinary_user_is_told_what_to_install(path):
    (path / "iverilog").unlink()
    (path / "g++").unlink()
    result = system_packages(path)
    assert result.returncode == 1
    assert "sudo apt-get install g++ iverilog" in result.stderr


def test_perl_without_the_launchers_modules_counts_as_missing(path):
    write(path, "perl", f"{FAKE}exit 2\n")
    result = system_packages(path)
    assert result.returncode == 1
    assert "missing: perl" in result.stderr


def test_root_installs_what_is_missing(path):
    (path / "iverilog").unlink()
    write(path, "id", f"{FAKE}echo 0\n")
    write(path, "apt-get", f'{FAKE}echo "$@" >> "{path}/calls"\n')
    result = system_packages(path)
    assert result.returncode == 0, result.stderr
    calls = (path / "calls").read_text().splitlines()
    assert calls[0].startswith("update")
    assert calls[1].endswith(" iverilog")


def test_old_python_is_refused_with_the_way_out(path):
    write(path, "python3", f'{FAKE}[ "$1" = --version ] && echo "Python 3.9.2"\nexit 1\n')
    result = system_packages(path)
    assert result.returncode == 1
    assert "Python 3.9.2 is too old" in result.stderr
    assert "make setup PYTHON=" in result.stderr


def test_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"\.PHONY: ((?:.*\\\n)*.*)\n", makefile)[1].replace("\\\n", " ").split()
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(targets) == set(re.findall(r"^  make ([a-z-]+) ", shown.stdout, re.MULTILINE))


def test_every_pinned_requirement_is_in_the_constraints():
    pins = set(re.findall(r"^(\S+==\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    exact = set(re.findall(r'"([\w-]+==[^"]+)"', (ROOT / "pyproject.toml").read_text()))
    assert exact
    assert exact - pins == set()
