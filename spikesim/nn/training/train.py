# SPDX-License-Identifier: Apache-2.0
"""One training loop, reproducible to the bit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikesim.core import stream
from spikesim.data.split import stratified
from spikesim.engine.progress import Progress, counting
from spikesim.errors import ValidationError
from spikesim.nn.decode import spike_count
from spikesim.nn.loss import CountCrossEntropy
from spikesim.nn.training.batches import (
    ArrayBatches,
    Augment,
    Encode,
    LoaderBatches,
    arrays,
    source,
)
from spikesim.nn.training.checkpoint import told
from spikesim.nn.training.evaluate import Batches, Decode, Loss, Precision
from spikesim.nn.training.history import History
from spikesim.nn.training.loop import Fitting, Log
from spikesim.nn.training.processes import Processes

_MEASURED = 500
"""Samples at once in validation; a net's outputs do not depend on it."""


def fit(
    model: torch.nn.Module,
    x: Any,
    y: Any = None,
    *,
    encode: Encode | None = None,
    epochs: int,
    batch_size: int = 64,
    lr: float = 1e-2,
    warm_up: float = 0.1,
    weight_decay: float = 0.0,
    clip: float | None = None,
    loss: Loss | None = None,
    decode: Decode = spike_count,
    augment: Augment | None = None,
    validation: Any = None,
    patience: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    log: Log | Sequence[Log] = (),
    precision: Precision = "float32",
    seed: int = 0,
    threads: int | None = 1,
    progress: Progress = False,
    label: str = "training",
) -> History:
    """Train in place with AdamW and a learning rate that rises, then falls as a cosine to zero.

    Parameters
    ----------
    model : torch.nn.Module
        What `nn.run` takes, to outputs (T, B, n_classes): a `SpikingNet`, a module of your own, or
        an `IntegerNet` for training with integers in the loop.
    x : array, shape (n_images, ...), or iterable
        Images as the encoder wants them. Or batches (x, y) or (x, y, mask), as a ``DataLoader``,
        a list or any object gives them that begins anew in every epoch: x (T, B, ...) unless
        ``encode`` makes it so, mask bool (T, B), True where a sample has a tick. Where there is a
        mask, outputs of padded ticks are 0 to loss and counts.
    y : int array, shape (n_images,)
        Labels, for arrays.
    encode : callable, optional
        Images tensor (B, ...) to input (T, B, ...). Without it samples of arrays are (T, ...).
    epochs, batch_size : int
        Passes over the data; images per step, for arrays.
    lr : float
        Largest learning rate.
    warm_up : float
        Share of all steps in which the rate rises. It changes once an epoch for an iterable that
        does not tell its length.
    weight_decay : float
        As in AdamW.
    clip : float, optional
        Largest norm of all gradients together.
    loss : callable, optional
        (outputs, targets) to a scalar, or (outputs, targets, mask); `CountCrossEntropy()` by
        default. A third argument that has a default is the mask only if it is
        called so.
    decode : callable, optional
        Outputs (T, B, n) to scores (B, n), of which the largest is the class; see `nn.decode`.
    augment : callable, optional
        (images, random generator) to images, applied to every batch of arrays.
    validation : float, (x, y), or iterable of batches, optional
        Measured after each epoch. A number is the share of the arrays that is kept apart for it,
        with the same share of every class.
    patience : int, optional
        End when so many epochs in a row were no better in validation (`History.best`), and leave
        the net with its best weights. Without it validation decides nothing.
    checkpoint : path, optional
        File that is replaced after every epoch. If it exists, training goes on from it, to the same
        bits as without the interruption. Functions and loaders are known by their names only.
    log : callable or several, optional
        Given the `History` after every epoch: `CSVLog`, `TensorBoardLog`, or your own. What it
        changes in the net, as `narrow_delays` does, is in the checkpoint.
    precision : {"float32", "bf16"}
        Of products and convolutions of torch's own layers (autocast); neurons stay in float32.
    seed : int
        Order of images, augmentation, and what is kept apart for validation.
    threads : int, optional
        Torch threads while training; None leaves them. Two runs are equal bit for bit only with
        the same number.
    progress : bool or callable
        Show a progress bar, or report (steps done, of all) elsewhere.
    label : str
        Text beside the bar.

    Returns
    -------
    History

    Raises
    ------
    ValidationError
        If there is nothing to train on, a size is not positive, images and labels are not
        numbers of the right kind and range, batch and time are exchanged, or input, a drive, a
        gradient or the loss is not finite (with epoch, batch and module), or if the checkpoint is
        damaged or one of another net or other settings.

    Notes
    -----
    Where ``torch.distributed`` is initialized, all processes train one net: of arrays each takes
    its share of every batch, loaders give each its own (with a ``DistributedSampler``). Gradients
    are those of the joint batch but for the order of their sums; batch normalization sees the
    share of its process.
    """
    _check(epochs, batch_size, clip, patience, validation, precision)
    rng = stream(seed, "fit")
    train, held = _parts(x, y, encode, validation, batch_size, augment, rng, seed)
    training = Fitting(
        model, train, held, loss=CountCrossEntropy() if loss is None else loss, decode=decode,
        epochs=epochs, lr=lr, warm_up=warm_up, weight_decay=weight_decay, clip=clip,
        patience=patience, precision=precision,
    )  # fmt: skip
    if checkpoint is not None:
        data = x if y is None else (np.asarray(x), np.asarray(y))
        settings = {
            "epochs": epochs, "batch_size": batch_size, "lr": lr, "warm_up": warm_up,
            "weight_decay": weight_decay, "clip": clip, "patience": patience, "seed": seed,
            "precision": precision, "threads": threads, "loss": training.loss, "decode": decode,
            "encode": encode, "augment": augment, "data": data, "validation": validation,
            "processes": training.together.size,
        }  # fmt: skip
        training.keep_in(Path(checkpoint), {name: told(value) for name, value in settings.items()})
    loggers: Sequence[Log] = (log,) if callable(log) else log
    with reproducible(threads), counting(progress, label) as report:
        return training.run(loggers, report)


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


