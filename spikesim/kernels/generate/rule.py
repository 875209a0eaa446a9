# SPDX-License-Identifier: Apache-2.0
"""From the texts of a plasticity rule to compiled loops over synapses.

Deferred: a synapse is touched when a spike of its source arrives; it then takes all post
spikes since the previous arrival, one by one, from a ring of the last 64 of its target.
Immediate: a post spike visits its column at once, through an index of columns. Dense: the same
where every source reaches every target. All compute every trace as value at its last event times a
table entry, so they give the same bits. Each method has a writer of its own; ``pieces`` has what
they share.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from types import ModuleType
from typing import Any

from spikesim.kernels.generate import deferred, dense, immediate
from spikesim.kernels.generate.expressions import IMPORTS
from spikesim.kernels.generate.layout import COLUMNS
from spikesim.kernels.generate.pieces import RulePieces
from spikesim.kernels.generated import load_generated
from spikesim.learning.rule import PlasticityRule

ARGUMENTS: dict[str, tuple[str, ...]] = {
    **deferred.ARGUMENTS,
    **immediate.ARGUMENTS,
    **dense.ARGUMENTS,
}
"""Names of the arguments of each kernel, after the tick."""

_HEADER = '''# SPDX-License-Identifier: Apache-2.0
"""Generated: kernels of one plasticity rule."""
{imports}
from spikesim.kernels.intrinsics import prefetch, rounded

{columns}


@kernel
def decay(tables, which, ticks):
    coarse = min(ticks >> 8, tables.shape[1] - 257)
    return tables[which, ticks & 255] * tables[which, 256 + coarse]
'''


def rule_kernels(rule: PlasticityRule, dtype: str) -> ModuleType:
    """Compile the kernels of a rule.

    Parameters
    ----------
    rule : PlasticityRule
        Equal texts and trace modes share compiled code; numbers are arguments.
    dtype : {"float32", "float64"}
        Type of weights, traces and constants. float64 delivers into float accumulators.

    Returns
    -------
    module
        With the kernels of ``ARGUMENTS``: ``arrive``, ``post``, ``settle``, ``flush`` (deferred),
        ``arrive_now``, ``post_now`` (immediate), ``arrive_dense``, ``post_dense``.
    """
    text = _kept_text if _tells_all(rule) else rule_text
    return load_generated(text(rule, dtype))


def rule_text(rule: PlasticityRule, dtype: str) -> str:
    """Source of the kernels of a rule."""
    pieces = RulePieces(rule, dtype)
    header = _HEADER.format(imports=IMPORTS.format(dtype=dtype), columns=COLUMNS)
    kernels = [*deferred.write(pieces), *immediate.write(pieces), *dense.write(pieces)]
    return "\n\n".join([header, *kernels])


#: Writing a text takes a fifth of the start of a small session.
_kept_text = lru_cache(maxsize=64)(rule_text)


def _tells_all(rule: Any) -> bool:
    """Whether rules equal to this one have the same texts: a frozen dataclass of plain values."""
    form = vars(type(rule)).get("__dataclass_params__")
    if form is None or not (form.frozen and form.eq):
        return False
    values = vars(rule)
    plain = all(isinstance(value, float | int | str | None) for value in values.values())
    return plain and values.keys() == {item.name for item in fields(rule)}
