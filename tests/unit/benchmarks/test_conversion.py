# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import conversion  # noqa: E402
from benchmarks.conversion import Case  # noqa: E402


def row(loss=0.0, agreement=1.0, **other):
    both = {"accuracy_ann": 0.9, "accuracy": 0.9 - loss / 100, "agreement": agreement}
    return {"net": "vgg", "method": "binary", "T": 8, **both, **other}


@pytest.mark.parametrize(
    ("case", "rows", "missed"),
    [
        (Case("vgg", "binary", 8, 1.0), [row(0.75), row(1.0)], False),
        (Case("vgg", "binary", 8, 1.0), [row(0.75), row(1.5)], True),
        (Case("vgg", "binary", 8), [row(5.0, 0.1)], False),
        (Case("vgg", "binary", 8, agree=90.0), [row(5.0, 0.875), row(0.0, 0.9375)], False),
        (Case("vgg", "binary", 8, agree=90.0), [row(0.0, 0.875)], True),
        (Case("vgg", "signed", 8, 1.0), [row(5.0), row(5.0, T=16, method="signed")], False),
    ],
)
def test_a_goal_is_for_the_mean_over_the_rows_of_a_case(case, rows, missed):
    assert missed == case.missed(rows)


def test_every_case_is_of_a_net_and_says_how_to_convert():
    assert {case.net for case in conversion.CASES} == set(conversion.NETS)
    assert Case("vgg", "binary, offset", 8).options == {
        "neuron": "binary", "refine": "offset", "steps": 8,
    }  # fmt: skip


def test_rows_are_written_for_every_way_to_convert_a_net(tmp_path, monkeypatch, capsys):
    dice = np.random.default_rng(0)
    x, y = dice.integers(0, 256, (30, 28, 28), dtype=np.uint8), np.arange(30) % 10
    np.savez(tmp_path / "f.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    colors = dice.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "c.npz", x_train=colors, y_train=y, x_test=colors[:9], y_test=y[:9])
    assert (3, 32, 32) == conversion.cifar(tmp_path / "c.npz").x_test.shape[1:]
    monkeypatch.setattr(conversion, "RESULT", tmp_path / "rows.json")
    monkeypatch.setattr(conversion, "FOLDER", tmp_path / "nets")
    asked = ["--nets", "depthwise", "--data", str(tmp_path / "f.npz")]
    conversion.main([*asked, "--quick"])
    assert not (tmp_path / "rows.json").exists()
    other = {"net": "vgg", "method": "binary", "T": 8, "seed": 0}
    (tmp_path / "rows.json").write_text(json.dumps([other]))
    conversion.main([*asked, "--seeds", "1"])
    monkeypatch.setattr(conversion, "train", None)  # a trained net is taken up again
    conversion.main([*asked, "--seeds", "1"])
    first, *rows = json.loads((tmp_path / "rows.json").read_text())
    assert first == other
    assert [("binary", 32), ("signed", 8), ("signed", 16)] == [(r["method"], r["T"]) for r in rows]
    named = {"net", "method", "T", "accuracy_ann", "accuracy", "agreement", "seed"}
    assert all(named <= set(row) and row["images"] == 20 for row in rows)
    assert "depthwise" in capsys.readouterr().out
