# SPDX-License-Identifier: Apache-2.0
import os
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="needs torch, to train")
pytest.importorskip("joblib", reason="needs joblib, for processes")

from spikesim.cli.pipeline import schedule
from spikesim.errors import SpikesimError


def _die(*_):
    os.abort()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("task", ["_build", "train_seed", "evaluate_seed"])
def test_a_worker_that_is_killed_ends_the_demo_with_one_error(monkeypatch, task):
    for name in ("_build", "train_seed", "evaluate_seed"):
        monkeypatch.setattr(schedule, name, _die if name == task else os.getpid)
    listener = schedule.Listener(lambda: None, lambda _: None, lambda _: None)
    file = SimpleNamespace(present=task != "train_seed")
    with pytest.raises(SpikesimError, match=r"demo: expected its 2 processes .*one died"):
        schedule.execute(schedule.Workload([file], False, False, 1, 0), listener)
