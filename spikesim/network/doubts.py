# SPDX-License-Identifier: Apache-2.0
"""Signs that a number was meant in another unit; each function returns them as sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from spikesim.core.quantity import DURATION, WAY_OUT
from spikesim.network.convolution import Convolution
from spikesim.network.distribution import Distribution
from spikesim.network.drawn import DrawnSynapses
from spikesim.network.part import PartSynapses
from spikesim.network.population import Population, Projection
from spikesim.network.synapses import GivenRows
from spikesim.neurons.model import NeuronModel
from spikesim.neurons.unit_guard import LEAST, MOST_CURRENT, SLIPS, from_where, input_doubt

UNITS = ("SI", "own")
MOST_EXCITATION = 200.0
"""Times the threshold that all sources of a neuron may reach together by exciting it."""
MOST_CONDUCTANCE = 1e3
"""The same for conductances, which add up to no more than their reversal potential."""
MOST_GROWN = 1e3
"""The same for weights that learn and are all at their bound, where they never are."""
MOST_INHIBITION = 2e4
"""The same for inhibition: strong one of all by all is ordinary."""


def population_doubts(population: Population, dt: float) -> list[str]:
    """Doubts about the parameters of a population's model, and about the tick."""
    if not isinstance(population.neuron, NeuronModel):
        return []
    who = f"population {population.name!r}"
    return [f"{who}: {text}; {WAY_OUT}" for text in population.neuron.doubts(dt)]


def delay_doubts(delay: Any) -> list[str]:
    """Doubts about a delay in seconds, without the name of its projection."""
    if isinstance(delay, Distribution):
        # The mean where there is one: limits that no value comes near are no mistake.
        delay = getattr(delay, "mean", delay.limits()[1])
    values = np.asarray(delay)
    text = DURATION.doubt("delay", values) if values.dtype.kind in "iuf" else ""
    return [f"{text}; if it is meant, give delay_ticks="] if text else []


def projection_doubts(projection: Projection, beside: Iterable[Projection] = ()) -> list[str]:
    """Doubts about the weights of a projection and the time constants of its rule.

    A lost unit makes all weights onto a receptor small: one that is small beside others which
    fit, as ``beside`` may hold, is in order.
    """
    who = f"projection {projection.name!r}"
    rule = projection.plasticity
    found = [] if rule is None else rule.doubts()
    neuron, synapses = projection.post.neuron, projection.synapses
    if isinstance(neuron, NeuronModel) and synapses.nnz:
        receptor = neuron.receptors[projection.receptor]
        needed = neuron.to_threshold().get(receptor)
        if needed is not None:
            again = neuron.from_reset().get(receptor, 0.0)
            found = [*found, *_weight_doubts(projection, needed, again, beside)]
    return [f"{who}: {text}; {WAY_OUT}" for text in found]


def _weight_doubts(
    projection: Projection, needed: float, again: float, beside: Iterable[Projection]
) -> list[str]:
    """Doubts about weights of which ``needed`` fires a neuron from rest, ``again`` from reset."""
    rule = projection.plasticity
    largest, exciting, inhibiting, fan_in = _drive(projection)
    neuron = projection.post.neuron
    assert neuron is not None  # it has a threshold
    saturates = neuron.receptors[projection.receptor] in neuron.conductances
    most = MOST_CONDUCTANCE if saturates else MOST_EXCITATION
    drives = [(exciting, most), (inhibiting, MOST_INHIBITION)]
    if rule is not None and rule.changes_weights:
        # Weights may start anywhere: where they can go says what is meant.
        largest = max(largest, abs(rule.w_min), abs(rule.w_max))
        if math.isfinite(rule.w_max):
            drives.append((rule.w_max * fan_in, MOST_GROWN))
    text = input_doubt("a weight", largest, needed, math.inf)
    if text:
        fits = any(
            _drive(other)[0] >= LEAST * needed
            for other in beside
            if other.post is projection.post and other.receptor == projection.receptor
        )
        return [] if fits else [text]
    return [
        f"expected weights that fit the membrane, got {drive:.3g} from all sources of a neuron "
        f"together, more than {times:g} times {from_where(needed, again)}; {SLIPS}"
        for drive, times in drives
        if drive > times * max(needed, again)
    ][:1]


def _drive(projection: Projection) -> tuple[float, float, float, float]:
    """Largest magnitude of a weight, and what excites and inhibits a neuron, and how many do.

    The last three on average over the targets; of a distribution by its limits and mean, without
    drawing it.
    """
    synapses, n = projection.synapses, projection.post.n
    if isinstance(synapses, PartSynapses):  # neurons outside of a slice get nothing
        n = synapses.post.n
        synapses = synapses.drawn
    if isinstance(synapses, GivenRows):
        weights = synapses.rows.weights
        exciting = float(np.sum(weights, where=weights > 0, dtype=np.float64)) / n
        inhibiting = -float(np.sum(weights, where=weights < 0, dtype=np.float64)) / n
        return synapses.weight_bound(), exciting, inhibiting, synapses.nnz / n
    low, high = synapses.weight_limits()
    if isinstance(synapses, DrawnSynapses) and isinstance(synapses.rule, Convolution):
        weights, counts = synapses.rule.taps
        exciting, inhibiting = (
            float(np.maximum(sign * weights, 0) @ counts) / n for sign in (1.0, -1.0)
        )
        return max(abs(low), abs(high)), exciting, inhibiting, synapses.nnz / n
    mean = (low + high) / 2
    if isinstance(synapses, DrawnSynapses):
        mean = getattr(synapses.weights, "mean", mean)
    fan_in = synapses.nnz / n
    return max(abs(low), abs(high)), max(mean, 0.0) * fan_in, max(-mean, 0.0) * fan_in, fan_in


def current_doubts(neuron: NeuronModel | None, largest: float) -> list[str]:
    """Doubts about the size of a current into neurons, without the name of the population."""
    needed = None if neuron is None else neuron.to_threshold().get("i_ext")
    if neuron is None or needed is None:
        return []
    again = neuron.from_reset().get("i_ext", 0.0)
    text = input_doubt("a current", largest, needed, MOST_CURRENT, again)
    return [f"{text} {WAY_OUT}"] if text else []
