# SPDX-License-Identifier: Apache-2.0
"""Processes that train one net together, each with a part of every batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from spikesim.errors import ValidationError


class Processes:
    """Processes of ``torch.distributed``; a single one where none is initialized.

    Gradients are averaged by hand rather than by ``DistributedDataParallel``, which counts calls of
    the net and would take every tick for one.

    Attributes
    ----------
    rank, size : int
        Which process of how many.
    """

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank: int = dist.get_rank() if together else 0
        self.size: int = dist.get_world_size() if together else 1

    def same_start(self, model: torch.nn.Module, batches: int) -> None:
        """Give all the parameters of the first; refuse passes of different length.

        Raises
        ------
        ValidationError
            If one process has fewer batches, for which the others would wait forever.
        """
        if self.size == 1:
            return
        lengths = self.gather(batches)
        if len({*lengths}) > 1 or not lengths[0]:
            raise ValidationError(
                f"fit: expected as many batches in each of the {self.size} processes, and a "
                f"length, got {lengths}; give the loader a DistributedSampler"
            )
        for tensor in (*model.parameters(), *model.buffers()):
            dist.broadcast(tensor.detach(), 0)

    def same_buffers(self, model: torch.nn.Module) -> None:
        """Give all the running statistics of the first."""
        if self.size > 1:
            for tensor in model.buffers():
                dist.broadcast(tensor, 0)

    def average(self, parameters: list[Tensor], samples: int) -> None:
        """Give every process the gradient of the mean over the samples of all.

        Parameters
        ----------
        parameters : list of tensors
            With the gradient of the mean over this process's samples.
        samples : int
            How many those were.
        """
        if self.size == 1:
            return
        counted = torch.tensor(
            [samples, *(float(p.grad is not None) for p in parameters)], dtype=torch.float64
        )
        dist.all_reduce(counted)
        used = [p for p, times in zip(parameters, counted[1:].tolist(), strict=True) if times]
        for p in used:
            grad = torch.zeros_like(p) if p.grad is None else p.grad
            p.grad = grad * (samples / float(counted[0]))
            dist.all_reduce(p.grad)

    def total(self, values: list[float]) -> list[float]:
        """Add up over all processes."""
        if self.size == 1:
            return values
        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return summed.tolist()

    def gather(self, value: Any) -> list[Any]:
        """Values of all processes, in their order."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found
