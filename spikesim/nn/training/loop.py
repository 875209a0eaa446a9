# SPDX-License-Identifier: Apache-2.0
"""A training between two epochs, which can be put into a file."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikesim.engine.progress import Report
from spikesim.nn.time import watch
from spikesim.nn.training import checkpoint
from spikesim.nn.training.batches import ArrayBatches, Minibatch, check_labels
from spikesim.nn.training.evaluate import (
    Batches,
    Decode,
    Loss,
    Precision,
    RunningMeans,
    answered,
    check_loss,
    loss_of,
    passed,
)
from spikesim.nn.training.history import Evaluation, History
from spikesim.nn.training.optimizer import AdamW
from spikesim.nn.training.processes import Processes

Log = Callable[[History], object]
_log = logging.getLogger(__name__)
_SILENT = 0.1
"""Share of samples without output from which on a training does not end without a word of it."""


@dataclass
class Fitting:
    """A net, its data and its optimizer; `fit` says what the settings mean."""

    model: torch.nn.Module
    train: Batches
    held: Batches | None
    loss: Loss
    decode: Decode
    epochs: int
    lr: float
    warm_up: float
    weight_decay: float
    clip: float | None
    patience: int | None
    precision: Precision
    history: History = field(default_factory=History)
    done: int = 0
    best: dict[str, Tensor] | None = None
    path: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.together = Processes()
        self.together.same_start(self.model, len(self.train))
        self.parameters = list(self.model.parameters())
        self.optimizer = AdamW(self.parameters, lr=self.lr, weight_decay=self.weight_decay)
        # Where a pass does not tell its length, the rate changes with the epochs.
        self.in_all = self.epochs * (len(self.train) or 1)
        self.rate = schedule(self.in_all, self.warm_up)

    def run(self, loggers: Sequence[Log], report: Report) -> History:
        """Train until the last epoch, or until validation gets no better."""
        start, before = time.perf_counter(), self.history.seconds
        while len(self.history.loss) < self.epochs and not self._stale():
            training = self._epoch(report)
            self.together.same_buffers(self.model)
            validation = None if self.held is None else self._validate(self.held)
            if self.history.add(training, validation) and self.patience is not None:
                self.best = {k: v.clone() for k, v in self.model.state_dict().items()}
            self.history.seconds = before + time.perf_counter() - start
            try:
                for log in loggers if self.together.rank == 0 else ():
                    log(self.history)
            finally:  # behind them: what they change in the net, such as delays, is to be kept
                self._save()
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.eval()
        _tell_silence(self.history)
        return self.history

    def keep_in(self, path: Path, settings: dict[str, str]) -> None:
        """Go on from a file, if there is one, and write there after every epoch.

        Raises
        ------
        ValidationError
            If it is damaged, or of another net or other settings; then nothing has changed.
        """
        self.path, self.settings = path, settings
        found = checkpoint.load(path, settings, checkpoint.description(self.model))
        if found is None:
            return
        self.model.load_state_dict(found["model"])
        self.optimizer.load_state_dict(found["optimizer"])
        self.history, self.done = History.from_dict(found["history"]), found["done"]
        self.best = found["best"]
        checkpoint.set_random_state(found["random"][self.together.rank], self._streams())

    def _stale(self) -> bool:
        since = len(self.history.loss) - 1 - (self.history.best or 0)
        return self.patience is not None and since >= self.patience

    def _epoch(self, report: Report) -> Evaluation:
        epoch, found = len(self.history.loss), RunningMeans(self.decode, self.loss)
        self.model.train()
        sampler: Any = getattr(getattr(self.train, "loader", None), "sampler", None)
        if hasattr(sampler, "set_epoch"):  # a DistributedSampler draws its order by it
            sampler.set_epoch(epoch)
        for number, batch in enumerate(self.train):
            where = f"fit, epoch {epoch + 1}, batch {number + 1}"
            known = len(self.train) > 0
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr * self.rate(self.done if known else epoch)
            self.optimizer.zero_grad(set_to_none=True)
            if batch.n:
                self._backward(batch, where, found)
            self.together.average(self.parameters, batch.n)
            watch.check_gradients(self.model, where)
            if self.clip is not None:
                torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
            self.optimizer.step()
            self.done += 1
            report(self.done if known else epoch, self.in_all)
        return found.result(self.together.total(found.sums))

    def _backward(self, batch: Minibatch, where: str, found: RunningMeans) -> None:
        batch, out = answered(self.model, batch, where, self.precision)
        if isinstance(self.train, ArrayBatches) and not self.done:  # before a weight moves
            check_labels(self.train.labels, out.shape[-1], "fit")
        value = loss_of(self.loss, out, batch)
        check_loss(value, self.model, batch, where)
        value.backward()
        found.add(out, batch, value)

    def _validate(self, held: Batches) -> Evaluation:
        found = RunningMeans(self.decode, self.loss)
        where = f"fit, epoch {len(self.history.loss) + 1}, validation"
        for batch, out in passed(self.model, held, where, self.precision):
            value = loss_of(self.loss, out, batch)
            check_loss(value, self.model, batch, where)
            found.add(out, batch, value)
        return found.result(found.sums)

    def _streams(self) -> dict[str, Any]:
        loader = getattr(self.train, "loader", None)
        batches = getattr(loader, "batch_sampler", None)
        found = {
            "order": getattr(self.train, "rng", None),
            "loader": getattr(loader, "generator", None),
            "sampler": getattr(getattr(loader, "sampler", None), "generator", None),
            "batches": getattr(batches, "generator", None),
            "sampler of batches": getattr(getattr(batches, "sampler", None), "generator", None),
            "source": loader if hasattr(loader, "load_state_dict") else None,
        }
        return {name: source for name, source in found.items() if source is not None}

    def _save(self) -> None:
        if self.path is None:
            return
        states = self.together.gather(checkpoint.random_state(self._streams()))
        if self.together.rank == 0:
            checkpoint.save(self.path, {
                "settings": self.settings, "net": checkpoint.description(self.model),
                "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                "history": self.history.to_dict(), "done": self.done, "best": self.best,
                "random": states,
            })  # fmt: skip


def schedule(n_steps: int, warm_up: float) -> Callable[[int], float]:
    """Share of the largest learning rate in a step: rises, then falls as a cosine to zero.

    Examples
    --------
    >>> [schedule(8, 0.25)(step) for step in (0, 1, 2, 5, 8)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    rise = max(1.0, warm_up * n_steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise if warm_up > 0 else 1.0
        done = (step - rise) / max(1.0, n_steps - rise)
        # Cut to 24 bits: the cosines of two libraries may differ in the last of 53.
        return round(2**23 * (1.0 + math.cos(math.pi * min(1.0, done)))) / 2**24

    return factor


def _tell_silence(history: History) -> None:
    shares = (history.validation_silent or history.silent)[-1:]
    if shares and shares[0] >= _SILENT:
        part = "validation" if history.validation_silent else "training"
        _log.warning(
            "fit: %.0f %% of the %s samples gave no output spike in the last epoch; they count as "
            "class 0, the lowest index; more steps, a larger scale of the weights or a lower "
            "threshold help",
            100 * shares[0],
            part,
        )
