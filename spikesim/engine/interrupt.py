# SPDX-License-Identifier: Apache-2.0
"""An interrupt from the keyboard ends a run between two ticks."""

from __future__ import annotations

import inspect
import signal
import threading
from typing import Any

_handle = inspect.unwrap(signal.signal)
"""Without the conversions to enums around it, which took 10 us of every ``advance``."""


class Interrupt:
    """Turns the first SIGINT into a wish to stop, so that nothing recorded is lost."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Interrupt:
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = _handle(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            _handle(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
