# SPDX-License-Identifier: Apache-2.0
"""Libraries are built once, appear whole, and fail with the tool's own words."""

import os
import shutil
from pathlib import Path

import pytest

from spikesim.hw.rtl import build
from spikesim.hw.rtl.build import build_library, cache_folder, hdl_root, sources
from spikesim.hw.rtl.toolchain import ToolchainError
from tests.equivalence.random_programs import SMALL


@pytest.mark.rtl
def test_a_library_is_built_once_for_each_set_of_parameters():
    first = build_library(SMALL)
    written = first.stat().st_mtime_ns
    assert (first, written) == (build_library(SMALL), first.stat().st_mtime_ns)


def test_missing_sources_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SPIKESIM_HDL", str(tmp_path))
    with pytest.raises(ToolchainError, match="SPIKESIM_HDL"):
        hdl_root()


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A package that stands outside a checkout, with the sources a wheel carries."""
    package = tmp_path / "site-packages" / "spikesim"
    (package / "_hdl" / "sim").mkdir(parents=True)
    (package / "_hdl" / "sim" / "spk_sim.cpp").touch()
    monkeypatch.setattr(build, "_PACKAGE", package)
    monkeypatch.setattr(build, "_CHECKOUT", package.parent)
    monkeypatch.delenv("SPIKESIM_HDL", raising=False)
    monkeypatch.delenv("SPIKESIM_CACHE", raising=False)
    return package


def test_an_installed_package_brings_its_sources(installed):
    assert installed / "_hdl" == hdl_root()
    (installed / "_hdl" / "sim" / "spk_sim.cpp").unlink()
    with pytest.raises(ToolchainError, match=r"_hdl or .*hdl, found none"):
        hdl_root()


def test_an_installed_package_builds_in_the_users_cache(installed, monkeypatch, tmp_path):
    (installed.parent / "pyproject.toml").touch()  # of whoever installed into this folder
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert tmp_path / "cache" / "spikesim" / "rtl" == cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / ".cache" / "spikesim" / "rtl" == cache_folder()


def test_a_tilde_stands_for_the_home_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPIKESIM_CACHE", "~/kept")
    monkeypatch.chdir(tmp_path)
    assert tmp_path / "kept" / "rtl" == cache_folder()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(("owner", "trusted"), [(0, True), (1000, True), (1001, False)])
def test_a_cache_is_trusted_if_it_is_of_the_user_or_of_root(monkeypatch, tmp_path, owner, trusted):
    monkeypatch.setenv("SPIKESIM_CACHE", str(tmp_path))
    cache_folder()
    own = Path.stat

    def stat(path, **options):
        known = own(path, **options)
        values = list(known)
        values[4] = owner
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert trusted == (tmp_path / "rtl" == cache_folder())


def test_the_sources_hold_the_device_and_the_harness_top():
    names = {path.stem for path in sources()}
    assert {"spk_soc", "spk_core", "spk_uart_rx", "spk_sim_top"} <= names


@pytest.mark.rtl
def test_sources_that_do_not_compile_leave_no_library(monkeypatch, tmp_path):
    for folder in ("rtl", "sim"):
        (tmp_path / folder).mkdir()
    (tmp_path / "sim" / "spk_sim.cpp").write_text("int main() {}")
    (tmp_path / "sim" / "spk_sim_top.v").write_text("module spk_sim_top; oops endmodule")
    monkeypatch.setenv("SPIKESIM_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ToolchainError, match=r"(?s)Verilator to succeed.*syntax error"):
        build_library(SMALL, root=tmp_path)
    assert [] == list((tmp_path / "cache").rglob("spk-*.so"))


@pytest.mark.rtl
@pytest.mark.parametrize("damage", ["bit", "cut", "mode"])
def test_a_library_that_is_damaged_or_anybodys_is_built_anew(monkeypatch, tmp_path, damage, caplog):
    monkeypatch.setenv("SPIKESIM_CACHE", str(tmp_path))
    made = []

    def instead(root, parameters, runtime, scratch, library):
        # The compiler takes a minute; what it gives is not asked for here.
        made.append(library)
        build.write_sealed(library, bytes(1000))

    monkeypatch.setattr(build, "_build", instead)
    monkeypatch.setattr(build, "_runtime_object", lambda folder: folder)
    library = build_library(SMALL)
    whole = library.read_bytes()
    if damage == "mode":
        library.chmod(0o666)
    else:
        at = 500
        library.write_bytes(whole[:at] if damage == "cut" else whole[:at] + b"!" + whole[at + 1 :])
    assert library == build_library(SMALL)
    assert (whole, 2) == (library.read_bytes(), len(made))
    assert str(library) in caplog.text
    assert library == build_library(SMALL)
    assert 2 == len(made)


def test_a_cache_folder_that_cannot_be_used_is_named_once(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    (tmp_path / "open" / "rtl").mkdir(parents=True)
    (tmp_path / "open" / "rtl").chmod(0o777)
    for place, reason in (("file", "cannot be made"), ("open", "may be written by others")):
        caplog.clear()
        monkeypatch.setenv("SPIKESIM_CACHE", str(tmp_path / place))
        private = build.cache_folder()
        assert private == build.cache_folder()
        (record,) = caplog.records
        assert reason in record.getMessage()
        assert 0o700 == private.stat().st_mode & 0o777
        shutil.rmtree(private)
