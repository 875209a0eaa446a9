# SPDX-License-Identifier: Apache-2.0
"""The virtual board: the Verilated core behind a pseudo-terminal and a TCP port."""

from spikesim.hw.board.server import BoardAddress, BoardServer, serve
from spikesim.hw.board.virtual import VirtualBoard

__all__ = ["BoardAddress", "BoardServer", "VirtualBoard", "serve"]
