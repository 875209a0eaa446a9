# SPDX-License-Identifier: Apache-2.0
"""When spikes of the targets reach the weights of projections that learn: what a user may say."""

from __future__ import annotations

from collections.abc import Mapping

from spikesim.network import Network

UPDATES = ("deferred", "immediate")
Updates = str | Mapping[str, str] | None


def chosen_updates(net: Network, updates: Updates, problems: list[str]) -> dict[str, str]:
    """Give what was said by the name of the projection; what is wrong goes to ``problems``."""
    learn = [p.name for p in net.projections.values() if p.plasticity is not None]
    chosen = {} if updates is None else updates
    chosen = dict.fromkeys(learn, chosen) if isinstance(chosen, str) else dict(chosen)
    given = {updates} if isinstance(updates, str) else set(chosen.values())
    problems += [
        f"simulate: expected updates as one of {UPDATES}, got {method!r}"
        for method in given - set(UPDATES)
    ]
    problems += [
        f"simulate: expected updates of projections that learn, {learn}, got {name!r}"
        for name in chosen.keys() - set(learn)
    ]
    return chosen
