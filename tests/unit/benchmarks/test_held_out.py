# SPDX-License-Identifier: Apache-2.0
"""The harness of the accuracy benchmarks, on drawn data."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import held_out  # noqa: E402
from benchmarks.held_out import Benchmark, Case  # noqa: E402
from spikesim import data, nn  # noqa: E402

RNG = np.random.default_rng(0)
X = (RNG.random((60, 5, 4)) < 0.3).astype(np.float32)
Y = np.arange(60) % 3


def row(accuracy=0.5, case="a", part="test part", seed=0, **other):
    return {
        "benchmark": "fashion", "case": case, "part": part, "seed": seed, "epochs": 1,
        "accuracy_validation": 0.25, "accuracy_test": accuracy, "silent": 0.0, "target": None,
        "training_samples": 9, "test_samples": 1000, "cpu_s": 3.0,
    } | other  # fmt: skip


def net():
    return torch.nn.Sequential(nn.Linear(4, 3, scale=3.0), nn.LIFLayer(3))


def split(path, part):
    return data.Split(part, X[:40], Y[:40], X[40:], Y[40:])


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("accuracies", "target", "missed"),
    [([0.5, 0.75], 0.625, False), ([0.5, 0.75], 0.6875, True), ([0.5], None, False)],
)
def test_a_target_is_for_the_mean_over_the_rows_of_a_kind(accuracies, target, missed):
    rows = [row(a, seed=k, target=target) for k, a in enumerate(accuracies)]
    (group,) = held_out.grouped(rows)
    assert missed == held_out.missed(group)


def test_speakers_are_of_one_kind_and_cases_and_kinds_stand_apart():
    rows = [
        row(part="official"), row(part="unseen: 1"), row(part="unseen: 2"),
        row(part="unseen: 1", case="b"), row(part="official", seed=1),
    ]  # fmt: skip
    expected = [[rows[0], rows[4]], [rows[1], rows[2]], [rows[3]]]
    assert expected == held_out.grouped(rows)


def test_a_row_takes_the_place_of_the_one_before_and_keeps_its_time_when_read_again():
    old = [row(0.5, cpu_s=7.0), row(seed=1), row(case="b")]
    assert [row(0.5, cpu_s=7.0), *old[1:]] == held_out.merge(old, [row(0.5, cpu_s=None)])
    assert [row(0.75, cpu_s=None), *old[1:]] == held_out.merge(old, [row(0.75, cpu_s=None)])
    assert [row(0.5, cpu_s=1.0), *old[1:]] == held_out.merge(old, [row(0.5, cpu_s=1.0)])


def test_the_page_has_means_deviations_and_what_is_missed(place):
    rows = [row(0.5, target=0.75, seed=0), row(0.75, target=0.75, seed=1, cpu_s=None)]
    rows += [row(0.5, case="b", part=f"unseen: {k}") for k in (1, 2, 3)]
    (held_out.RESULTS / "fashion.json").write_text(json.dumps(rows))
    lines = held_out.page().splitlines()[-2:]
    # Deviation of 50 and 75: 25 / sqrt(2).
    assert (
        "| `python -m benchmarks.fashion` | a | test part, 1,000 samples | 2 | 25.00 ± 0.00 | "
        "62.50 ± 17.68 | 75 **missed** | 3 |"
    ) == lines[0]
    assert "| b | unseen, each of 3, 1,000 samples | 3 | " in lines[1]


def test_the_page_is_that_of_the_rows():
    root = Path(held_out.__file__).parents[1]
    assert (root / held_out.PAGE).read_text() == held_out.page(root)


def test_a_run_writes_rows_and_page_and_goes_on_from_its_checkpoints(place, capsys):
    seen = []
    training = {"epochs": 3, "batch_size": 8, "lr": 0.01, "patience": 2}
    case = Case("a", net, training, target=2.0, after_epoch=lambda net, done: seen.append(done))
    benchmark = Benchmark("fashion", [case], split, needs_path=False)
    assert 1 == held_out.main(benchmark, "text", ["--seeds", "2"])  # no mean is 200 %
    assert [1 / 3, 2 / 3, 1.0] == seen[:3]
    first = json.loads((held_out.RESULTS / "fashion.json").read_text())
    assert [0, 1] == [r["seed"] for r in first]
    assert held_out.page() == held_out.PAGE.read_text()
    assert "must be 200 %: missed" in capsys.readouterr().out
    seen.clear()
    assert 1 == held_out.main(benchmark, "text", ["--seeds", "2"])
    assert [] == seen
    assert first == json.loads((held_out.RESULTS / "fashion.json").read_text())


def test_the_validation_accuracy_is_that_of_the_weights_that_are_tested(place):
    training = {"epochs": 4, "batch_size": 8, "lr": 0.05}
    stopped, ended = (
        held_out.measure("fashion", Case(name, net, training | more), 0, split(None, ""))
        for name, more in (("stopped", {"patience": 4}), ("ended", {}))
    )
    kept, _ = data.split.stratified(Y[:40], held_out.VALIDATION, 0)
    held = np.setdiff1d(np.arange(40), kept)
    for found, stem in ((stopped, "fashion_stopped_40_0"), (ended, "fashion_ended_40_0")):
        document = torch.load(held_out.CHECKPOINTS / f"{stem}.pt", weights_only=True)
        model = net()
        model.load_state_dict(document["best"] or document["model"])
        assert nn.accuracy(model, X[held], Y[held]) == found["accuracy_validation"]
        assert nn.accuracy(model, X[40:], Y[40:]) == found["accuracy_test"]


def test_a_quick_run_writes_nothing_and_a_case_of_another_name_is_refused(place, capsys):
    case = Case("a", net, {"epochs": 9, "lr": 0.01}, target=2.0)
    benchmark = Benchmark("fashion", [case], split)
    assert 0 == held_out.main(benchmark, "text", ["a", "--quick", "--data", "x"])
    assert [] == [f for f in place.rglob("*") if f.is_file()]
    assert "2 epochs" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        held_out.main(benchmark, "text", ["b", "--data", "x"])
    assert "expected cases of a, got b" in capsys.readouterr().err
