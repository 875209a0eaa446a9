# SPDX-License-Identifier: Apache-2.0
"""The generated files agree with the specification and with each other, and staleness is seen."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import core_spec
import gen_core

ROOT = Path(__file__).parents[3]
TOP = """\
`default_nettype none
module top (output wire [15:0] address_o);
`include "spk_core_defs.vh"
    assign address_o = SPK_REG_STEP;
endmodule
`default_nettype wire
"""


@pytest.fixture(scope="module")
def raw():
    return tomllib.loads((ROOT / gen_core.SPEC).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def texts():
    return {
        path.name: text
        for path, text in gen_core.outputs(core_spec.load(ROOT / gen_core.SPEC)).items()
    }


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "hdl/spec").mkdir(parents=True)
    shutil.copy(ROOT / gen_core.SPEC, tmp_path / gen_core.SPEC)
    assert gen_core.main(["--root", str(tmp_path)]) == 0
    return tmp_path


@pytest.fixture(scope="module")
def generated(texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("generated") / "generated_core.py"
    path.write_text(texts["generated.py"])
    spec = importlib.util.spec_from_file_location("generated_core", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["generated_core"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["generated_core"]


def verilog_value(texts, name):
    match = re.search(rf"SPK_{name} = (?:\d+'([dh]))?([0-9A-Fa-f]+);", texts["spk_core_defs.vh"])
    assert match, f"no localparam SPK_{name}"
    return int(match[2], 16 if match[1] == "h" else 10)


def c_value(texts, name):
    match = re.search(rf"#define SPK_{name} (0x[0-9A-F]+|\d+)u\n", texts["spk_core_defs.h"])
    assert match, f"no macro SPK_{name}"
    return int(match[1], 0)


def test_committed_files_are_up_to_date():
    assert gen_core.main(["--check", "--root", str(ROOT)]) == 0


def test_output_is_deterministic():
    spec = core_spec.load(ROOT / gen_core.SPEC)
    assert gen_core.outputs(spec) == gen_core.outputs(core_spec.load(ROOT / gen_core.SPEC))


def test_commands_are_equal_in_three_languages(raw, texts, generated):
    for name, entry in raw["commands"].items():
        assert entry["code"] == generated.Command[name]
        assert entry["code"] == verilog_value(texts, f"CMD_{name}")
        assert entry["code"] == c_value(texts, f"CMD_{name}")


def test_status_codes_are_equal_in_three_languages(raw, texts, generated):
    for name, entry in raw["status"].items():
        assert entry["code"] == generated.Status[name]
        assert entry["code"] == verilog_value(texts, f"ST_{name}")
        assert entry["code"] == c_value(texts, f"ST_{name}")


def test_registers_are_equal_in_three_languages(raw, texts, generated):
    assert list(raw["registers"]) == list(generated.REGISTERS)
    for name, entry in raw["registers"].items():
        register = generated.REGISTERS[name]
        expected = (entry["address"], entry["width"], entry["access"] == "rw", entry["doc"])
        assert expected == (register.address, register.width, register.writable, register.doc)
        assert entry["address"] == verilog_value(texts, f"REG_{name}")
        assert entry["address"] == c_value(texts, f"REG_{name}")


def test_windows_carry_code_stride_and_access(raw, texts, generated):
    for name, entry in raw["windows"].items():
        layout = generated.WINDOWS[generated.Window[name]]
        assert (entry["stride"], entry["writable"]) == (layout.stride, layout.writable)
        assert entry["stride"] == verilog_value(texts, f"STRIDE_{name}")
        assert entry["code"] == c_value(texts, f"WIN_{name}")


def test_masks_are_shifted_bits(raw, texts, generated):
    for name, entry in raw["clear"].items():
        assert 1 << entry["bit"] == generated.Clear[name]
        assert entry["bit"] == verilog_value(texts, f"CLEAR_{name}_BIT")
    for name, entry in raw["status_bits"].items():
        assert 1 << entry["bit"] == generated.StatusBit[name]


def test_fields_keep_position_width_and_sign(raw, texts, generated):
    for window, table in raw["fields"].items():
        for name, entry in table.items():
            field = generated.FIELDS[generated.Window[window]][name]
            expected = (entry["lsb"], entry["width"], entry.get("signed", False))
            assert expected == (field.lsb, field.width, field.signed)
            assert entry["lsb"] == verilog_value(texts, f"{window}_{name.upper()}_LSB")
            assert entry["width"] == c_value(texts, f"{window}_{name.upper()}_WIDTH")


def test_numbers_reach_every_language(raw, texts, generated):
    for name, entry in raw["limits"].items():
        assert entry["value"] == getattr(generated, name)
        assert entry["value"] == verilog_value(texts, name) == c_value(texts, name)
    for name, entry in raw["timing"].items():
        assert entry["value"] == getattr(generated, f"CYCLES_{name}")
        assert entry["value"] == verilog_value(texts, f"CYCLES_{name}")
    assert {n: e["value"] for n, e in raw["parameters"].items()} == generated.DEFAULT_PARAMETERS


def test_wide_register_spans_halfwords(generated):
    assert generated.Reg.TOTAL_CYCLES.halfwords == 3
    assert generated.Reg.STATUS.halfwords == 1


def test_reference_page_names_every_entry(raw, texts):
    for table in ("commands", "status", "windows", "clear", "registers", "limits", "timing"):
        for name in raw[table]:
            assert f"| `{name}` |" in texts["core.md"], name


@pytest.mark.parametrize(
    "path", list(gen_core.outputs(core_spec.load(ROOT / gen_core.SPEC))), ids=str
)
def test_edited_file_is_stale(checkout, path, capsys):
    (checkout / path).write_text((checkout / path).read_text() + "\n")
    assert gen_core.main(["--check", "--root", str(checkout)]) == 1
    assert str(path) in capsys.readouterr().err
    assert gen_core.main(["--root", str(checkout)]) == 0
    assert gen_core.main(["--check", "--root", str(checkout)]) == 0


def test_missing_file_is_stale(checkout):
    (checkout / "docs/reference/core.md").unlink()
    assert gen_core.main(["--check", "--root", str(checkout)]) == 1


def test_changed_specification_makes_everything_stale(checkout, capsys):
    spec = checkout / gen_core.SPEC
    text = spec.read_text()
    assert "BUSY           = { code = 7," in text
    spec.write_text(text.replace("BUSY           = { code = 7,", "BUSY           = { code = 77,"))
    assert gen_core.main(["--check", "--root", str(checkout)]) == 1
    assert capsys.readouterr().err.count("is stale") == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("STOP     = { code = 7,", "STOP     = { code = 6,", "commands.STOP: 6 is taken by RUN"),
        ("CORE         = { address = 3,", "CORE         = { address = 1,", "taken by MAGIC"),
        ("delay  = { lsb = 32,", "delay  = { lsb = 31,", "fields.SEG.delay: 31 is taken by count"),
        (
            "next   = { lsb = 48,",
            "next   = { lsb = 49,",
            "fields.SEG.next: 49 to 64 leaves 0 to 63",
        ),
        ("[fields.SEG]", "[fields.ROW]", "fields.ROW: no window of that name"),
        ('N            = { address = 6,  width = 16, access = "ro"', "N = { address = 6", "key"),
        ("[timing]", "[timings]", "missing tables"),
    ],
)
def test_contradiction_is_reported_with_its_place(checkout, capsys, old, new, message):
    spec = checkout / gen_core.SPEC
    text = spec.read_text()
    assert old in text, "the specification changed; adapt this case"
    spec.write_text(text.replace(old, new))
    assert gen_core.main(["--root", str(checkout)]) == 2
    assert message in capsys.readouterr().err


def test_every_contradiction_is_reported_at_once(checkout, capsys):
    spec = checkout / gen_core.SPEC
    text = spec.read_text().replace("STOP     = { code = 7,", "STOP     = { code = 6,")
    spec.write_text(text.replace("delay  = { lsb = 32,", "delay  = { lsb = 31,"))
    gen_core.main(["--root", str(checkout)])
    said = capsys.readouterr().err
    assert "commands.STOP" in said
    assert "fields.SEG.delay" in said


def test_generated_python_is_formatted_and_lint_clean(texts, tmp_path):
    path = tmp_path / "generated.py"
    path.write_text(texts["generated.py"])
    ruff = str(Path(sys.executable).parent / "ruff")
    config = f"--config={ROOT / 'pyproject.toml'}"
    for command in (["check", config], ["format", config, "--check"]):
        done = subprocess.run(
            [ruff, *command, str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_generated_c_compiles_without_warnings(texts, tmp_path):
    (tmp_path / "spk_core_defs.h").write_text(texts["spk_core_defs.h"])
    source = (
        '#include "spk_core_defs.h"\nunsigned f(void);\nunsigned f(void) { return SPK_CMD_PING; }\n'
    )
    (tmp_path / "use.c").write_text(source)
    command = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-c", "use.c", "-o", "use.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_generated_verilog_elaborates_inside_a_module(texts, tmp_path):
    from spikesim.hw.rtl.toolchain import verilator_command, verilator_env

    (tmp_path / "spk_core_defs.vh").write_text(texts["spk_core_defs.vh"])
    (tmp_path / "top.v").write_text(TOP)
    command = [
        verilator_command(),
        "--lint-only",
        "-Wall",
        "--default-language",
        "1364-2005",
        "top.v",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=verilator_env(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
