# SPDX-License-Identifier: Apache-2.0
"""Operators of torch that run compiled kernels, in the namespace ``spikesim::``.

Each has a loop of plain torch beside it that gives the same bits and says what is right.
"""

from spikesim.nn.ops.backend import Backend, backend, chosen_backend
from spikesim.nn.ops.conv import conv_pool
from spikesim.nn.ops.conv_lif import conv_pool_lif_seq
from spikesim.nn.ops.event_linear import event_linear

__all__ = ["Backend", "backend", "chosen_backend", "conv_pool", "conv_pool_lif_seq", "event_linear"]
