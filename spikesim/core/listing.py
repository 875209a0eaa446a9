# SPDX-License-Identifier: Apache-2.0
"""Names as text, however many there are."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 6


def listed(names: Iterable[str]) -> str:
    """Write names as a list, of which many are cut short.

    Examples
    --------
    >>> listed(["E", "I"])
    "['E', 'I']"
    >>> listed(f"p{k}" for k in range(100))
    "['p0', 'p1', 'p2', 'p3', 'p4', 'p5', and 94 more]"
    """
    known = list(names)
    if len(known) <= SHOWN + 1:
        return repr(known)
    shown = ", ".join(map(repr, known[:SHOWN]))
    return f"[{shown}, and {len(known) - SHOWN} more]"
