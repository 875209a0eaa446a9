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
