# SPDX-License-Identifier: Apache-2.0
"""Sequences of different length: padded, with a mask, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from spikesim.core import stream
from spikesim.data.split import digest, stratified
from spikesim.errors import ValidationError


class Sequences(Protocol):
    """What has a length and gives (sequence (T, ...), label) by index."""

    def __len__(self) -> int:
        """Give how many."""
        ...

    def __getitem__(self, index: int, /) -> tuple[np.ndarray, int]:
        """Give one."""
        ...


def pad(clips: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Put sequences of different length into one array, time first.

    Parameters
    ----------
    clips : sequence of arrays, shape (T_i, ...)
        Alike but for their length.

    Returns
    -------
    x : array, shape (T, B, ...), T the longest
        Zeros behind the end of a sequence.
    mask : bool array, shape (T, B)
        True where a sequence has a tick.

    Raises
    ------
    ValidationError
        If there is none, one has no tick, or they differ in the other axes.

    Examples
    --------
    >>> x, mask = pad([np.ones((3, 2)), np.ones((1, 2))])
    >>> x[:, 1, 0].tolist(), mask[:, 1].tolist()
    ([1.0, 0.0, 0.0], [True, False, False])
    """
    arrays = [np.asarray(clip) for clip in clips]
    shapes = {array.shape[1:] for array in arrays}
    short = [k for k, array in enumerate(arrays) if array.ndim == 0 or not len(array)]
    if len(shapes) != 1 or short:
        got = f"clip {short[0]} without one" if short else f"shapes {sorted(shapes)} of a tick"
        raise ValidationError(
            "pad: expected sequences (T, ...) with at least one tick and the same shape of a tick, "
            f"got {got if arrays else 'none'}"
        )
    longest = max(map(len, arrays))
    x = np.zeros((longest, len(arrays), *shapes.pop()), np.result_type(*arrays))
    for k, array in enumerate(arrays):
        x[: len(array), k] = array
    return x, np.arange(longest)[:, None] < np.array([len(array) for array in arrays])


class Batches:
    """Batches (x, y, mask) of sequences, as ``nn.fit`` takes them, anew in every pass.

    Parameters
    ----------
    samples : sequence of (array (T, ...), label)
        `Clips`, `EventFrames`, a list, or anything else with a length and an index.
    batch_size : int
        Sequences at once; the last batch may have fewer.
    seed : int, optional
        Of the order, which is another one in every pass; without it that of the samples.

    Raises
    ------
    ValidationError
        If there is no sample, or batches would have none.

    Examples
    --------
    >>> batches = Batches([(np.ones((2, 1)), 0), (np.ones((3, 1)), 1)], batch_size=2)
    >>> [(x.shape, y.tolist(), mask.sum(0).tolist()) for x, y, mask in batches]
    [((3, 2, 1), [0, 1], [2, 3])]
    """

    def __init__(self, samples: Sequences, batch_size: int, seed: int | None = None) -> None:
        if batch_size < 1 or not len(samples):
            raise ValidationError(
                f"Batches: expected batch_size >= 1 and at least one sample, got {batch_size} and "
                f"{len(samples)} samples"
            )
        self.samples, self.batch_size, self.seed, self._passes = samples, batch_size, seed, 0

    def __len__(self) -> int:
        """Batches of a pass."""
        return -(-len(self.samples) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """One pass."""
        n = len(self.samples)
        order = np.arange(n)
        if self.seed is not None:
            order = stream(self.seed, "batches", self._passes).permutation(n)
        self._passes += 1
        for first in range(0, n, self.batch_size):
            chosen = [self.samples[int(k)] for k in order[first : first + self.batch_size]]
            x, mask = pad([clip for clip, _ in chosen])
            yield x, np.array([label for _, label in chosen], np.int64), mask

    def state_dict(self) -> dict[str, int]:
        """Give the passes so far, for a training that is to go on later."""
        return {"passes": self._passes}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on behind so many passes."""
        self._passes = state["passes"]


@dataclass(frozen=True)
class Clips:
    """Labelled sequences.

    Attributes
    ----------
    name : str
        Of the data set and its part.
    clips : tuple of float32 arrays, shape (T_i, ...)
        One each.
    labels : int64 array, shape (n,)
        Classes.
    classes : tuple of str
        Their names.
    groups : tuple of str
        Who or what each came from, such as a speaker; empty where that is not known.
    """

    name: str
    clips: tuple[np.ndarray, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Sequences."""
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Sequence and label."""
        return self.clips[index], int(self.labels[index])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def digest(self) -> str:
        """Hash of all sequences and labels."""
        return digest(*self.clips, self.labels)

    def part(self, name: str, chosen: np.ndarray) -> Clips:
        """Give the sequences of some indices."""
        where = np.arange(len(self))[chosen]
        return replace(
            self, name=name, clips=tuple(self.clips[k] for k in where), labels=self.labels[where],
            groups=tuple(self.groups[k] for k in where) if self.groups else (),
        )  # fmt: skip

    def validation(self, share: float, seed: int) -> tuple[Clips, Clips]:
        """Split once more, with the same share of every class, to choose settings by."""
        kept, held = stratified(self.labels, share, seed)
        return self.part(self.name, kept), self.part(f"{self.name}-validation", held)
