# SPDX-License-Identifier: Apache-2.0
"""What weights lose when they become integers in the unit of their population."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spikesim.network import Convolution, Distribution, DrawnSynapses, PartSynapses, Projection
from spikesim.network.synapses import GivenRows
from spikesim.sim.layout.channels import weight_bound
from spikesim.sim.layout.plan import Plan

_SAMPLE = 4096
_LOSS = 0.01
# Of weights spread around 0 some are always small, and matter little beside the others.
_FEW = 0.1
_NAMED = 10
"""Projections that are named one by one."""


def rounding_losses(plan: Plan) -> Iterator[str]:
    """Sentences on the projections of which many weights lose more than 1 % or become 0.

    Weights onto one receptor share a unit, a power of two that the largest of them sets.
    Shares are those of some thousand synapses. Of many such projections the first are named.
    """
    if plan.exact:
        return
    strongest: dict[tuple[str, int], tuple[float, str]] = {}
    for projection in plan.net.projections.values():
        key, bound = (projection.post.name, projection.receptor), weight_bound(projection)
        if key not in strongest or bound > strongest[key][0]:
            strongest[key] = bound, projection.name
    more = 0
    for projection in plan.net.projections.values():
        unit = plan.scale(projection.post.name, projection.receptor)
        lost, gone = _shares(projection, unit)
        if lost <= _FEW:
            continue
        more += 1
        if more <= _NAMED:
            rival = strongest[projection.post.name, projection.receptor]
            yield _sentence(projection, unit, lost, gone, *rival)
    if more > _NAMED:
        yield f"{more - _NAMED} further projections lose as much"


def _shares(projection: Projection, unit: float) -> tuple[float, float]:
    """Shares of the weights that change by more than 1 %, and of those that become 0."""
    weight = projection.synapses.weight
    if projection.nnz == 0:
        return 0.0, 0.0
    if weight is not None:
        # One for all, as nearly all of thousands of projections have: no arrays.
        kept = round(weight / unit) * unit
        changed = weight != 0.0
        return (
            float(changed and abs(kept - weight) > _LOSS * abs(weight)),
            float(changed and kept == 0.0),
        )
    weights = _some_weights(projection)
    weights = weights[weights != 0]
    if not weights.size:
        return 0.0, 0.0
    whole = np.rint(weights / unit) * unit
    return (
        float(np.mean(np.abs(whole - weights) > _LOSS * np.abs(weights))),
        float(np.mean(whole == 0)),
    )


def _sentence(
    projection: Projection, unit: float, lost: float, gone: float, largest: float, strongest: str
) -> str:
    return (
        f"projection {projection.name!r}: {_share(lost)} of its weights change by more than 1 %"
        + (f", {_share(gone)} become 0" if gone else "")
        + f", when rounded to multiples of {unit:.3g}, which the largest weight onto "
        f"{projection.post.name!r} asks for ({largest:.3g}, {strongest!r}); take "
        "dtype='float64', limit the largest, or give the small ones a receptor of their own"
    )


def _share(part: float) -> str:
    return "all" if part == 1.0 else f"{100 * part:.2g} %"


def _some_weights(projection: Projection) -> npt.NDArray[np.float64]:
    synapses = projection.synapses
    synapses = synapses.drawn if isinstance(synapses, PartSynapses) else synapses
    if isinstance(synapses, DrawnSynapses) and isinstance(synapses.weights, Distribution):
        return synapses.weights.sample(_SAMPLE, seed=0, name="rounding")
    if isinstance(synapses, DrawnSynapses) and isinstance(synapses.rule, Convolution):
        weights, counts = synapses.rule.taps
        chosen = np.arange(0, synapses.nnz, max(1, synapses.nnz // _SAMPLE))
        return weights[np.cumsum(counts).searchsorted(chosen, "right")].astype(np.float64)
    if isinstance(synapses, GivenRows):
        step = max(1, synapses.nnz // _SAMPLE)
        return synapses.rows.weights[::step].astype(np.float64)
    return np.zeros(0)
