# SPDX-License-Identifier: Apache-2.0
"""The float simulator as an engine."""

from __future__ import annotations

from typing import Any

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.sim.explain import explain
from spikesim.sim.layout.updates import Updates
from spikesim.sim.parallel.mpi import Communicator, Ranks
from spikesim.sim.simulator import Simulator

_EXPLAINED = ("dtype", "threads", "blocks", "updates")


class FloatEngine:
    """Runs networks in floating point; ``engine.Engine``.

    Parameters
    ----------
    dtype, threads, blocks, updates, comm :
        As for ``sim.simulate``.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("clock", 1, LIF(beta=1.0, bias=0.5))
    >>> session = FloatEngine().prepare(net).start({}, 5)
    >>> session.advance(5)
    >>> session.counts("clock").tolist()
    [2]
    """

    name = "float"

    def __init__(
        self,
        *,
        dtype: str = "float32",
        threads: int = 1,
        blocks: int | None = None,
        updates: Updates = None,
        comm: Communicator | Ranks | str | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "dtype": dtype, "threads": threads, "blocks": blocks, "updates": updates, "comm": comm
        }  # fmt: skip

    def prepare(self, model: Any) -> Simulator:
        """Build the tables of a network; raises ValidationError for anything else."""
        self._check(model)
        return Simulator(model, **self._options)

    def explain(self, model: Any) -> str:
        """Say which kernels would run a network; see ``sim.explain``."""
        self._check(model)
        return explain(model, **{key: self._options[key] for key in _EXPLAINED})

    def _check(self, model: Any) -> None:
        if not isinstance(model, Network):
            raise ValidationError(
                f"engine 'float': expected a Network, got {type(model).__name__}; choose "
                "engine='golden' for a Program"
            )
