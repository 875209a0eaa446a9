# SPDX-License-Identifier: Apache-2.0
"""How much memory a recording takes and how much there is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikesim.errors import ValidationError
from spikesim.sim.record.sink import TraceHeader, n_samples

# Left for everything else: the window's buffers, what the caller does with the result.
_SHARE = 0.9


def available_memory() -> int | None:
    """Bytes that can be taken without swapping; None where the system does not say."""
    found: list[int] = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    except (OSError, ValueError):
        pass
    if not found:
        try:
            found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError):
            return None
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            # The page cache counts as used here, although it would be given up.
            stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            used = int((group / "memory.current").read_text()) - int(stat.get("inactive_file", 0))
            found.append(int(limit) - used)
    except (OSError, ValueError):
        pass
    return max(0, min(found))


def trace_bytes(traces: Mapping[str, TraceHeader], steps: int, start: int = 0) -> dict[str, int]:
    """Bytes that each trace takes over start <= tick < ``steps``, its ticks included.

    Examples
    --------
    >>> trace_bytes({"E.v": TraceHeader(n=100, dtype="float32", every=10)}, steps=1000)
    {'E.v': 40800}
    """
    return {
        name: n_samples(start, steps, trace.every) * (trace.n * np.dtype(trace.dtype).itemsize + 8)
        for name, trace in traces.items()
    }


def check_memory(
    traces: Mapping[str, TraceHeader], steps: int, start: int = 0, available: int | None = None
) -> None:
    """Refuse traces that would not fit in memory. Spikes are not foreseen, so not counted.

    Parameters
    ----------
    traces : mapping of str to TraceHeader
    steps, start : int, ticks
        Recorded are start <= tick < steps.
    available : int, bytes, optional
        Default ``available_memory()``.

    Raises
    ------
    ValidationError
        Naming the bytes, the largest trace, and the ways out.
    """
    available = available_memory() if available is None else available
    needed = trace_bytes(traces, steps, start)
    total = sum(needed.values())
    if available is None or total <= _SHARE * available:
        return
    largest = max(needed, key=needed.__getitem__)
    raise ValidationError(
        f"record: expected traces of at most {_SHARE * available:,.0f} bytes (90 % of the free "
        f"memory), got {total:,} bytes over {steps - start} ticks, of them {needed[largest]:,} for "
        f"{largest!r}; keep a subset or an interval (Trace, Weights, or a larger bin) or stream "
        "to a file with to='run.h5'"
    )
