# SPDX-License-Identifier: Apache-2.0
"""The texts of a plasticity rule: what each may read and assign."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spikesim.core.text import Scope, Text, Variable, name_problems, read_text
from spikesim.errors import ValidationError

if TYPE_CHECKING:
    from spikesim.learning.rule import PlasticityRule

EVENTS = ("on_arrival", "on_pre", "on_post", "between")
"""Methods of a rule that give a text."""
_RESERVED = {
    "w": "the weight",
    "w_min|w_max": "a bound of the weight",
    "release": "the factor of what is delivered",
    "area": "an integral over time",
}


def read_event(rule: PlasticityRule, event: str) -> Text:
    """Read the text of an event.

    Raises
    ------
    ValidationError
        With all that is wrong with it.

    Examples
    --------
    >>> from spikesim.learning import PairSTDP
    >>> sorted(read_event(PairSTDP(w_max=1.0), "on_pre").reads)
    ['depress', 'w', 'y']
    """
    return read_text(getattr(rule, event)(), event_scope(rule, event))


def event_scope(rule: PlasticityRule, event: str) -> Scope:
    """Names that the text of an event finds; see the methods of ``PlasticityRule``."""
    variables = [Variable(name, "a constant") for name in rule.constants()]
    variables += [Variable(name, "a bound of the weight") for name in ("w_min", "w_max")]
    arriving, crossing = event == "on_arrival", event in ("on_pre", "on_post")
    if arriving or crossing:
        variables += [
            Variable(trace.name, "a trace of the arrivals", writable=arriving)
            for trace in rule.pre_traces
        ]
    if arriving:
        release = "the factor of what is delivered"
        variables.append(Variable("release", release, writable=True))
    else:
        variables.append(Variable("w", "the weight", writable=True))
        if rule.eligibility is not None:
            name = rule.eligibility.name
            variables.append(Variable(name, "the eligibility", writable=True))
        if rule.modulator is not None:
            variables.append(Variable(rule.modulator.name, "the modulator"))
    if crossing:
        variables += [
            Variable(trace.name, "a trace of the target's spikes") for trace in rule.post_traces
        ]
    if event == "between":
        variables.append(Variable("area", "an integral over time"))
    return Scope(event, tuple(variables))


def event_problems(rule: PlasticityRule) -> list[str]:
    """Say what is wrong with names, constants and texts of a rule; empty when nothing is."""
    constants: Any = rule.constants()
    if not isinstance(constants, Mapping):
        kind = type(constants).__name__
        return [f"constants: expected a mapping of names to numbers, got a {kind}"]
    named = [(trace.name, "a trace of the arrivals") for trace in rule.pre_traces]
    named += [(trace.name, "a trace of the target's spikes") for trace in rule.post_traces]
    named += [
        (trace.name, role)
        for trace, role in (
            (rule.eligibility, "the eligibility"),
            (rule.modulator, "the modulator"),
        )
        if trace is not None
    ]
    problems = name_problems([*named, *((name, "a constant") for name in constants)], _RESERVED)
    problems += [
        f"expected a finite {name} as a number, got {value!r}"
        for name, value in constants.items()
        if not _is_number(value) or not math.isfinite(value)
    ]
    if rule.between() and rule.eligibility is None:
        problems.append(
            "between: expected a rule with an eligibility for this text, got one without"
        )
    if problems:
        return problems
    for event in EVENTS:
        try:
            read_event(rule, event)
        except ValidationError as error:
            problems += error.problems
    return problems


def _is_number(value: object) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole or isinstance(value, (float, np.floating))
