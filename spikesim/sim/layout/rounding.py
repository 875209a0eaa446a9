# SPDX-License-Identifier: Apache-2.0
"""What weights lose when they become integers in the unit of their population."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spikesim.network import Distribution, DrawnSynapses, Projection
from spikesim.network.synapses import GivenRows
from spikesim.sim.layout.plan import Plan, weight_bound

_SAMPLE = 4096
_LOSS = 0.01
# Of weights spread around 0 some are always small, and matter little beside the others.
_FEW = 0.1


def rounding_losses(plan: Plan) -> Iterator[str]:
    """Sentences on the projections of which many weights lose more than 1 % or become 0.

    Weights onto one receptor share a unit, a power of two that the largest of them sets.
    Shares are those of some thousand synapses.
    """
    if plan.exact:
        return
    for projection in plan.net.projections.values():
        weights = _some_weights(projection)
        weights = weights[weights != 0]
        if not weights.size:
            continue
        unit = plan.scale(projection.post.name, projection.receptor)
        kept = np.rint(weights / unit) * unit
        lost = np.mean(np.abs(kept - weights) > _LOSS * np.abs(weights))
        if lost > _FEW:
            yield _sentence(plan, projection, unit, float(lost), float(np.mean(kept == 0)))


def _sentence(plan: Plan, projection: Projection, unit: float, lost: float, gone: float) -> str:
    rivals = [
        other
        for other in plan.net.incoming(projection.post)
        if other.receptor == projection.receptor
    ]
    strongest = max(rivals, key=weight_bound)
    return (
        f"projection {projection.name!r}: {_share(lost)} of its weights change by more than 1 %"
        + (f", {_share(gone)} become 0" if gone else "")
        + f", when rounded to multiples of {unit:.3g}, which the largest weight onto "
        f"{projection.post.name!r} asks for ({weight_bound(strongest):.3g}, "
        f"{strongest.name!r}); take dtype='float64', limit the largest, or give the small ones a "
        "receptor of their own"
    )


def _share(part: float) -> str:
    return "all" if part == 1.0 else f"{100 * part:.2g} %"


def _some_weights(projection: Projection) -> npt.NDArray[np.float64]:
    synapses = projection.synapses
    if synapses.weight is not None:
        return np.array([synapses.weight] if synapses.nnz else [])
    if isinstance(synapses, DrawnSynapses) and isinstance(synapses.weights, Distribution):
        return synapses.weights.sample(_SAMPLE, seed=0, name="rounding")
    if isinstance(synapses, GivenRows):
        step = max(1, synapses.nnz // _SAMPLE)
        return synapses.rows.weights[::step].astype(np.float64)
    return np.zeros(0)
