# SPDX-License-Identifier: Apache-2.0
"""Say which kernel a network runs on, and why."""

from __future__ import annotations

from spikesim.network import Network
from spikesim.sim.layout import Layout, build_layout


def kernel_name(layout: Layout) -> str:
    """Name of the kernel that runs a layout."""
    return "clocked-direct" if layout.direct else "clocked-ring"


def explain(net: Network, *, dtype: str = "float64", threads: int = 1) -> str:
    """Which kernel ``simulate`` takes for a network, and the reasons, one per line.

    Raises
    ------
    ValidationError
        If the network or the dtype is not legal.

    Examples
    --------
    >>> from spikesim.core import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("out", 2, LIF(beta=0.9))
    >>> print(explain(net))
    kernel clocked-direct, float64, 1 thread
      delivery: no delay ring, every weight acts in the tick in which its source is listed
      neurons: 2 updated in every tick (clocked), one range per population
      synapses: 0 in rows by source, only the rows of spikes are read, 12 bytes each
      threads: 1 used; all sums have one fixed order, so the result is the same on every run
    """
    layout = build_layout(net, dtype)
    if layout.direct:
        delivery = "no delay ring, every weight acts in the tick in which its source is listed"
    else:
        size = layout.slots * layout.n_neurons * layout.v_init.dtype.itemsize
        delivery = (
            f"delay ring of {layout.slots} slots ({size / 1e6:.3g} MB), because the longest delay "
            f"is {net.max_delay} ticks"
        )
    used = "1 used" if threads == 1 else f"1 used of {threads} allowed (the kernel is serial)"
    lines = [
        f"kernel {kernel_name(layout)}, {dtype}, 1 thread",
        f"  delivery: {delivery}",
        f"  neurons: {layout.n_neurons} updated in every tick (clocked), one range per population",
        f"  synapses: {layout.targets.size} in rows by source, only the rows of spikes are read, "
        "12 bytes each",
        f"  threads: {used}; all sums have one fixed order, so the result is the same on every run",
    ]
    return "\n".join(lines)
