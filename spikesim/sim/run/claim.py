# SPDX-License-Identifier: Apache-2.0
"""Who may touch a session, and what may still be done with it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from spikesim.errors import SpikesimError

Method = TypeVar("Method", bound=Callable[..., Any])


class Claim:
    """Held by one thread at a time; knows whether the state lies between two ticks.

    Whoever runs a window sets ``amid_window`` as long as it lasts.

    Two threads in one session would run ticks twice or not at all, without a word.
    """

    def __init__(self) -> None:
        # A thread may come back: a progress function may look at the weights.
        self.lock = threading.RLock()
        self.amid_window = False
        self._torn: str | None = None
        self._closed: str | None = None

    def check(self, needs: Literal["state", "recording"]) -> None:
        """Refuse what cannot be done any more.

        Raises
        ------
        SpikesimError
            If the state is lost, or the recording is closed and would be needed.
        """
        if self._torn is not None:
            raise SpikesimError(
                f"session: expected a state between two ticks, got one that {self._torn} left "
                "in the middle of a window; start again, or resume from the last checkpoint"
            )
        if needs == "recording" and self._closed is not None:
            raise SpikesimError(
                f"session: expected a recording that is open, got one that {self._closed} "
                "closed; save a checkpoint and go on from it in another session"
            )

    def close(self, reason: str) -> None:
        """Nothing is recorded from now on."""
        self._closed = self._closed or reason

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Close the recording should the block fail, and give up the state if amid a window."""
        try:
            yield
        except BaseException as error:
            reason = f"{type(error).__name__} ({error})"
            self.close(reason)
            if self.amid_window:
                self._torn = reason
            raise


def exclusive(needs: Literal["state", "recording", "nothing"]) -> Callable[[Method], Method]:
    """Let one thread at a time into a method of a session, and only while it makes sense.

    Raises
    ------
    SpikesimError
        From the method: if another thread is inside, or what it needs is gone.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def guarded(self: Any, *args: Any, **options: Any) -> Any:
            claim = self._claim
            if not claim.lock.acquire(blocking=False):
                raise SpikesimError(
                    f"session: expected one thread at a time, got {method.__name__}() while "
                    "another thread is inside; start a session in each, they share the network"
                )
            try:
                if needs != "nothing":
                    claim.check(needs)
                return method(self, *args, **options)
            finally:
                claim.lock.release()

        return guarded  # type: ignore[return-value]

    return decorate
