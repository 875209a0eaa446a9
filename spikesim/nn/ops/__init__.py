# SPDX-License-Identifier: Apache-2.0
"""Operators of torch that run compiled kernels, in the namespace ``spikesim::``.

Each has a loop of plain torch beside it that gives the same bits and says what is right.
"""

from spikesim.nn.ops.backend import Backend, backend, chosen_backend

__all__ = ["Backend", "backend", "chosen_backend"]
