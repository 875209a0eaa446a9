# SPDX-License-Identifier: Apache-2.0
import os
import signal
import sys
import threading
import time
import types

import pytest

from spikesim.engine.interrupt import Interrupt
from spikesim.errors import ValidationError
from spikesim.sim.parallel.sweep import sweep
from spikesim.sim.parallel.sweep_workers import Call

pytest.importorskip("joblib")


def _seeded(a, seed):
    return {"b": a + 1, "drawn": seed % 1000}


@pytest.mark.parametrize("jobs", [1, 2])
def test_all_combinations_come_back_in_the_order_of_the_grid(jobs):
    done = sweep(lambda a, b: a * b, {"a": [1, 2], "b": (10, 20, 30)}, jobs=jobs)
    assert [10, 20, 30, 20, 40, 60] == [row["result"] for row in done.rows]
    assert (1, 20) == (done.rows[1]["a"], done.rows[1]["b"])
    assert done.complete
    assert not done.failed


def test_seeds_depend_on_the_seed_and_the_point_only():
    one, two = (sweep(_seeded, [{"a": k} for k in range(4)], jobs=j, seed=5) for j in (1, 2))
    assert [row["drawn"] for row in one.rows] == [row["drawn"] for row in two.rows]
    assert 4 == len({row["seed"] for row in one.rows})
    assert [row["seed"] % 1000 for row in one.rows] == [row["drawn"] for row in one.rows]
    other = sweep(_seeded, {"a": [0]}, jobs=1, seed=6)
    assert one.rows[0]["seed"] != other.rows[0]["seed"]
    assert 17 == sweep(_seeded, {"a": [0], "seed": [17]}, jobs=1).rows[0]["drawn"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_point_that_fails_leaves_the_others(jobs):
    done = sweep(lambda a: 1 / a, {"a": [1, 0, 2]}, jobs=jobs)
    assert [1.0, None, 0.5] == [row.get("result") for row in done.rows]
    assert "ZeroDivisionError: division by zero" in done.failed[0]["error"]
    assert done.complete


def test_a_process_that_dies_leaves_the_others():
    def deadly(a):
        if a == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return a

    done = sweep(deadly, {"a": range(6)}, jobs=2)
    assert [0, 1, None, 3, 4, 5] == [row.get("result") for row in done.rows]
    assert "the process died" in done.rows[2]["error"]


def test_a_result_that_cannot_be_sent_back_is_an_error_of_its_point():
    done = sweep(lambda a: threading.Lock() if a else 7, {"a": [0, 1]}, jobs=2)
    assert (7, None) == (done.rows[0]["result"], done.rows[0]["error"])
    assert done.rows[1]["error"] is not None


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_returns_what_is_done(jobs):
    def slow(a):
        if a >= 2:
            time.sleep(30)
        return a

    began = time.perf_counter()
    stop = lambda done, points: done == 2 and os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    done = sweep(slow, {"a": range(5)}, jobs=jobs, progress=stop)
    assert [0, 1] == [row["result"] for row in done.rows]
    assert not done.complete
    assert time.perf_counter() - began < 20  # the sleepers were not waited for


def test_results_may_not_hide_parameters():
    done = sweep(lambda a: {"a": 3, "c": 4}, {"a": [1]}, jobs=1)
    assert (1, 4) == (done.rows[0]["a"], done.rows[0]["c"])
    assert "got ['a']" in done.rows[0]["error"]


def test_rows_become_a_table():
    pytest.importorskip("pandas")
    table = sweep(lambda a: {"b": 2 * a}, {"a": [1, 2]}, jobs=1).to_pandas()
    assert [2, 4] == table["b"].tolist()


def test_progress_counts_points():
    seen = []
    sweep(abs, [{}], jobs=1, progress=lambda done, points: seen.append((done, points)))
    assert [(1, 1)] == seen


def test_an_empty_grid_is_nothing_to_do():
    assert [] == sweep(abs, [], jobs=2).rows
    assert [] == sweep(abs, {"x": []}, jobs=2).rows


@pytest.mark.parametrize(
    ("function", "grid", "options"),
    [
        (3, {"a": [1]}, {}),
        (abs, {"a": 1}, {}),
        (abs, {"a": "word"}, {}),
        (abs, [1], {}),
        (abs, {"a": [1]}, {"jobs": 0}),
        (abs, {"a": [1]}, {"backend": "slurm"}),
        (abs, {"a": [1]}, {"seed": -1}),
    ],
)
def test_what_makes_no_sense_is_refused(function, grid, options):
    with pytest.raises(ValidationError):
        sweep(function, grid, **options)


@pytest.mark.parametrize("connected", [False, True])
def test_ray_gets_the_calls_when_asked(monkeypatch, connected):
    """A stand-in with the functions that are used; Ray itself is a large installation."""
    ray, calls = types.ModuleType("ray"), []
    task = types.SimpleNamespace(remote=lambda call: (Call.__call__, call))
    task.options = lambda max_retries: task
    ray.is_initialized = lambda: connected
    ray.init = lambda num_cpus: calls.append(num_cpus)
    ray.shutdown = lambda: calls.append("shutdown")
    ray.remote = lambda f: task
    ray.wait = lambda refs, num_returns: (refs[-1:], refs[:-1])
    ray.get = lambda ref: ref[0](ref[1])
    monkeypatch.setitem(sys.modules, "ray", ray)
    done = sweep(lambda a: 6 / a, {"a": [1, 0, 2, 3]}, jobs=2, backend="ray")
    assert [6.0, None, 3.0, 2.0] == [row.get("result") for row in done.rows]
    assert calls == ([] if connected else [2, "shutdown"])


def test_an_interrupt_that_cut_off_a_simulation_ends_the_sweep_without_its_row(caplog):
    def point(a):
        # A run takes the first signal for itself and returns what it has: half of a run.
        with Interrupt() as taken:
            if a == 2:
                signal.raise_signal(signal.SIGINT)
        return {"whole": not taken.asked}

    done = sweep(point, {"a": [0, 1, 2, 3]}, jobs=1)
    assert [0, 1] == [row["a"] for row in done.rows]
    assert all(row["whole"] for row in done.rows)
    assert not done.complete
    assert "interrupted after 2 of 4 points" in caplog.text
