# SPDX-License-Identifier: Apache-2.0
"""Training without labels, image after image, that can be saved and gone on with."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikesim.core import read_archive, stream, write_archive
from spikesim.core.shape import COUNT
from spikesim.errors import ValidationError, errors_of
from spikesim.models.diehl_cook.network import DigitNetwork, Learned
from spikesim.models.diehl_cook.presenting import Presenter
from spikesim.models.diehl_cook.reading import SILENT, predict, strongest

Path = str | os.PathLike[str]
_KIND, _VERSION = "digit training", 1
_FORM = {
    "position": COUNT, "presentations": COUNT, "seed": int, "history": [(COUNT, float)],
    "right": COUNT, "n_images": COUNT,
}  # fmt: skip


class Training:
    """A network that sees training images, each pass in another random order.

    The network learns from pixels alone. Labels are used for its running ``history``: neurons
    are labelled by one block of images, and the next block, not yet learned from in the first
    pass, is told apart with them.

    Parameters
    ----------
    model : DigitNetwork
    images : float array, shape (n_images, ...), 0 to 1
    labels : int array, shape (n_images,)
    seed : int
        Of everything random.
    rest : {"skipped", "run"}
        See ``Presenter``.
    block : int
        Images per entry of the history.
    resume : path, optional
        File that ``save`` wrote. The training goes on as if it had not stopped.

    Attributes
    ----------
    position : int
        Images shown so far.
    presentations : int
        Presentations so far; more than images where one was repeated.
    history : list of (int, float)
        Images shown, and accuracy over the last block of them.

    Raises
    ------
    ValidationError
        If images and labels differ in number, or the file belongs to another training.
    """

    def __init__(
        self,
        model: DigitNetwork,
        images: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        seed: int = 0,
        rest: Literal["skipped", "run"] = "skipped",
        block: int = 1000,
        resume: Path | None = None,
    ) -> None:
        self.model, self.seed, self.block = model, seed, block
        self._images = np.asarray(images)
        self._labels = np.asarray(labels, dtype=np.int64)
        if len(self._images) != len(self._labels) or not len(self._images):
            raise ValidationError(
                f"Training: expected as many labels as images, and at least one, got "
                f"{len(self._labels)} and {len(self._images)}"
            )
        classes = int(self._labels.max()) + 1
        self.position, self.presentations = 0, 0
        self.history: list[tuple[int, float]] = []
        self._assigned = np.full(model.n, SILENT, dtype=np.int64)
        self._totals = np.zeros((classes, model.n))
        self._seen = np.zeros(classes, dtype=np.int64)
        self._right = 0
        session = None if resume is None else self._load(resume)
        with nullcontext() if resume is None else errors_of(f"{_KIND} file {os.fspath(resume)!r}"):
            self._presenter = Presenter(model, seed, rest=rest, resume=session)

    def run(
        self,
        images: int,
        *,
        checkpoint: Path | None = None,
        every: int = 5000,
        progress: Callable[[int, float], None] | None = None,
    ) -> None:
        """Show further images.

        Parameters
        ----------
        images : int
        checkpoint : path, optional
            File to which the training is saved whenever ``every`` images are through.
        every : int
        progress : callable, optional
            Gets every new entry of the history.
        """
        for _ in range(images):
            self._show_next()
            if progress is not None and self.position % self.block == 0:
                progress(*self.history[-1])
            if checkpoint is not None and self.position % every == 0:
                self.save(checkpoint)

    def learned(self) -> Learned:
        """Weights and thresholds as they are now."""
        return self._presenter.learned()

    def save(self, path: Path) -> None:
        """Write all that is needed to go on to one file, whole or not at all."""
        header = {
            "position": self.position, "presentations": self.presentations, "seed": self.seed,
            "history": self.history, "right": self._right, "n_images": len(self._images),
        }  # fmt: skip
        arrays: dict[str, npt.NDArray[Any]] = {
            "session": np.frombuffer(self._presenter.save(), dtype=np.uint8),
            "assigned": self._assigned, "totals": self._totals, "seen": self._seen,
        }  # fmt: skip
        write_archive(path, _KIND, _VERSION, header, arrays)

    def _load(self, path: Path) -> bytes:
        header, arrays = read_archive(path, _KIND, _VERSION, _FORM)
        for name, mine in (("seed", self.seed), ("n_images", len(self._images))):
            if header[name] != mine:
                raise ValidationError(
                    f"Training: expected {os.fspath(path)!r} of {name} {mine}, got "
                    f"{header[name]}; go on with the images and seed it began with"
                )
        self.position, self.presentations = header["position"], header["presentations"]
        self.history = [(int(at), float(share)) for at, share in header["history"]]
        self._right = header["right"]
        self._assigned = arrays.take("assigned", "i", *self._assigned.shape)
        self._totals = arrays.take("totals", "f", *self._totals.shape)
        self._seen = arrays.take("seen", "i", *self._seen.shape)
        return arrays.take("session", "u", None).tobytes()

    def _show_next(self) -> None:
        turn, within = divmod(self.position, len(self._images))
        if within == 0 or not hasattr(self, "_order"):
            order = stream(self.seed, "digits", "order", turn)
            self._order = order.permutation(len(self._images))
        which = self._order[within]
        before = self._presenter.shown
        counts = self._presenter.show(self._images[which])
        self.presentations += self._presenter.shown - before
        label = self._labels[which]
        self._right += int(predict(counts[None], self._assigned, len(self._seen))[0] == label)
        self._totals[label] += counts
        self._seen[label] += 1
        self.position += 1
        if self.position % self.block == 0:
            self.history.append((self.position, self._right / self.block))
            self._assigned = strongest(self._totals, self._seen)
            self._totals[:], self._seen[:], self._right = 0.0, 0, 0
