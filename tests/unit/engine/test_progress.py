# SPDX-License-Identifier: Apache-2.0
import io
import logging
import sys

import pytest

from spikesim.engine import progress
from spikesim.engine.progress import counting, duration, reporting


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
    assert line.endswith("times real time")


def test_a_long_run_is_logged_now_and_then(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = iter(range(0, 1000, 4))  # each window takes 4 s
    monkeypatch.setattr(progress.time, "perf_counter", lambda: float(next(clock)))
    _run(True)
    # 3 windows are 12 s, the first multiple beyond 10 s; and the last one.
    assert ["30", "60", "90", "100"] == [line.split()[1] for line in caplog.messages]
    assert "in 12.0 s, 400 times real time, about 28 s left at this speed" in caplog.messages[0]


@pytest.mark.parametrize("what", ["ticks", "samples"])
def test_a_run_of_hours_is_foretold_as_soon_as_its_speed_is_known(caplog, monkeypatch, what):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    context = counting(True, what) if what == "samples" else reporting(True, dt=1e-3, start=1000)
    start = 0 if what == "samples" else 1000
    with context as report:
        for seconds in (0.5, 1.9, 2.1, 2.6, 9.0):
            clock[0] = seconds
            report(start + round(1000 * seconds), start + 7_812_000)
    (line,) = caplog.messages  # 1,000 of them a second; after 2 s, then not before 10 s
    assert line.endswith(", about 2 h 10 min left at this speed")


@pytest.mark.parametrize(("total", "lines"), [(61_000, 0), (63_000, 1)])
def test_a_run_of_a_minute_is_not_foretold(caplog, monkeypatch, total, lines):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    with counting(True, "samples") as report:
        for clock[0] in (1.0, 1.5, 2.0):
            report(round(1000 * clock[0]), total)
    assert lines == len(caplog.messages)


def test_what_comes_before_the_first_report_is_no_part_of_the_speed(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    with counting(True, "samples") as report:
        for done, clock[0] in ((1, 60.0), (101, 61.0), (1001, 70.5)):
            report(done, 1801)
    # A minute for the first of 1,800 says nothing of the others; 1,000 in 10.5 s do.
    assert ["samples: 1 of 1,801", "samples: 1,001 of 1,801, about 8 s left at this speed"] == (
        caplog.messages
    )


def test_what_is_paid_once_between_two_reports_is_no_part_of_the_speed_either(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    with counting(True, "samples") as report:
        for done, clock[0] in ((100, 1.0), (200, 9.0), (300, 10.0), (1_200, 19.0), (1_300, 25.0)):
            report(done, 3_000)
    # 100 of them a second, but for a kernel that is compiled after the first 100, for 8 s.
    assert ["samples: 300 of 3,000, about 27 s left at this speed"] == caplog.messages[:1]
    # 1,100 in 16 s: slower by what took longer just now, for all that is known.
    assert ["samples: 1,300 of 3,000, about 25 s left at this speed"] == caplog.messages[1:]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.4, "59 min 59 s"), (3600, "1 h 0 min"),
     (86_399, "23 h 59 min"), (86_400, "1 d 0 h"), (3e7, "347 d 5 h")],
)  # fmt: skip
def test_times_are_written_in_two_units(seconds, text):
    assert text == duration(seconds)


def test_a_terminal_gets_a_bar_with_simulated_time_and_factor(monkeypatch):
    pytest.importorskip("rich")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _run(True)
    assert "0.1 of 0.1 s" in terminal.getvalue()
    assert "× real time" in terminal.getvalue()
