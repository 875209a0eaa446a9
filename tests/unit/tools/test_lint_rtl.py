# SPDX-License-Identifier: Apache-2.0
"""Verilog lint: each tool accepts a clean module and finds the fault it is there for."""

import re
import subprocess

import pytest

import core_corners
import core_spec
import lint_rtl
from spikesim.hw.config import CoreConfig
from spikesim.hw.rtl.toolchain import verilator_command, verilator_env

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


NARROW = """\
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module spk_top #(
    parameter integer VB = 18
) (
    input  wire          clk,
    input  wire [VB-1:0] a_i,
    output reg  [VB-1:0] a_q
);
    always @(posedge clk) a_q <= a_i + 18'd1;
endmodule
`default_nettype wire
"""


def test_a_fault_that_only_a_corner_shows_is_found(design, capsys, monkeypatch):
    (design.parent / "spk_top.v").write_text(NARROW)
    monkeypatch.setattr(lint_rtl, "load", lambda path: "the specification")
    monkeypatch.setattr(lint_rtl, "corners", lambda spec: [{"VB": 18}])
    assert lint_rtl.main(["verilator"]) == 0
    monkeypatch.setattr(lint_rtl, "corners", lambda spec: [{"VB": 18}, {"VB": 16}])
    assert lint_rtl.main(["verilator"]) == 1
    said = capsys.readouterr().out
    assert "WIDTHTRUNC" in said
    assert "[{'VB': 16}]" in said


def test_every_module_lies_below_a_top_that_is_linted_at_the_corners():
    named = {path.stem for path in lint_rtl.rtl_files()}
    used = {
        word
        for path in lint_rtl.rtl_files()
        for word in re.findall(r"^ *(spk_\w+) (?:#\(|u_)", path.read_text(), re.MULTILINE)
    }
    assert named - used == set(lint_rtl.CORNER_TOPS)


def _elaborates(parameters):
    command = [verilator_command(), "--lint-only", "--top-module", "spk_core_check"]
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    done = subprocess.run(
        [*command, str(lint_rtl.HDL / "rtl" / "spk_core_check.v")],
        env=verilator_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return set(re.findall(r"spk_illegal_parameter_(\w+)'", done.stderr)), done.returncode


def _sides():
    """Each limit of each parameter in the core that has it, and the value behind it."""
    spec = core_spec.load(lint_rtl.SPEC)
    default = {p.name: p.value for p in spec.parameters}
    for p in spec.parameters:
        step = 2 if p.power_of_two else 1
        for value, beyond in (
            (p.low, p.low // step - (step == 1)),
            (p.high, p.high * step + 2 - step),
        ):
            core = core_corners.nearest(spec, default | {p.name: value}, fixed=(p.name,))
            yield pytest.param(core, p.name, beyond, id=f"{p.name}-{value}-{beyond}")


@pytest.mark.parametrize(("core", "name", "beyond"), list(_sides()))
def test_elaboration_stops_right_behind_each_limit(core, name, beyond):
    assert (set(), 0) == _elaborates(core)
    named, code = _elaborates(core | {name: beyond})
    assert name in named
    assert code


def test_corners_hold_every_limit_and_choice_and_can_be_built():
    spec = core_spec.load(lint_rtl.SPEC)
    found = core_corners.corners(spec)
    assert all(CoreConfig.from_parameters(values).parameters() == values for values in found)
    for p in spec.parameters:
        assert set(p.choices or (p.low, p.high)) <= {values[p.name] for values in found}


def test_a_limit_that_the_relations_exclude_is_reported():
    spec = core_spec.load(lint_rtl.SPEC)
    with pytest.raises(ValueError, match=r"has \{'NSEG': 32\}"):
        core_corners.nearest(
            spec, {p.name: p.value for p in spec.parameters} | {"NSEG": 32}, ("NSEG",)
        )


def test_unknown_tool_is_refused(capsys):
    assert lint_rtl.main(["spyglass"]) == 2
    assert "expected one of" in capsys.readouterr().err
