# SPDX-License-Identifier: Apache-2.0
"""Samples as batches, time first: from arrays, or from anything that gives batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.nn.time.mask import check_mask

Encode = Callable[[Tensor], Tensor]
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Minibatch(NamedTuple):
    """What a net gets at once.

    Attributes
    ----------
    x : tensor, shape (T, B, ...)
        Input per tick.
    y : tensor, shape (B,) or (B, ...)
        Class labels int64, or whatever the loss compares with.
    mask : bool tensor, shape (T, B), or None
        True where a sample has a tick, False where it is padded.
    """

    x: Tensor
    y: Tensor
    mask: Tensor | None = None

    @property
    def n(self) -> int:
        """Samples."""
        return self.x.shape[1]

    def to(self, device: torch.device) -> Minibatch:
        """Give it on a device."""
        mask = None if self.mask is None else self.mask.to(device)
        return Minibatch(self.x.to(device), self.y.to(device), mask)


class ArrayBatches:
    """Batches of arrays, in a new order in every pass where a random stream is given.

    Parameters
    ----------
    x, y : arrays, shape (n, ...) and (n,)
        Samples and labels.
    encode : callable, optional
        Samples tensor (B, ...) to (T, B, ...). Without it samples are (T, ...) themselves.
    batch_size : int
        Samples at once.
    rng : numpy random generator, optional
        Order and augmentation; without it the order is that of the arrays.
    augment : callable, optional
        (samples, random generator) to samples.
    share : (int, int)
        Which process of how many: each takes every so manieth sample of a batch.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        encode: Encode | None,
        batch_size: int,
        rng: np.random.Generator | None = None,
        augment: Augment | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.x, self.y, self.encode, self.batch_size = x, y, encode, batch_size
        self.rng, self.augment, self.share = rng, augment, share
        self.labels = torch.as_tensor(y.astype(np.int64))

    def __len__(self) -> int:
        """Batches of one pass."""
        return -(-len(self.x) // self.batch_size)

    def __iter__(self) -> Iterator[Minibatch]:
        """One pass."""
        n, rng = len(self.x), self.rng
        order = np.arange(n) if rng is None else rng.permutation(n)
        first, step = self.share
        for start in range(0, n, self.batch_size):
            chosen = np.sort(order[start : start + self.batch_size])
            images = self.x[chosen]
            if self.augment is not None and rng is not None:
                images = self.augment(images, rng)
            mine = torch.from_numpy(np.ascontiguousarray(images[first::step]))
            if not len(mine):  # more processes than samples are left
                inputs = torch.empty(1, 0)
            else:
                inputs = _time_first(mine) if self.encode is None else self.encode(mine)
            yield Minibatch(inputs, self.labels[chosen[first::step]])


class LoaderBatches:
    """Batches that something else gives: a ``DataLoader``, a list, an object with ``__iter__``.

    Parameters
    ----------
    loader : iterable
        Of (x, y) or (x, y, mask), tensors or arrays, x (T, B, ...) unless ``encode`` makes it so.
    encode : callable, optional
        x to (T, B, ...).
    processes : int
        How many train together; the loader of each gives its own samples.

    Raises
    ------
    ValidationError
        If it can be passed only once, as a generator is.
    """

    def __init__(self, loader: Iterable[Any], *, encode: Encode | None, processes: int = 1) -> None:
        if not isinstance(loader, Iterable) or iter(loader) is loader:
            raise ValidationError(
                f"fit: expected arrays x and y, or an iterable of batches (x, y) that begins anew "
                f"in every epoch, got {type(loader).__name__}; give a list, a DataLoader, or an "
                "object with __iter__"
            )
        self.loader, self.encode, self.processes = loader, encode, processes

    def __len__(self) -> int:
        """Batches of one pass; 0 where the iterable does not tell."""
        try:
            return len(self.loader)  # type: ignore[arg-type]  # tried
        except TypeError:
            return 0

    def __iter__(self) -> Iterator[Minibatch]:
        """One pass."""
        for number, given in enumerate(self.loader):
            if not isinstance(given, tuple | list) or len(given) not in (2, 3):
                got = type(given).__name__
                got += f" of {len(given)}" if isinstance(given, tuple | list | dict) else ""
                raise ValidationError(
                    f"fit: batch {number + 1}: expected (x, y) or (x, y, mask), got {got}; wrap "
                    "the loader so that it gives tuples"
                )
            x, y = (torch.as_tensor(part) for part in given[:2])
            x = x if self.encode is None else self.encode(x)
            mask = None if len(given) == 2 else torch.as_tensor(given[2])
            if not y.is_floating_point() and y.dtype != torch.bool:
                y = y.long()
            yield Minibatch(x, y, mask)


def source(
    x: Any, y: Any, *, encode: Encode | None, batch_size: int
) -> ArrayBatches | LoaderBatches:
    """Batches of what a user gives, in its order.

    Raises
    ------
    ValidationError
        If they are no samples and labels.
    """
    if y is None:
        return LoaderBatches(x, encode=encode)
    x, y = arrays(x, y)
    return ArrayBatches(x, y, encode=encode, batch_size=batch_size)


def arrays(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give samples and labels as checked arrays.

    Raises
    ------
    ValidationError
        With all that is wrong.
    """
    images, labels = np.asarray(x), np.asarray(y)
    problems = check_arrays(images, labels)
    if problems:
        raise ValidationError(problems)
    return images, labels


def check_batch(batch: Minibatch, where: str) -> None:
    """Refuse a batch whose axes cannot be (T, B, ...) and (B,).

    Raises
    ------
    ValidationError
        With what is likely meant, where batch and time seem to be exchanged.
    """
    x, y, mask = batch
    n = len(y) if y.ndim else 0
    trains = y.ndim > 2 and y.shape[:2] == x.shape[:2]
    if x.ndim < 2 or (x.shape[1] != n and not trains):
        way = "encode= makes sequences of images"
        if x.ndim >= 2 and x.shape[0] == n:
            way = "batch and time seem to be exchanged, x.transpose(0, 1)"
        raise ValidationError(
            f"{where}: expected input (T, B, ...), time first, with one column for each of the "
            f"{n} labels, got shape {tuple(x.shape)} for labels of shape "
            f"{tuple(y.shape)}; {way}"
        )
    if mask is not None:
        check_mask(mask, x, where)
    if not len(x):
        raise ValidationError(f"{where}: expected at least one tick, got none; give more steps")


def check_labels(labels: Tensor | np.ndarray, classes: int, where: str) -> None:
    """Refuse classes that no output stands for.

    Raises
    ------
    ValidationError
        With the shift, where labels begin above 0.
    """
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        shift = f"; subtract {low}" if 0 < low and high - low < classes else ""
        raise ValidationError(
            f"{where}: expected labels from 0 to {classes - 1}, one for each output neuron, got "
            f"{low} to {high}{shift}"
        )


def check_arrays(x: np.ndarray, y: np.ndarray) -> list[str]:
    """Problems of arrays to train on."""
    problems = []
    if x.ndim == 0 or len(x) == 0 or y.shape[:1] != x.shape[:1]:
        problems.append(
            "fit: expected as many labels as images and at least one, got images of shape "
            f"{x.shape}, labels of shape {y.shape}"
        )
    if x.dtype.kind not in "fub" or y.dtype.kind not in "iu" or y.ndim != 1:
        problems.append(
            f"fit: expected images of floats or uint8 and integer labels of shape (n_images,), got "
            f"dtypes {x.dtype} and {y.dtype}, labels of shape {y.shape}"
        )
    elif x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(1))
        problems.append(
            f"fit: expected finite images, got NaN or infinity in {len(bad)} of {len(x)}, the "
            f"first at index {bad[0]}; leave them out or repair them"
        )
    return problems


def _time_first(x: Tensor) -> Tensor:
    if x.ndim < 2:
        raise ValidationError(
            f"fit: expected samples (T, ...) where no encoder makes them, got batches of shape "
            f"{tuple(x.shape)}; give encode=..."
        )
    return x.transpose(0, 1).contiguous().float()
