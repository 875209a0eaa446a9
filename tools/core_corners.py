# SPDX-License-Identifier: Apache-2.0
"""Parameter sets at the limits of core.toml, for tools that have to accept every core.

The smallest and the largest core, two that take the limits crosswise (wide where the other is
narrow), and one for each choice that none of these makes. Where a relation between parameters
stands in the way, as few of them as possible are moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product

from core_spec import Parameter, Spec

Values = dict[str, int]
# A limit has few relations to others; more would be found too slowly to wait for.
_MOST_CHANGES = 3


def corners(spec: Spec) -> list[Values]:
    """Give the parameter sets; together they hold every limit and every choice.

    Raises
    ------
    ValueError
        A limit lies in no core that can be built: its relations exclude it.
    """
    bases = [
        {p.name: p.low for p in spec.parameters},
        {p.name: p.high for p in spec.parameters},
        {p.name: (p.low, p.high)[k % 2] for k, p in enumerate(spec.parameters)},
        {p.name: (p.high, p.low)[k % 2] for k, p in enumerate(spec.parameters)},
    ]
    found = [nearest(spec, base, fixed=()) for base in bases]
    default = {p.name: p.value for p in spec.parameters}
    for p in spec.parameters:
        for value in p.choices or (p.low, p.high):
            if all(values[p.name] != value for values in found):
                found.append(nearest(spec, default | {p.name: value}, fixed=(p.name,)))
    return found


def nearest(spec: Spec, base: Values, fixed: tuple[str, ...]) -> Values:
    """Give a legal parameter set that differs from ``base`` in as few free parameters as it can.

    Raises
    ------
    ValueError
        There is none.
    """
    free = [p for p in spec.parameters if p.name not in fixed]
    legal = all(p.legal(base[p.name]) for p in spec.parameters)
    for changes in range(_MOST_CHANGES + 1) if legal else ():
        for chosen in combinations(free, changes):
            for values in product(*(_candidates(p) for p in chosen)):
                trial = base | {p.name: v for p, v in zip(chosen, values, strict=True)}
                if buildable(spec, trial):
                    return trial
    limit = {name: base[name] for name in fixed or base}
    raise ValueError(f"core.toml: no core near the default has {limit}")


def buildable(spec: Spec, values: Mapping[str, int]) -> bool:
    """Whether the RTL can be built with these parameters."""
    limits = {n.name: n.value for n in spec.limits}
    return all(p.legal(values[p.name]) for p in spec.parameters) and all(
        relation.true(limits | dict(values)) for relation in spec.relations
    )


def _candidates(p: Parameter) -> Iterator[int]:
    """Values to try for a parameter that another one's limit moves from its place."""
    if p.choices:
        yield from p.choices
        return
    yield from (p.low, p.value)
    yield from (value for value in (1 << k for k in range(17)) if p.legal(value))
    yield p.high
