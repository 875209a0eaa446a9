# SPDX-License-Identifier: Apache-2.0
"""The skip rule and the time limits of tests/conftest.py, tried on test runs of their own."""

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


# The loop is compiled code that has let go of the interpreter and never takes a signal.
HANGING = """
import ctypes, numba, pytest

@numba.njit("void(int64[:])", nogil=True)
def spin(flag):
    while flag[0] == 0:
        flag[1] += 1

def test_compiled_code_hangs():
    import numpy as np
    spin(np.zeros(2, np.int64))

def test_after():
    pass
"""


def run_pytest(
    folder: Path, source: str, ci: str | None, *options: str
) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_sample.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    env = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTEST_ADDOPTS")}
    env |= {} if ci is None else {"CI": ci}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    command += options
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


def test_every_test_has_a_limit_and_the_marks_have_longer_ones(pytestconfig):
    assert 300 == float(pytestconfig.getini("timeout"))
    assert "thread" == pytestconfig.getini("timeout_method")
    assert pytestconfig.pluginmanager.hasplugin("timeout")


def test_a_test_gets_the_longest_limit_of_its_marks_and_its_own_before_them(tmp_path):
    source = """
import pytest
LIMITS = {"test_plain": None, "test_rtl": 900, "test_both": 3600, "test_own": 7}

def test_plain(): pass

@pytest.mark.rtl
def test_rtl(): pass

@pytest.mark.rtl
@pytest.mark.slow
def test_both(): pass

@pytest.mark.slow
@pytest.mark.timeout(7)
def test_own(): pass

@pytest.fixture(autouse=True)
def limit(request):
    marker = request.node.get_closest_marker("timeout")
    assert LIMITS[request.node.name] == (marker and marker.args[0])
"""
    result = run_pytest(tmp_path, source, None)
    assert "4 passed" in result.stdout, result.stdout


@pytest.mark.parametrize("processes", [0, 1])
def test_compiled_code_that_hangs_is_ended_and_named(tmp_path, processes):
    options = ["--timeout=5", "--timeout-method=thread", "-n", str(processes)]
    result = run_pytest(tmp_path, HANGING, None, *options)
    assert result.returncode == 1, result.stdout
    assert "test_compiled_code_hangs" in result.stdout + result.stderr
    if processes:  # the others go on in a new process
        assert "1 failed, 1 passed" in result.stdout
