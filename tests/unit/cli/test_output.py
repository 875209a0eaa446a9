# SPDX-License-Identifier: Apache-2.0
import io
import logging

import pytest
from rich.console import Console
from rich.table import Table

from spikesim.cli.output import Output, check_target
from spikesim.engine import progress as progress_module
from spikesim.errors import ValidationError


def test_what_exists_is_replaced_only_on_request(tmp_path):
    target = tmp_path / "kept.npz"
    check_target("--out", target, overwrite=False)
    target.write_text("work of a night")
    with pytest.raises(ValidationError, match=r"--out .*kept\.npz.*--overwrite"):
        check_target("--out", target, overwrite=False)
    check_target("--out", target, overwrite=True)
    with pytest.raises(ValidationError, match="got a folder"):
        check_target("--out", tmp_path, overwrite=True)
    with pytest.raises(ValidationError, match="create it"):
        check_target("--out", tmp_path / "none" / "x", overwrite=True)


def test_a_pipe_does_not_cut_tables(capfd, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    table = Table("a", "b")
    table.add_row("x" * 70, "y" * 70)
    Output().result({}, table)
    Output().result({}, "z" * 300)
    out = capfd.readouterr().out
    assert "x" * 70 + " " in out
    assert "y" * 70 in out
    assert "z" * 300 + "\n" in out


def test_progress_without_a_terminal_is_lines_now_and_then(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    output = Output()
    output.notes = Console(file=io.StringIO(), force_terminal=False)
    clock = [0.0]
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: 100.0 + clock[0])
    with output.progress() as progress:
        task = progress.add_task("train", total=3)
        progress.advance(task)
        progress.advance(task)  # too soon for another line
        clock[0] += progress_module.LOG_SECONDS
        progress.update(task, total=4)
        progress.advance(task, 2)  # the last is always told
    # What is left is told once there is a stretch beside the slowest, which may hold a compiler.
    assert ["train: 2 of 4", "train: 4 of 4"] == caplog.messages
