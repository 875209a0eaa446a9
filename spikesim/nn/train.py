# SPDX-License-Identifier: Apache-2.0
"""One training loop, reproducible to the bit."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from spikesim.core import decode, stream
from spikesim.engine.progress import counting
from spikesim.errors import ValidationError
from spikesim.nn.decode import arg_max, spike_count
from spikesim.nn.loss import CountCrossEntropy
from spikesim.nn.optimizer import AdamW
from spikesim.nn.running import run

Encode = Callable[[Tensor], Tensor]
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass
class History:
    """What happened, per epoch.

    Attributes
    ----------
    loss : list of float
        Mean training loss.
    held_out : list of float
        Accuracy in 0..1 on the held-out part; empty without one.
    seconds : float
        Wall time.
    """

    loss: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    seconds: float = 0.0


def fit(
    model: torch.nn.Module,
    x: np.ndarray,
    y: np.ndarray,
    *,
    encode: Encode,
    epochs: int,
    batch_size: int = 64,
    lr: float = 1e-2,
    warm_up: float = 0.1,
    weight_decay: float = 0.0,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    augment: Augment | None = None,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
    threads: int | None = 1,
    progress: bool = False,
    label: str = "training",
) -> History:
    """Train in place with AdamW and a learning rate that rises, then falls as a cosine to zero.

    Parameters
    ----------
    model : torch.nn.Module
        What `nn.run` takes, to spikes (T, B, n_classes): a `SpikingNet`, a module of your own, or
        an `IntegerNet` for training with integers in the loop.
    x, y : arrays, shape (n_images, ...) and (n_images,)
        Images as the encoder wants them, labels.
    encode : callable
        Images tensor (B, ...) to spikes (T, B, n_in).
    epochs, batch_size : int
        Passes over the data, images per step.
    lr : float
        Largest learning rate.
    warm_up : float
        Share of all steps in which the rate rises.
    weight_decay : float
        As in AdamW.
    loss : callable, optional
        (spikes, labels) to a scalar; `CountCrossEntropy()` by default.
    augment : callable, optional
        (images, random generator) to images, applied to every batch.
    held_out : (x, y), optional
        Measured after each epoch; never used to decide anything here.
    seed : int
        Order of images and augmentation.
    threads : int, optional
        Torch threads while training; None leaves them. Two runs are equal bit for bit only with
        the same number.
    progress : bool
        Show a progress bar.
    label : str
        Text beside the bar.

    Returns
    -------
    History

    Raises
    ------
    ValidationError
        If there is nothing to train on, a size is not positive, or images and labels are not
        numbers of the right kind and range.
    """
    x, y = np.asarray(x), np.asarray(y)
    _check_data(x, y, epochs, batch_size)
    criterion = CountCrossEntropy() if loss is None else loss
    labels = torch.as_tensor(y.astype(np.int64))
    optimizer = AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    n_steps = epochs * -(-len(x) // batch_size)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(n_steps, warm_up))
    rng = stream(seed, "fit")
    history, start, done = History(), time.perf_counter(), 0
    with reproducible(threads), counting(progress, label) as report:
        for _ in range(epochs):
            model.train()
            order, total = rng.permutation(len(x)), 0.0
            for first in range(0, len(x), batch_size):
                chosen = np.sort(order[first : first + batch_size])
                images = x[chosen] if augment is None else augment(x[chosen], rng)
                spikes, _ = run(model, encode(torch.from_numpy(images)))
                if not done:
                    _check_labels(y, spikes.shape[-1])
                value = criterion(spikes, labels[chosen])
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                optimizer.step()
                rate.step()
                total += float(value.detach()) * len(chosen)
                done += 1
                report(done, n_steps)
            history.loss.append(total / len(x))
            if held_out is not None:
                history.held_out.append(accuracy(model, *held_out, encode=encode))
        model.eval()
    history.seconds = time.perf_counter() - start
    return history


def _check_data(x: np.ndarray, y: np.ndarray, epochs: int, batch_size: int) -> None:
    problems = []
    if x.ndim == 0 or len(x) == 0 or y.shape[:1] != x.shape[:1] or epochs < 0 or batch_size < 1:
        problems.append(
            f"fit: expected as many labels as images and at least one, epochs >= 0 and "
            f"batch_size >= 1; got images of shape {x.shape}, labels of shape {y.shape}, "
            f"epochs={epochs}, batch_size={batch_size}"
        )
    if x.dtype.kind not in "fub" or y.dtype.kind not in "iu" or y.ndim != 1:
        problems.append(
            f"fit: expected images of floats or uint8 and integer labels of shape (n_images,), got "
            f"dtypes {x.dtype} and {y.dtype}, labels of shape {y.shape}"
        )
    if problems:
        raise ValidationError(problems)


def _check_labels(labels: np.ndarray, classes: int) -> None:
    """Refuse classes that no output stands for."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        shift = f"; subtract {low}" if 0 < low and high - low < classes else ""
        raise ValidationError(
            f"fit: expected labels from 0 to {classes - 1}, one for each output neuron, got "
            f"{low} to {high}{shift}"
        )


def predict(
    model: torch.nn.Module, x: np.ndarray, *, encode: Encode, batch_size: int = 500
) -> np.ndarray:
    """Classes of images by spike count, int64 (n_images,); lowest index wins a tie."""
    was_training = model.training
    model.eval()
    found = []
    with torch.no_grad():
        for first in range(0, len(x), batch_size):
            spikes, _ = run(model, encode(torch.from_numpy(x[first : first + batch_size])))
            found.append(arg_max(spike_count(spikes)).numpy())
    model.train(was_training)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def accuracy(
    model: torch.nn.Module, x: np.ndarray, y: np.ndarray, *, encode: Encode, batch_size: int = 500
) -> float:
    """Share of images, 0..1, whose class by spike count is right."""
    return decode.accuracy(predict(model, x, encode=encode, batch_size=batch_size), y)


@contextlib.contextmanager
def reproducible(threads: int | None = 1) -> Iterator[None]:
    """Deterministic algorithms and a fixed number of threads inside; both restored after."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    torch.use_deterministic_algorithms(True)
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.set_num_threads(before[1])


def _schedule(n_steps: int, warm_up: float) -> Callable[[int], float]:
    rise = max(1.0, warm_up * n_steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise if warm_up > 0 else 1.0
        done = (step - rise) / max(1.0, n_steps - rise)
        # Cut to 24 bits: the cosines of two libraries may differ in the last of 53.
        return round(2**23 * (1.0 + math.cos(math.pi * min(1.0, done)))) / 2**24

    return factor