def _check(
    epochs: int, batch_size: int, clip: float | None, patience: int | None, validation: Any,
    precision: str,
) -> None:  # fmt: skip
    problems = []
    if epochs < 0 or batch_size < 1:
        problems.append(
            f"fit: expected epochs >= 0 and batch_size >= 1, got epochs={epochs}, "
            f"batch_size={batch_size}"
        )
    if clip is not None and not clip > 0:
        problems.append(f"fit: expected clip > 0, or None for no limit, got {clip}")
    if patience is not None and (patience < 1 or validation is None):
        problems.append(
            f"fit: expected patience >= 1 and a validation part to judge by, got {patience} and "
            f"validation={'None' if validation is None else '...'}; validation=0.1 keeps a tenth"
        )
    if precision not in ("float32", "bf16"):
        problems.append(f"fit: expected precision 'float32' or 'bf16', got {precision!r}")
    if problems:
        raise ValidationError(problems)


def _parts(
    x: Any, y: Any, encode: Encode | None, validation: Any, batch_size: int,
    augment: Augment | None, rng: np.random.Generator, seed: int,
) -> tuple[Batches, Batches | None]:  # fmt: skip
    """Give what is trained on, and what is measured after each epoch."""
    share = isinstance(validation, int | float)
    if y is None:
        if share or augment is not None:
            raise ValidationError(
                "fit: expected validation as data, and no augment, beside an iterable of batches; "
                "split and change samples where it makes them"
            )
        train: Batches = LoaderBatches(x, encode=encode)
        held_x = held_y = None
    else:
        x, y = arrays(x, y)
        if share:
            kept, apart = stratified(y, validation, seed)
            x, y, held_x, held_y = x[kept], y[kept], x[apart], y[apart]
        together = Processes()
        train = ArrayBatches(
            x, y, encode=encode, batch_size=batch_size, rng=rng, augment=augment,
            share=(together.rank, together.size),
        )  # fmt: skip
    if validation is None:
        return train, None
    if not share:
        pair = isinstance(validation, tuple) and len(validation) == 2
        held_x, held_y = validation if pair else (validation, None)
    return train, source(held_x, held_y, encode=encode, batch_size=_MEASURED)
