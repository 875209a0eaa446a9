# SPDX-License-Identifier: Apache-2.0
"""The skip rule of tests/conftest.py, tried on a test run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"
SKIPPING = """
import pytest

def test_needs_a_tool():
    pytest.skip("iverilog is not installed")

def test_runs():
    pass
"""
MODULE_SKIPPING = """
import pytest
pytest.importorskip("a_module_that_is_not_there")
"""


def run_pytest(folder: Path, source: str, ci: str | None) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_sample.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    env = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTEST_ADDOPTS")}
    env |= {} if ci is None else {"CI": ci}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("ci", [None, "", "0", "false"])
def test_skip_stays_a_skip_on_a_desk(tmp_path, ci):
    result = run_pytest(tmp_path, SKIPPING, ci)
    assert result.returncode == 0, result.stdout
    assert "1 passed, 1 skipped" in result.stdout


@pytest.mark.parametrize("ci", ["true", "1"])
def test_skip_fails_in_ci_with_its_reason(tmp_path, ci):
    result = run_pytest(tmp_path, SKIPPING, ci)
    assert result.returncode == 1, result.stdout
    assert "1 failed, 1 passed" in result.stdout
    assert "iverilog is not installed" in result.stdout


def test_skipped_module_fails_in_ci(tmp_path):
    result = run_pytest(tmp_path, MODULE_SKIPPING, "true")
    assert result.returncode != 0, result.stdout
    assert "a_module_that_is_not_there" in result.stdout


def test_expected_failure_is_no_skip(tmp_path):
    source = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_x():\n    assert False\n"
    result = run_pytest(tmp_path, source, "true")
    assert result.returncode == 0, result.stdout
