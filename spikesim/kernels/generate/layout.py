# SPDX-License-Identifier: Apache-2.0
"""What the kernels of a rule read by number: columns of the history, rows of tables, constants."""

from __future__ import annotations

import math

from spikesim.kernels.generate.expressions import own
from spikesim.learning.events import read_event
from spikesim.learning.rule import PlasticityRule

DEPTH = 64
"""Post spikes that the ring of a target holds."""

COUNT, APPLIED, NEWEST, PREVIOUS = range(4)
"""Columns of ``history``, what a visit reads of a target, in one cache line: the number of spikes
in its ring, the tick up to which they are applied to everything, the tick of the newest, and that
of the one before (deferred)."""
LISTED = PREVIOUS
"""The same column in dense kernels: whether the target stands in the list ``alive``."""

COLUMNS = (
    f"COUNT, APPLIED, NEWEST, PREVIOUS, LISTED = {COUNT}, {APPLIED}, {NEWEST}, {PREVIOUS}, {LISTED}"
)
"""The columns in the source of kernels."""


def table_traces(rule: PlasticityRule) -> list[float]:
    """Time constants (seconds) of the rows of the decay tables, in the order kernels use."""
    taus = [trace.tau for trace in (*rule.pre_traces, *rule.post_traces)]
    extra = [trace.tau for trace in (rule.eligibility, rule.modulator) if trace is not None]
    product = [1 / sum(1 / tau for tau in extra)] if any(map(math.isfinite, extra)) else []
    return [*taus, *extra, *product] or [math.inf]


def kept_traces(rule: PlasticityRule) -> list[int]:
    """Post traces whose values at a post spike are needed when it is applied, by number."""
    reads = read_event(rule, "on_post").reads
    return [r for r, trace in enumerate(rule.post_traces) if trace.name in reads]


def constant_values(rule: PlasticityRule) -> dict[str, float]:
    """Constants by their names in the kernels, in order: those of the rule and what traces need."""
    values = {"w_min": rule.w_min, "w_max": rule.w_max, **rule.constants()}
    named = {own(name): value for name, value in values.items()}
    for trace in (*rule.pre_traces, *rule.post_traces):
        named |= {own(trace.name, "by"): trace.by, own(trace.name, "top"): trace.top}
    return named | {"area_tau": table_traces(rule)[-1]}
