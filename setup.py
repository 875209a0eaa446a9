# SPDX-License-Identifier: Apache-2.0
"""Packages of the wheel: ``spikesim``, and the Verilog sources as ``spikesim._hdl``.

In a checkout the sources stay in ``hdl/``, beside the package. All other settings are in
pyproject.toml, which cannot say that one folder goes into another.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["spikesim*"]), "spikesim._hdl"],
    package_dir={"spikesim._hdl": "hdl"},
    package_data={
        "spikesim": ["py.typed", "**/*.json", "**/*.html", "**/*.css"],
        "spikesim._hdl": ["rtl/**/*.v", "rtl/**/*.vh", "sim/*.v", "sim/*.cpp", "spec/*.toml",
                          "boards/**/*"],
    },
)  # fmt: skip
