# SPDX-License-Identifier: Apache-2.0
"""How much memory torch holds at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch


def peak_bytes(call: Callable[[], object]) -> int:
    """Most bytes of tensors on the CPU that a call holds at a time, beyond those of before."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as seen:
        call()
    events = seen.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return int(np.cumsum([change for _, change in changes]).max())
