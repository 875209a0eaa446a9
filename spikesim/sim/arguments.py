# SPDX-License-Identifier: Apache-2.0
"""The arguments of a run, judged together before anything begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spikesim.core import stream
from spikesim.core.shape import COUNT
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.recording import Item, Monitors, parse_record
from spikesim.sim.inputs import InputEvents, resolve_inputs
from spikesim.sim.record.recorder import recordable


def checked(
    net: Network,
    inputs: Mapping[str, Any],
    steps: int | None,
    record: Iterable[Item] | Item,
    seed: int,
) -> tuple[Monitors, InputEvents]:
    """Check the arguments of a run.

    Raises
    ------
    ValidationError
        With every problem of all of them.
    """
    problems = []
    whole = isinstance(steps, (int, np.integer)) and not isinstance(steps, bool)
    if steps is not None and (not whole or steps < 0):
        problems.append(f"simulate: expected steps as an integer >= 0, got {steps!r}")
    elif steps is not None and int(steps) not in COUNT:
        problems.append(
            f"simulate: expected steps below 2**53, got {steps}; None starts a session without end"
        )
    try:
        stream(seed)
    except ValidationError as error:
        problems += error.problems
    judged = not problems
    try:
        monitors = parse_record(record, recordable(net))
    except ValidationError as error:
        problems += error.problems
    try:
        # With steps that make no sense the lengths of the inputs cannot be judged.
        if judged:
            events = resolve_inputs(net, inputs, None if steps is None else int(steps), int(seed))
    except ValidationError as error:
        problems += error.problems
    if problems:
        raise ValidationError(problems)
    return monitors, events
