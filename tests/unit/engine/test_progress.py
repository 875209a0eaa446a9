# SPDX-License-Identifier: Apache-2.0
import io
import logging
import sys

import pytest

from spikesim.engine import progress
from spikesim.engine.progress import reporting


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _run(how, steps=100):
    with reporting(how, dt=1e-3) as report:
        for done in range(10, steps + 1, 10):
            report(done, steps)


def test_a_callable_gets_every_window():
    seen = []
    _run(lambda done, steps: seen.append((done, steps)))
    assert [(k, 100) for k in range(10, 101, 10)] == seen


def test_nothing_is_said_unless_asked(caplog, capsys):
    caplog.set_level(logging.INFO)
    _run(False)
    assert ([], "") == (caplog.messages, "".join(capsys.readouterr()))


def test_without_a_terminal_the_end_is_logged_and_little_else(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    _run(True)
    (line,) = caplog.messages
    assert "simulated 100 of 100 ticks (0.1 of 0.1 s)" in line
    assert "times real time, 0 s left" in line


def test_a_long_run_is_logged_now_and_then(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = iter(range(0, 1000, 4))  # each window takes 4 s
    monkeypatch.setattr(progress.time, "perf_counter", lambda: float(next(clock)))
    _run(True)
    # 3 windows are 12 s, the first multiple beyond 10 s; and the last one.
    assert ["30", "60", "90", "100"] == [line.split()[1] for line in caplog.messages]
    assert "in 12.0 s, 400 times real time, 28 s left" in caplog.messages[0]


def test_a_terminal_gets_a_bar_with_simulated_time_and_factor(monkeypatch):
    pytest.importorskip("rich")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _run(True)
    assert "0.1 of 0.1 s" in terminal.getvalue()
    assert "× real time" in terminal.getvalue()
