# SPDX-License-Identifier: Apache-2.0
import builtins
import csv
import sys
import types

import pytest

pytest.importorskip("torch")

from spikesim import nn
from spikesim.errors import ValidationError


def history(epochs, validation):
    kept = nn.History()
    for k in range(epochs):
        held = nn.Evaluation(0.7, 0.5, 0.25, 4) if validation else None
        kept.add(nn.Evaluation(1.0 / (k + 1), 0.25 * k, 0.5, 8), held)
    return kept


@pytest.mark.parametrize("validation", [False, True])
def test_a_table_holds_every_epoch_once(validation, tmp_path):
    log = nn.CSVLog(tmp_path / "log.csv")
    for epochs in (1, 2, 2, 3):  # the second is told twice, as after an interruption
        log(history(epochs, validation))
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert ["1", "2", "3"] == [row["epoch"] for row in rows]
    assert [1.0, 0.5, 1 / 3] == [float(row["loss"]) for row in rows]
    assert ["0.0", "0.25", "0.5"] == [row["accuracy"] for row in rows]
    assert validation == ("validation_silent" in rows[0])


def test_a_table_that_cannot_be_written_is_refused_at_once(tmp_path):
    with pytest.raises(ValidationError, match=r"CSVLog .*does not exist; create it"):
        nn.CSVLog(tmp_path / "no" / "log.csv")


def test_tensorboard_gets_every_number_of_the_last_epoch(monkeypatch, tmp_path):
    told = []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            told.append((name, value, step))

        def flush(self):
            told.append("flush")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    nn.TensorBoardLog(tmp_path)(history(2, validation=False))
    assert {("loss", 0.5, 2), ("accuracy", 0.25, 2), ("silent", 0.5, 2), "flush"} == {*told}


def test_without_tensorboard_its_logger_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest, **more):
        if name.startswith(("tensorboard", "torch.utils.tensorboard")):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ValidationError, match="pip install tensorboard"):
        nn.TensorBoardLog("runs")


def test_an_evaluation_without_a_loss_prints_none():
    asked, unasked = (str(nn.Evaluation(loss, 0.5, 0.25, 4)) for loss in (0.7, float("nan")))
    assert "loss 0.7, accuracy 50.00 %, silent 25.00 % of 4 samples" == asked
    assert "accuracy 50.00 %, silent 25.00 % of 4 samples" == unasked
