# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from benchmarks import quantization


def test_rows_are_written_for_every_way_to_integers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(quantization, "FOLDER", tmp_path / "build")
    monkeypatch.setattr(quantization, "RESULT", tmp_path / "rows.json")
    monkeypatch.setattr(quantization, "GOLDEN", 20)
    quick = replace(quantization.CASES["digits mlp"], steps=4, epochs=2, tuning=1)
    monkeypatch.setattr(quantization, "CASES", {"digits mlp": quick})
    quantization.main(["--seeds", "1"])
    rows = json.loads((tmp_path / "rows.json").read_text())
    ways = [f"{way} {bits}" for bits in (8, 4) for way in ("PTQ", "largest weight")]
    trained = ["float", "float, tuned", "QAT 8", "QAT 4", "QAT 4, calibrated"]
    assert [*trained, *ways] == [row["method"] for row in rows]
    for row in rows[2:]:
        assert (20, 0, 360) == tuple(
            row[key] for key in ("golden_images", "golden_mismatches", "test_images")
        )
        assert 2 == len(row["membrane_error"])
    right = {row["method"]: row["accuracy"] for row in rows}
    assert right["float, tuned"] == rows[2]["accuracy_float"]
    assert right["float"] == rows[5]["accuracy_float"]
    assert "| QAT 4 | " in capsys.readouterr().out


def test_a_mean_below_its_goal_is_a_miss():
    row = {"data": "digits", "net": "mlp", "accuracy_float": 0.9}
    rows = [row | {"method": "QAT 4, calibrated", "accuracy": share} for share in (0.89, 0.881)]
    text, missed = quantization.table(rows)
    assert 0 == missed
    assert "| QAT 4, calibrated | 88.55 ± 0.64 (+1.45) |" in text
    assert 1 == quantization.table([row | {"method": "QAT 8", "accuracy": 0.8949}])[1]
    assert 0 == quantization.table([row | {"method": "PTQ 4", "accuracy": 0.1}])[1]
