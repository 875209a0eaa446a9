# SPDX-License-Identifier: Apache-2.0
"""Examples in docstrings run as written."""

import doctest
import importlib
import pkgutil

import pytest

import spikesim


def _modules():
    found = pkgutil.walk_packages(spikesim.__path__, "spikesim.")
    return [module.name for module in found if not module.name.endswith("__main__")]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_hold(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0
