# SPDX-License-Identifier: Apache-2.0
"""The script for event recordings runs; its figures need the recordings."""

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import events


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.npz"
    rng = np.random.default_rng(0)
    n, each = 40, 50
    arrays = {name: rng.integers(0, 34, n * each, dtype=np.uint8) for name in "xy"}
    arrays |= {"p": rng.integers(0, 2, n * each, dtype=np.uint8)}
    arrays |= {"t": np.sort(rng.integers(0, 300_000, (n, each), dtype=np.int32)).ravel()}
    np.savez(
        path, offsets=np.arange(n + 1) * each, label=np.arange(n) % 10, is_test=np.arange(n) >= 30,
        sensor_size=np.array([34, 34, 2]), **arrays,
    )  # fmt: skip
    return path


def test_frames_hold_the_events_of_their_recording(file):
    split = events.split(str(file), "")
    assert ((30, 10, 2, 34, 34), (10, 10, 2, 34, 34)) == (split.x_train.shape, split.x_test.shape)
    assert [0, 1, 2] == split.y_test[:3].tolist()
    with np.load(file) as stored:
        here = slice(stored["offsets"][31], stored["offsets"][32])
        at = {tuple(e) for e in np.stack([stored[k][here] for k in "pyx"], 1).tolist()}
    assert at == set(zip(*(k.tolist() for k in np.nonzero(split.x_test[1].max(0))), strict=True))


@pytest.mark.parametrize("case", events.CASES, ids=lambda case: case.name)
def test_a_few_drawn_recordings_go_the_whole_way(case, file, capsys):
    assert 0 == events.main([case.name, "--quick", "--data", str(file)])
    assert f"{case.name}, test part, seed 0: validation" in capsys.readouterr().out
