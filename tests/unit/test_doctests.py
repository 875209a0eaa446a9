# SPDX-License-Identifier: Apache-2.0
"""Examples in docstrings run as written."""

import doctest
import importlib
import pkgutil

import pytest

import spikesim

PACKAGES = (
    "analysis", "core", "core/text", "fixed", "kernels", "kernels/generate", "learning", "models",
    "network", "neurons", "sim",
)  # fmt: skip


def _modules():
    names = ["spikesim.errors", "spikesim.units", "spikesim.engines"]
    for package in PACKAGES:
        folder = f"{spikesim.__path__[0]}/{package}"
        names += [
            f"spikesim.{package.replace('/', '.')}.{m.name}" for m in pkgutil.iter_modules([folder])
        ]
    return names


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_hold(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0
