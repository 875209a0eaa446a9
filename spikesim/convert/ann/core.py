# SPDX-License-Identifier: Apache-2.0
"""What of a converted net can go to the core: found out by exporting and compiling it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from spikesim import nn
from spikesim.errors import CompileError, ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.config import NAMED_CORES


def on_core(net: torch.nn.Module, input_shape: Sequence[int]) -> tuple[str, ...]:
    """Say which populations fit which core, or everything that stands in the way, a line each.

    Parameters
    ----------
    net : torch.nn.Module
        With output spikes; its first neurons, which take values, are left to the host.
    input_shape : sequence of int
        Axes of the input of a tick without the batch.
    """
    try:
        network = nn.export(net, input_shape=input_shape, analog="host")
    except ValidationError as error:
        return tuple(error.problems)
    host = f"{', '.join(network.inputs)} take values, and are left to the host: analog='host'"
    found: list[str] = []
    for core in NAMED_CORES:
        try:
            compile_network(network, core)
        except CompileError as error:
            found = [f"not {core!r}: {problem}" for problem in error.problems]
        else:
            names = ", ".join(network.populations)
            return (host, f"{names} fit {core!r}, {network.n_neurons} neurons")
    return (host, *found)
