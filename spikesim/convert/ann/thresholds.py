# SPDX-License-Identifier: Apache-2.0
"""Thresholds from what activations are on calibration data, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from spikesim.convert.ann.reading import AnnGraph
from spikesim.convert.ann.watching import watched

_BINS = 2048
"""Of a histogram between 0 and the largest value: thresholds are found to 1/2048 of it."""
_TRIED = 64
"""Thresholds that the least squared error is looked for among."""


@dataclass(frozen=True)
class Activity:
    """How often a channel of an activation has which values.

    Attributes
    ----------
    shape : tuple of int
        Axes of the activation without the batch; channels first.
    largest : float64 tensor, shape (channels,)
    counts : float64 tensor, shape (channels, bins)
        Values by their share of the largest, in bins of equal width.
    """

    shape: tuple[int, ...]
    largest: Tensor
    counts: Tensor

    @property
    def dead(self) -> Tensor:
        """Channels that were never above 0, bool (channels,)."""
        return self.largest <= 0.0

    def percentile(self, percent: float) -> Tensor:
        """Value of each channel that this share of its values does not exceed, to a bin."""
        below = self.counts.cumsum(1) / self.counts.sum(1, keepdim=True)
        first = (below < percent / 100.0).sum(1) + 1
        return self._alive(self.largest * first.clamp(max=_BINS) / _BINS)

    def least_squares(self, steps: int) -> Tensor:
        """Threshold of each channel whose ``steps`` levels are nearest to its values."""
        middles = (torch.arange(_BINS, dtype=torch.float64) + 0.5) / _BINS
        best = torch.full_like(self.largest, torch.inf)
        found = torch.ones_like(self.largest)
        for k in range(1, _TRIED + 1):
            share = k / _TRIED
            levels = (middles * steps / share + 0.5).floor().clamp(max=steps) * share / steps
            error = self.counts @ (levels - middles).square()
            better = error < best
            best[better], found[better] = error[better], share
        return self._alive(self.largest * found)

    def _alive(self, thresholds: Tensor) -> Tensor:
        """Give channels that were silent the largest threshold of the others; 1 if all were."""
        others = thresholds[~self.dead]
        instead = others.max() if len(others) else torch.tensor(1.0, dtype=torch.float64)
        return torch.where(self.dead, instead, thresholds)


def observe(ann: AnnGraph, batches: Iterable[Tensor]) -> dict[str, Activity]:
    """Count what each activation gives on calibration data, by its path.

    Parameters
    ----------
    ann : AnnGraph
    batches : iterable of tensor, shape (B, ...)
        Gone through twice: for the largest values, then for how often which come.
    """
    largest: dict[str, Tensor] = {}
    counts: dict[str, Tensor] = {}
    shapes: dict[str, tuple[int, ...]] = {}

    def see_largest(path: str, _: Tensor, out: Tensor) -> None:
        shapes[path] = tuple(out.shape[1:])
        top = out.transpose(0, 1).flatten(1).amax(1).double().cpu()
        largest[path] = torch.maximum(largest[path], top) if path in largest else top

    def see_counts(path: str, _: Tensor, out: Tensor) -> None:
        by_channel = out.transpose(0, 1).flatten(1).double().cpu()
        top = largest[path]
        width = torch.where(top > 0.0, top, 1.0)[:, None] / _BINS
        bins = (by_channel / width).floor().clamp(0, _BINS - 1)
        first = torch.arange(len(top), dtype=torch.float64)[:, None] * _BINS
        found = torch.bincount((bins + first).long().flatten(), minlength=len(top) * _BINS)
        counts[path] = counts.get(path, 0.0) + found.reshape(len(top), _BINS).double()

    for see in (see_largest, see_counts):
        with watched(ann.module, ann.activations, see), torch.no_grad():
            for x in batches:
                ann.module(x)
    return {path: Activity(shapes[path], largest[path], counts[path]) for path in ann.activations}
