# SPDX-License-Identifier: Apache-2.0
"""What loading, memory access, runs and batches need of a core behind a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from spikesim.hw.device.capabilities import Capabilities
from spikesim.hw.link.exchange import Request


class Port(Protocol):
    """A core that executes commands; ``Device`` is one."""

    @property
    def name(self) -> str:
        """How messages call the device."""

    @property
    def capabilities(self) -> Capabilities:
        """What the core is."""

    def burst(
        self,
        requests: Sequence[Request],
        *,
        patience: float = 0.0,
        progress: Callable[[int], None] | None = None,
    ) -> list[bytes | None]:
        """Execute commands in order, pipelined; see ``hw.link.session.LinkSession.burst``."""
