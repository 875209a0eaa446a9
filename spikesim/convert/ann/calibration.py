# SPDX-License-Identifier: Apache-2.0
"""Data that a conversion is given, checked and in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.convert.ann.measuring import Batch
from spikesim.convert.ann.reading import AnnGraph
from spikesim.convert.ann.watching import watched
from spikesim.errors import ValidationError

_ROUNDED = 1e-3
"""Share of the largest output by which sums of float32 in another order may differ."""

_HALF = 16
"""Roundings that scores of 16-bit floats may differ by, since weights are rounded once more."""


def batches_of(who: str, given: Any, size: int, device: torch.device) -> list[Batch]:
    """Tensors, arrays, pairs of them with labels, or an iterable of such, as batches.

    Raises
    ------
    ValidationError
        If there are none, they are no floats or not finite, or labels do not fit.
    """
    found = [batch for part in _parts(who, given) for batch in _batches(who, part, size, device)]
    if not found:
        raise ValidationError(f"{who}: expected at least one sample, got none; give some images")
    if len({labels is None for _, labels in found}) > 1:
        raise ValidationError(f"{who}: expected labels with all samples or with none")
    return found


def check_output(ann: torch.nn.Module, batches: list[Batch]) -> None:
    """Refuse data that the net does not take, and nets that give no finite scores.

    Raises
    ------
    ValidationError
    """
    x = batches[0][0]
    try:
        with torch.no_grad():
            out = ann(x.clone())
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ValidationError(
            f"calibration: expected samples as {type(ann).__name__} takes them, got shape "
            f"{tuple(x.shape[1:])} and {x.dtype} ({' '.join(str(error).split())}); give the images "
            "as they were in training"
        ) from error
    if not isinstance(out, Tensor) or out.ndim < 2 or len(out) != len(x):
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ValidationError(
            f"{type(ann).__name__}: expected one tensor of scores (B, classes, ...), got {got}"
        )
    if not bool(out.isfinite().all()):
        raise ValidationError(
            f"{type(ann).__name__}: expected finite scores of the calibration data, got NaN or "
            "infinity; check its weights"
        )


def check_batch_axis(ann: AnnGraph, x: Tensor) -> None:
    """Refuse nets whose activations do not have the samples along their first axis.

    Raises
    ------
    ValidationError
    """
    shapes: dict[str, list[tuple[int, ...]]] = {path: [] for path in ann.activations}
    with torch.no_grad(), watched(
        ann.module, shapes, lambda path, _, out: shapes[path].append(tuple(out.shape))
    ):  # fmt: skip
        for n in (2, 3):
            try:
                ann.module(x[:1].expand(n, *x.shape[1:]))
            except (RuntimeError, ValueError, IndexError) as error:
                raise ValidationError(
                    f"convert: expected a net that takes any number of samples, got one that fails "
                    f"for {n} ({' '.join(str(error).split())}); write x.shape[0] or -1 for the "
                    "number in it"
                ) from error
    problems = [
        f"convert: {ann.activations[path]}: expected an activation (B, channels, ...), got "
        f"{two} for 2 samples and {three} for 3; keep samples along the first axis"
        for path, (two, three) in shapes.items()
        if len(two) < 2 or two[1:] != three[1:] or 3 * two[0] != 2 * three[0]
    ]
    if problems:
        raise ValidationError(problems)


def check_same(name: str, wanted: Tensor, found: Tensor) -> None:
    """Refuse a net whose graph does something else than its forward method.

    Raises
    ------
    ValidationError
    """
    apart = float((wanted - found).abs().max())
    rounded = max(_ROUNDED, _HALF * torch.finfo(wanted.dtype).eps)
    if apart > rounded * max(float(wanted.abs().max()), 1e-6):
        raise ValidationError(
            f"{name}: expected a forward method that does the same whenever it is called, but its "
            f"graph gives other scores (by {apart:.3g}); it may draw random numbers, or write in "
            "place into what is used again"
        )


def _parts(who: str, given: Any) -> Iterator[Any]:
    if isinstance(given, Tensor | np.ndarray) or _is_pair(given):
        yield given
    elif isinstance(given, Iterable) and not isinstance(given, str | bytes | dict):
        yield from given
    else:
        raise ValidationError(
            f"{who}: expected images as a tensor or array, a pair of images and labels, or batches "
            f"of such, got {type(given).__name__}"
        )


def _is_pair(given: Any) -> bool:
    arrays = isinstance(given, tuple | list) and all(
        isinstance(part, Tensor | np.ndarray) for part in given
    )
    return arrays and len(given) == 2 and (given[1].ndim < given[0].ndim)


def _batches(who: str, part: Any, size: int, device: torch.device) -> Iterator[Batch]:
    x, labels = part if _is_pair(part) else (part, None)
    if not isinstance(x, Tensor | np.ndarray):
        raise ValidationError(
            f"{who}: expected a batch as a tensor, or a pair of images and labels, got "
            f"{type(x).__name__}"
        )
    x = torch.as_tensor(x)
    if not x.is_floating_point():
        raise ValidationError(
            f"{who}: expected floats, scaled as in training, got {x.dtype}; for bytes "
            "images.float() / 255"
        )
    if x.ndim < 2:
        raise ValidationError(
            f"{who}: expected samples along the first axis, (B, ...), got shape {tuple(x.shape)}"
        )
    if not bool(x.isfinite().all()):
        raise ValidationError(f"{who}: expected finite values, got NaN or infinity; remove them")
    if labels is not None:
        labels = torch.as_tensor(labels)
        if labels.is_floating_point() or len(labels) != len(x):
            raise ValidationError(
                f"{who}: expected an integer label for each of {len(x)} samples, got "
                f"{labels.dtype} of shape {tuple(labels.shape)}"
            )
    for first in range(0, len(x), size):
        of = slice(first, first + size)
        yield x[of].to(device), None if labels is None else labels[of].to(device)
