# SPDX-License-Identifier: Apache-2.0
"""Each house rule fires on what breaks it and stays silent on what keeps it."""

from pathlib import Path

import pytest

import check_style

SPDX = "# SPDX-License-Identifier: Apache-2.0\n"
VERILOG = (
    "// SPDX-License-Identifier: Apache-2.0\n`default_nettype none\nmodule m (input wire clk);\n"
    "endmodule\n`default_nettype wire\n"
)


def found(name: str, text: str) -> list[str]:
    return list(check_style.findings(Path(name), text))


def test_clean_python_has_no_findings():
    assert found("network.py", SPDX + '"""One idea."""\n\nx = 1\n') == []


def test_clean_verilog_has_no_findings():
    assert found("m.v", VERILOG) == []


@pytest.mark.parametrize(("lines", "expected"), [(400, 0), (401, 1)])
def test_file_length_limit_is_inclusive(lines, expected):
    assert expected == len(found("a.py", SPDX + "x = 1\n" * (lines - 1)))


@pytest.mark.parametrize(("columns", "expected"), [(120, 0), (121, 1)])
@pytest.mark.parametrize("fence", ["", "```\n"])
def test_prose_is_wrapped_outside_of_code_and_tables(columns, expected, fence):
    line = "a " + "b" * (columns - 2)
    assert (0 if fence else expected) == len(found("a.md", f"{fence}{line}\n"))
    assert found("a.md", f"| {line} |\n") == []


def warned(name: str, text: str) -> list[str]:
    return list(check_style.warnings(Path(name), text))


@pytest.mark.parametrize(("lines", "expected"), [(349, 0), (350, 1), (400, 1), (401, 0)])
def test_file_that_nears_the_limit_is_warned_of_and_passes(lines, expected):
    text = SPDX + "x = 1\n" * (lines - 1)
    assert expected == len(warned("a.py", text))
    assert (lines > 400) == bool(found("a.py", text))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.py", "# long: one table, a line for each constant"),
        ("a.v", "// long: generated"),
        ("a.h", "/* long: generated */"),
    ],
)
def test_long_file_with_a_written_reason_passes(name, reason):
    lines = [SPDX.strip(), reason, *["# x" if name.endswith(".py") else "x"] * 500]
    assert not any("limit 400" in line for line in found(name, "\n".join(lines)))
    assert [] == warned(name, "\n".join(lines[:380]))


@pytest.mark.parametrize("reason", ["# long:", "# long: ", "x = '# long: reason'", "# long reason"])
def test_a_reason_has_words(reason):
    assert any("limit 400" in line for line in found("a.py", SPDX + reason + "\n" * 400))


@pytest.mark.parametrize(("at", "expected"), [(10, 0), (11, 1)])
def test_the_reason_stands_near_the_top(at, expected):
    lines = [SPDX.strip(), *["x = 1"] * 500]
    lines[at - 1] = "# long: one table"
    assert expected == len(found("a.py", "\n".join(lines)))


def test_warnings_do_not_fail_the_check(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_style, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text(SPDX + "x = 1\n" * 360)
    assert 0 == check_style.main(["a.py"])
    assert "0 findings, 1 warnings" in capsys.readouterr().out


@pytest.mark.parametrize(("columns", "expected"), [(100, 0), (101, 1)])
def test_line_length_limit_is_inclusive(columns, expected):
    assert expected == len(found("a.py", SPDX + "#" * columns + "\n"))


@pytest.mark.parametrize(("lines", "expected"), [(60, 0), (61, 1)])
def test_function_length_limit_is_inclusive(lines, expected):
    assert expected == len(found("a.py", SPDX + "def f():\n" + "    x = 1\n" * (lines - 1)))


def test_docstring_does_not_count_as_function_length():
    docstring = '    """Long.\n' + "    more\n" * 50 + '    """\n'
    assert found("a.py", SPDX + "def f():\n" + docstring + "    x = 1\n" * 59) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("# TO" + "DO: later", "unfinished"),
        ("raise NotImplemented" + "Error", "stub"),
        ("p = '/ro" + "ot/data'", "one machine"),
        ("p = '/ho" + "me/me/data'", "one machine"),
        ("u = 'https://py" + "pi.org/simple'", "registry"),
        ("x = 1 ", "space at the end"),
        ("#\tx", "tab"),
    ],
)
def test_forbidden_text_is_named_with_its_line(line, reason):
    (finding,) = found("a.py", SPDX + line + "\n")
    assert finding.startswith("a.py:2:")
    assert reason in finding


@pytest.mark.parametrize(
    "line", ["p = 'build/" + "work/x'", "# except NotImplementedError:", "# /dev/ttyUSB0"]
)
def test_look_alikes_are_allowed(line):
    assert found("a.py", SPDX + line + "\n") == []


def test_missing_licence_line_is_found():
    assert ["a.c:1: no SPDX line in the first three lines"] == found("a.c", "int x;\n")


@pytest.mark.parametrize("name", ["utils.py", "helpers.py", "common.v", "base.h"])
def test_vague_file_names_are_refused(name):
    assert any("says nothing" in line for line in found(name, SPDX))


def test_verilog_restores_the_net_type():
    assert len(found("m.v", VERILOG.replace("`default_nettype wire\n", ""))) == 1
    assert len(found("m.v", VERILOG.replace("`default_nettype none\n", ""))) == 1


def test_link_to_a_missing_page_is_found():
    text = "[a](tick.md) [b](missing.md#x) [c](https://example.org/y) [d](#here)\n"
    (finding,) = found("docs/design/page.md", text)
    assert finding == "docs/design/page.md:1: link to missing.md, which does not exist"
