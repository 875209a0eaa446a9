# SPDX-License-Identifier: Apache-2.0
"""Verilog lint: each tool accepts a clean module and finds the fault it is there for."""

import pytest

import lint_rtl

CLEAN = """\
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module spk_one (
    input  wire       clk,
    input  wire [3:0] a_i,
    output reg  [3:0] a_q
);
    always @(posedge clk) a_q <= a_i;
endmodule
`default_nettype wire
"""


@pytest.fixture
def design(tmp_path, monkeypatch):
    hdl = tmp_path / "hdl"
    (hdl / "rtl" / "generated").mkdir(parents=True)
    (hdl / "lint").mkdir()
    (hdl / "lint" / "verible.rules").write_text(lint_rtl.RULES.read_text())
    monkeypatch.setattr(lint_rtl, "ROOT", tmp_path)
    monkeypatch.setattr(lint_rtl, "RULES", hdl / "lint" / "verible.rules")
    monkeypatch.setattr(lint_rtl, "HDL", hdl)
    return hdl / "rtl" / "spk_one.v"


def test_clean_module_passes_every_tool(design, capsys):
    design.write_text(CLEAN)
    assert lint_rtl.main([]) == 0
    assert "1 modules, 0 findings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tool", "old", "new", "said"),
    [
        ("verilator", "a_q <= a_i;", "a_q <= a_i + 5'd1;", "WIDTHTRUNC"),
        ("verilator", "    always", "    wire unseen;\n    always", "UNUSEDSIGNAL"),
        ("verilator", "always @(posedge clk)", "always_ff @(posedge clk)", "syntax error"),
        ("slang", "a_q <= a_i;", "a_q <= b_i;", "does not elaborate"),
        ("verible", "    always", "\talways", "no-tabs"),
        ("verible", "module spk_one (", "module spk_two (", "module-filename"),
    ],
)
def test_fault_is_found(design, capsys, tool, old, new, said):
    assert old in CLEAN
    design.write_text(CLEAN.replace(old, new))
    assert lint_rtl.main([tool]) == 1
    assert said in capsys.readouterr().out


def test_unknown_tool_is_refused(capsys):
    assert lint_rtl.main(["spyglass"]) == 2
    assert "expected one of" in capsys.readouterr().err
