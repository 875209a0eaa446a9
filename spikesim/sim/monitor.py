# SPDX-License-Identifier: Apache-2.0
"""Which spikes and states a run keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.network import Network

VARIABLES = ("v", "i")


@dataclass(frozen=True)
class Monitors:
    """What to record.

    Attributes
    ----------
    spikes : bool
        Spikes of all populations.
    v, i : tuple of str
        Populations whose membrane or current is kept, without repeats.
    """

    spikes: bool
    v: tuple[str, ...]
    i: tuple[str, ...]


def parse_record(net: Network, record: Iterable[str] | str) -> Monitors:
    """Make monitors from names such as ``"spikes"`` and ``"exc.v"``.

    Raises
    ------
    ValidationError
        With every name that means nothing in this network.

    Examples
    --------
    >>> from spikesim.core import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("out", 2, LIF(beta=0.9))
    >>> parse_record(net, ("spikes", "out.v"))
    Monitors(spikes=True, v=('out',), i=())
    """
    names = (record,) if isinstance(record, str) else tuple(record)
    problems: list[str] = []
    chosen: dict[str, dict[str, None]] = {variable: {} for variable in VARIABLES}
    for name in names:
        population, _, variable = str(name).rpartition(".")
        if name == "spikes":
            continue
        if variable in chosen and population in net.populations:
            chosen[variable][population] = None
        else:
            problems.append(
                f"record: expected 'spikes' or '<population>.v' or '<population>.i' with a "
                f"population of {list(net.populations)}, got {name!r}"
            )
    if problems:
        raise ValidationError(problems)
    return Monitors("spikes" in names, tuple(chosen["v"]), tuple(chosen["i"]))


def neuron_index(
    populations: Iterable[str], ranges: dict[str, tuple[int, int]]
) -> npt.NDArray[np.int32]:
    """Global numbers of all neurons of some populations, int32 array."""
    parts = [np.arange(*ranges[name], dtype=np.int32) for name in populations]
    return np.concatenate([np.zeros(0, np.int32), *parts])
