# SPDX-License-Identifier: Apache-2.0
"""How good a net is: loss, accuracy, silence, classes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.decode import arg_max, masked, spike_count
from spikesim.nn.time import watch
from spikesim.nn.training.batches import (
    ArrayBatches,
    Encode,
    LoaderBatches,
    Minibatch,
    check_batch,
    check_labels,
    source,
)
from spikesim.nn.training.history import Evaluation

Loss = Callable[..., Tensor]
Decode = Callable[[Tensor], Tensor]
Precision = Literal["float32", "bf16"]
Batches = ArrayBatches | LoaderBatches
_PLACED, _NONE = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty


def evaluate(
    model: torch.nn.Module,
    x: Any,
    y: Any = None,
    *,
    encode: Encode | None = None,
    decode: Decode = spike_count,
    loss: Loss | None = None,
    batch_size: int = 500,
) -> Evaluation:
    """Loss, accuracy and silence of a net in evaluation mode.

    Parameters
    ----------
    model, x, y, encode, decode, loss, batch_size
        As for `fit`; without a loss, none is measured.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValidationError
        As for `fit`.

    Examples
    --------
    >>> from spikesim import nn
    >>> dumb = nn.SpikingNet(nn.Linear(4, 2), nn.LIFLayer(2, v_th=100.0))
    >>> print(evaluate(dumb, np.ones((4, 3, 4)), np.array([0, 1, 1, 1])))
    accuracy 25.00 %, silent 100.00 % of 4 samples
    """
    found = RunningMeans(decode, loss)
    for batch, out in passed(model, source(x, y, encode=encode, batch_size=batch_size), "evaluate"):
        value = None if loss is None else loss_of(loss, out, batch)
        if value is not None:
            check_loss(value, model, batch, "evaluate")
        found.add(out, batch, value)
    return found.result(found.sums)


def predict(
    model: torch.nn.Module,
    x: Any,
    *,
    encode: Encode | None = None,
    decode: Decode = spike_count,
    batch_size: int = 500,
) -> np.ndarray:
    """Classes of images by spike count, int64 (n_images,); the lowest index wins a tie."""
    images = np.asarray(x)
    labels = np.zeros(len(images), np.int64)
    batches = ArrayBatches(images, labels, encode=encode, batch_size=batch_size)
    found = [arg_max(decode(out)).cpu().numpy() for _, out in passed(model, batches, "predict")]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def accuracy(
    model: torch.nn.Module,
    x: Any,
    y: Any = None,
    *,
    encode: Encode | None = None,
    decode: Decode = spike_count,
    batch_size: int = 500,
) -> float:
    """Share of images, 0..1, whose class by spike count is right; `evaluate` tells more."""
    return evaluate(model, x, y, encode=encode, decode=decode, batch_size=batch_size).accuracy


class RunningMeans:
    """Sums of loss, right classes, silent samples, samples, and samples that have a class."""

    def __init__(self, decode: Decode, loss: Loss | None) -> None:
        self.decode, self.loss, self.sums = decode, loss, [0.0] * 5

    @torch.no_grad()
    def add(self, out: Tensor, batch: Minibatch, value: Tensor | None) -> None:
        """Take outputs (T, B, n) of a batch and their mean loss."""
        n = out.shape[1]
        self.sums[0] += 0.0 if value is None else float(value) * n
        if has_classes(batch.y):
            scores = called(self.decode, batch.mask, out)
            self.sums[1] += int((arg_max(scores) == batch.y).sum())
            self.sums[4] += n
        self.sums[2] += int((out == 0).all(-1).all(0).sum())
        self.sums[3] += n

    def result(self, sums: list[float]) -> Evaluation:
        """Means of sums, of this tally or of those of all processes."""
        loss, right, silent, n, classed = sums
        if not n:
            raise ValidationError("fit: expected at least one batch in a pass, got none")
        return Evaluation(
            math.nan if self.loss is None else loss / n,
            right / classed if classed else math.nan, silent / n, int(n),
        )  # fmt: skip


def passed(
    model: torch.nn.Module, batches: Batches, where: str, precision: Precision = "float32"
) -> Iterator[tuple[Minibatch, Tensor]]:
    """Batches with their outputs (T, B, n) in evaluation mode."""
    was_training = model.training
    model.eval()
    try:
        for number, batch in enumerate(batches):
            with torch.no_grad():
                yield answered(model, batch, f"{where}, batch {number + 1}", precision)
    finally:
        model.train(was_training)


def answered(
    model: torch.nn.Module, batch: Minibatch, where: str, precision: Precision
) -> tuple[Minibatch, Tensor]:
    """Give a batch, on the device of the net, with its outputs (T, B, n), 0 where it is padded.

    Raises
    ------
    ValidationError
        With epoch, batch and module; see `fit`.
    """
    check_batch(batch, where)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    batch = batch.to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        out = watch.outputs(model, batch.x, where, batch.mask)
    out = out.float() if out.dtype in (torch.bfloat16, torch.float16) else out
    if has_classes(batch.y):
        check_labels(batch.y, out.shape[-1], where)
    return batch, masked(out, batch.mask)


def loss_of(loss: Loss, out: Tensor, batch: Minibatch) -> Tensor:
    """Loss of a batch; one that takes the mask gets it."""
    return called(loss, batch.mask, out, batch.y)


def check_loss(value: Tensor, model: torch.nn.Module, batch: Minibatch, where: str) -> None:
    """Refuse a loss that is no number.

    Raises
    ------
    ValidationError
        With the module that made it so, if it was one.
    """
    if not bool(torch.isfinite(value).all()):
        raise ValidationError(
            f"{where}: expected a finite loss, got {float(value.detach()):g}, "
            f"{watch.blame(model, batch.x)}"
        )


def called(function: Callable[..., Tensor], mask: Tensor | None, *given: Tensor) -> Tensor:
    """Call a loss or readout, with the mask if it takes one.

    That is an argument called mask, or one more that is required; any other is its own matter.
    """
    if mask is None:
        return function(*given)
    form = function.forward if isinstance(function, torch.nn.Module) else function
    takes = inspect.signature(form).parameters
    if "mask" in takes:
        return function(*given, mask=mask)
    places = [one for one in takes.values() if one.kind in (one.POSITIONAL_ONLY, _PLACED)]
    more = places[len(given) : len(given) + 1]
    return function(*given, mask) if more and more[0].default is _NONE else function(*given)


def has_classes(y: Tensor) -> bool:
    """Whether targets are classes."""
    return y.ndim == 1 and y.dtype == torch.int64
