# SPDX-License-Identifier: Apache-2.0
"""``import spikesim`` is light, and every public name can be had from it."""

import subprocess
import sys

import pytest

import spikesim

IMPORT_LIMIT_S = 0.5  # stated in the architecture; a loaded machine is given several tries
HEAVY = ("torch", "numba", "matplotlib", "scipy", "sklearn", "serial", "cocotb")


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_import_loads_no_heavy_library():
    loaded = run_python("import sys, spikesim; print(*sys.modules)").split()
    assert [name for name in HEAVY if name in loaded] == []


def test_import_takes_less_than_half_a_second():
    code = "import time; t = time.process_time(); import spikesim; print(time.process_time() - t)"
    assert min(float(run_python(code)) for _ in range(3)) < IMPORT_LIMIT_S


@pytest.mark.parametrize("name", sorted(spikesim.__all__))
def test_public_name_resolves(name):
    assert getattr(spikesim, name) is not None


def test_public_names_are_listed():
    assert set(spikesim.__all__) <= set(dir(spikesim))


def test_run_is_a_function_and_stays_one():
    assert callable(spikesim.run)
    assert callable(spikesim.run)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'simulte'"):
        spikesim.simulte  # noqa: B018 - the access itself is the test
