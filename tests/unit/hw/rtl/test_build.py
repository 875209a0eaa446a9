# SPDX-License-Identifier: Apache-2.0
"""Libraries are built once, appear whole, and fail with the tool's own words."""

import pytest

from spikesim.hw.rtl.build import build_library, hdl_root, sources
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
