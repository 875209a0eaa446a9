# SPDX-License-Identifier: Apache-2.0
"""An interrupt from the keyboard ends a run between two ticks."""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Callable
from typing import Any


def _unwrapped() -> Callable[[int, Any], Any]:
    """Give ``signal.signal`` without the conversions to enums around it, where there is one.

    They took 10 us of every ``advance``. The function in C is what every CPython has beneath.
    """
    try:
        found: Callable[[int, Any], Any] = importlib.import_module("_signal").signal
    except (ImportError, AttributeError):
        return signal.signal
    return found


_handle = _unwrapped()


class Interrupt:
    """Turns the first SIGINT into a wish to stop, so that nothing recorded is lost.

    Several may stand around each other, as a session does in a sweep: the innermost takes the
    signal, and all around it know. A process that ignores the signal goes on ignoring it.

    Parameters
    ----------
    at_once : bool
        Raise KeyboardInterrupt where there is no inner one to end something in good order.
    """

    def __init__(self, at_once: bool = False) -> None:
        self.asked = False
        self._at_once = at_once
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            before = _handle(signal.SIGINT, self._ask)
            if before is signal.SIG_IGN or before == signal.SIG_IGN:
                _handle(signal.SIGINT, before)
            else:
                self._before = before
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            _handle(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked or self._at_once:
            raise KeyboardInterrupt
        around: Any = self
        while isinstance(around, Interrupt):
            around.asked = True
            around = getattr(around._before, "__self__", None)
