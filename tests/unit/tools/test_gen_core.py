# SPDX-License-Identifier: Apache-2.0
"""The generated files agree with the specification and with each other, and staleness is seen."""

import binascii
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zlib
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
    for table in ("limits", "frame", "line"):
        for name, entry in raw[table].items():
            assert entry["value"] == getattr(generated, name)
            assert entry["value"] == verilog_value(texts, name) == c_value(texts, name)
    for name, entry in raw["timing"].items():
        assert entry["value"] == getattr(generated, f"CYCLES_{name}")
        assert entry["value"] == verilog_value(texts, f"CYCLES_{name}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FENCE", 0x80), ("MIN_FRAME", 4), ("MAX_FRAME", 252), ("MAX_LINE", 254),
        ("SEQUENCE_NUMBERS", 256), ("MAX_INCREMENT", (1 << 24) - 1), ("MARKER", 0x8000),
        ("STEP_MASK", 0x7FFF), ("DECAY_ONE", 4096), ("MAX_COUNT", 0xFFFF), ("CLEAR_ALL", 0x3F),
        ("CTRL_ALL", 1),
    ],
)  # fmt: skip
def test_what_follows_from_the_specification_reaches_every_language(
    texts, generated, name, expected
):
    assert expected == getattr(generated, name)
    assert expected == verilog_value(texts, name) == c_value(texts, name)


def test_parameters_carry_default_and_range(raw, texts, generated):
    assert list(raw["parameters"]) == list(generated.PARAMETERS)
    for name, entry in raw["parameters"].items():
        choices = tuple(entry.get("choices", ()))
        low, high = (choices[0], choices[-1]) if choices else (entry["min"], entry["max"])
        parameter = generated.PARAMETERS[name]
        expected = (entry["value"], low, high, choices, entry.get("power_of_two", False))
        assert expected == (
            parameter.default, parameter.low, parameter.high, parameter.choices,
            parameter.power_of_two,
        )  # fmt: skip
        for prefix, suffix, value in (("DEFAULT_", "", expected[0]), ("", "_MIN", low)):
            assert value == verilog_value(texts, f"{prefix}{name}{suffix}")
        assert high == c_value(texts, f"{name}_MAX")


def test_relations_hold_in_python_where_their_text_does(generated):
    values = {name: p.default for name, p in generated.PARAMETERS.items()}
    cases = {"N <= MAX_GROUPS * L": ("N", 2048, 2049), "NSEG >= A + N": ("NSEG", 512, 511),
             "SPKQ >= N + 2": ("SPKQ", 258, 257), "(L * WB) % 16 == 0": ("L", 2, 3)}  # fmt: skip
    assert set(cases) == {relation.holds for relation in generated.RELATIONS}
    for relation in generated.RELATIONS:
        name, good, bad = cases[relation.holds]
        assert relation.holds_for(values | {name: good})
        assert not relation.holds_for(values | {name: bad})


@pytest.mark.parametrize(
    ("table", "command", "shortest", "longest"),
    [
        ("REQUESTS", "PING", 4, 4), ("REQUESTS", "READ", 5, 5), ("REQUESTS", "WRITE", 6, 248),
        ("REQUESTS", "CRC32", 7, 7), ("REQUESTS", "EVENTS", 4, 248), ("REQUESTS", "RUN", 4, 4),
        ("REQUESTS", "STOP", 0, 0), ("REQUESTS", "CLEAR", 2, 2), ("REQUESTS", "SPIKES", 1, 1),
        ("REQUESTS", "ARGMAX", 4, 4), ("REQUESTS", "SET_BAUD", 4, 4), ("REPLIES", "PING", 10, 10),
        ("REPLIES", "READ", 2, 248), ("REPLIES", "SPIKES", 6, 246), ("REPLIES", "WRITE", 0, 0),
    ],
)  # fmt: skip
def test_payload_sizes_are_equal_in_three_languages(
    texts, generated, table, command, shortest, longest
):
    layout = getattr(generated, table)[generated.Command[command]]
    lengths = [n for n in range(300) if layout.fits(n)]
    assert (shortest, longest) == (lengths[0], lengths[-1])
    who = f"{command}_{'REQUEST' if table == 'REQUESTS' else 'REPLY'}"
    for value in (verilog_value, c_value):
        assert (shortest, longest) == (value(texts, f"{who}_MIN"), value(texts, f"{who}_MAX"))


def test_payload_fields_have_offsets(texts):
    offsets = {
        "READ_REQUEST_ADDRESS_AT": 1, "READ_REQUEST_COUNT_AT": 4, "PING_REPLY_PROTOCOL_AT": 8,
        "SPIKES_REPLY_WORD_AT": 6, "BAD_SEQUENCE_REPLY_EXPECTED_AT": 0, "EVENTS_REQUEST_WORD_AT": 4,
    }  # fmt: skip
    for name, at in offsets.items():
        assert at == c_value(texts, name) == verilog_value(texts, name)


def test_crc_parameters_are_those_of_the_libraries(generated):
    # binascii and zlib compute what the specification describes in the catalogue's notation.
    assert generated.CRC16.check == binascii.crc_hqx(b"123456789", generated.CRC16.init)
    assert generated.CRC32.check == zlib.crc32(b"123456789")


def test_verilog_masks_cover_the_fields(raw, texts):
    for window, table in raw["fields"].items():
        bits = 16 * raw["windows"][window]["stride"]
        expected = sum(((1 << f["width"]) - 1) << f["lsb"] for f in table.values())
        text = " ".join(texts["spk_core_defs.vh"].split())
        assert f"SPK_{window}_BITS = {bits}'h{expected:0{bits // 4}X};" in text


def test_wide_register_spans_halfwords(generated):
    assert generated.Reg.TOTAL_CYCLES.halfwords == 3
    assert generated.Reg.STATUS.halfwords == 1


def test_reference_page_names_every_entry(raw, texts):
    for table in set(raw) - {"format", "relations", "fields"}:
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
    assert capsys.readouterr().err.count("is stale") == 4  # not the check of the parameters


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


def test_c_header_suffices_for_a_host_and_compiles_without_warnings(texts, tmp_path):
    (tmp_path / "spk_core_defs.h").write_text(texts["spk_core_defs.h"])
    program = tmp_path / "host"
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
    source = str(Path(__file__).with_name("core_defs_host.c"))
    command = ["gcc", "-std=c11", *warnings, f"-I{tmp_path}", source, "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([program], check=False).returncode == 0


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


def numbers_in(text):
    return [int(number) for number in re.findall(r"\b\d+\b", text)]


HEADER = re.compile(r"^ +parameter integer (\w+) += (\d+),? *(?://(.*))?$", re.MULTILINE)


@pytest.mark.parametrize("path", sorted((ROOT / "hdl").glob("*/*.v")), ids=lambda p: p.stem)
def test_defaults_and_ranges_in_a_module_header_are_those_of_the_specification(path):
    # Verilog-2005 cannot include a file in front of the parameters, so headers repeat numbers.
    spec = core_spec.load(ROOT / gen_core.SPEC)
    parameters = {p.name: p for p in spec.parameters}
    limits = {n.name: n.value for n in spec.limits}
    for name, value, comment in HEADER.findall(path.read_text(encoding="utf-8")):
        if name not in parameters:
            continue
        parameter = parameters[name]
        assert parameter.value == int(value), name
        relations = [r.holds + r.text(limits) for r in spec.relations if name in r.names]
        known = {parameter.low, parameter.high, *parameter.choices, *numbers_in("".join(relations))}
        assert set(numbers_in(comment)) <= known, f"{name}: {comment}"
