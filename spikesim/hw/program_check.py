# SPDX-License-Identifier: Apache-2.0
"""What a core cannot hold or run; each function returns all problems as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import DECAY_ONE, MAX_CHAIN, Window
from spikesim.hw.image import Table, field_problems


def program_problems(
    config: CoreConfig,
    *,
    weights: npt.NDArray[np.int16],
    segments: Table,
    params: Table,
    populations: Table,
    inputs: Mapping[str, tuple[int, int]],
    groups: Mapping[str, tuple[int, int, int]],
) -> list[str]:
    """Every reason why these tables are no program for this core."""
    problems = _size_problems(config, weights, segments, params, populations)
    problems += field_problems(Window.SEG, segments, "segment")
    problems += field_problems(Window.PARAM, params, "neuron")
    problems += field_problems(Window.POP, populations, "population record")
    if problems:
        return problems
    problems += _state_problems(config, params, populations)
    problems += _segment_problems(config, weights, segments)
    if not problems:
        problems += _chain_problems(config, segments)
    problems += _population_problems(config, populations)
    problems += _place_problems(config, inputs, groups)
    return problems


def _size_problems(
    config: CoreConfig,
    weights: npt.NDArray[np.int16],
    segments: Table,
    params: Table,
    populations: Table,
) -> list[str]:
    problems = []
    sizes = (
        ("weight words", weights.shape[0], config.weight_words),
        ("segments", segments.shape[0], config.n_segments),
        ("population records", populations.shape[0], config.n_populations),
    )
    for what, got, limit in sizes:
        if got > limit:
            problems.append(f"program: expected at most {limit} {what}, got {got}")
    if params.shape[0] != config.n_neurons:
        problems.append(
            f"program: expected constants of {config.n_neurons} neurons, got {params.shape[0]}"
        )
    low, high = -config.max_weight - 1, config.max_weight
    if weights.size and (weights.min() < low or weights.max() > high):
        problems.append(
            f"program: expected weights in {low}..{high}, got {weights.min()}..{weights.max()}"
        )
    return problems


def _state_problems(config: CoreConfig, params: Table, populations: Table) -> list[str]:
    low, high = -config.max_state - 1, config.max_state
    problems = []
    columns: list[tuple[str, str, npt.NDArray[Any]]] = [
        ("neuron", name, params[name]) for name in ("v_th", "bias")
    ]
    columns += [
        ("population record", name, populations[name])
        for name in ("reset_value", "v_floor", "v_init")
    ]
    for who, name, column in columns:
        bad = (column < low) | (column > high)
        if bad.any():
            at = int(np.argmax(bad))
            problems.append(
                f"{who} {at}: expected {low} <= {name} <= {high} ({config.state_bits} bits), got "
                f"{int(column[at])}"
            )
    for name in ("alpha_v", "alpha_i"):
        bad = populations[name] > DECAY_ONE
        if bad.any():
            at = int(np.argmax(bad))
            problems.append(
                f"population record {at}: expected {name} in 0..{DECAY_ONE}, got "
                f"{int(populations[name][at])}"
            )
    return problems


def _segment_problems(
    config: CoreConfig, weights: npt.NDArray[np.int16], segments: Table
) -> list[str]:
    problems = []
    used = np.zeros(segments.shape[0], dtype=bool)
    used[: config.n_sources] = segments["valid"][: config.n_sources] == 1
    used[segments["next"][(segments["more"] == 1) & (segments["next"] < used.size)]] = True
    groups = segments["count"] + 1
    checks = (
        (segments["more"] * segments["next"] >= segments.shape[0], "next within the table"),
        (used & (segments["base"] + groups > weights.shape[0]), "weight words that exist"),
        (used & (segments["first"] + groups > config.n_groups), "groups that exist"),
        (used & (segments["delay"] >= config.delay_slots), f"delay < {config.delay_slots}"),
    )
    for bad, expected in checks:
        if bad.any():
            at = int(np.argmax(bad))
            entry = {name: int(segments[name][at]) for name in segments.dtype.names or ()}
            problems.append(f"segment {at}: expected {expected}, got {entry}")
    return problems


def _chain_problems(config: CoreConfig, segments: Table) -> list[str]:
    heads = np.flatnonzero(segments["valid"][: config.n_sources] == 1)
    more, following = segments["more"], segments["next"]
    at, alive = heads.copy(), np.ones(heads.size, dtype=bool)
    for _ in range(MAX_CHAIN):
        alive &= more[at] == 1
        at = np.where(alive, following[at], at)
        if not alive.any():
            return []
    return [
        f"source {int(heads[int(np.argmax(alive))])}: expected a chain of at most {MAX_CHAIN} "
        "segments, got a longer or endless one"
    ]


def _population_problems(config: CoreConfig, populations: Table) -> list[str]:
    problems = []
    end = -1
    for k, record in enumerate(populations):
        first, last = int(record["first"]), int(record["last"])
        if not record["valid"]:
            problems.append(f"population record {k}: expected valid = 1, got 0")
        if not (end < first <= last < config.n_groups):
            problems.append(
                f"population record {k}: expected ascending, disjoint groups below "
                f"{config.n_groups}, got {first}..{last} after group {end}"
            )
        end = max(end, last)
    return problems


def _place_problems(
    config: CoreConfig,
    inputs: Mapping[str, tuple[int, int]],
    groups: Mapping[str, tuple[int, int, int]],
) -> list[str]:
    problems = []
    places = [
        ("input", "axons", config.n_axons, dict(inputs)),
        (
            "population",
            "neurons",
            config.n_neurons,
            {name: (first, n) for name, (first, n, _) in groups.items()},
        ),
    ]
    for kind, what, limit, named in places:
        owner: dict[int, str] = {}
        for name, (first, n) in named.items():
            if first < 0 or n < 1 or first + n > limit:
                problems.append(
                    f"{kind} {name!r}: expected {what} within 0..{limit - 1}, got {first}.."
                    f"{first + n - 1}"
                )
                continue
            taken = {owner[k] for k in range(first, first + n) if k in owner}
            if taken:
                problems.append(f"{kind} {name!r}: shares {what} with {sorted(taken)}")
            owner.update(dict.fromkeys(range(first, first + n), name))
    return problems
