# SPDX-License-Identifier: Apache-2.0
"""The one family of errors that spikesim raises on purpose.

A message says who is wrong, what was expected, what was got and what to try. Errors
found by checking a whole object carry every problem at once, in ``problems``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class SpikesimError(Exception):
    """Anything spikesim refuses to do."""


class _ProblemsError(SpikesimError):
    """An error that lists one or more independent problems."""

    problems: tuple[str, ...]

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[_ProblemsError], tuple[tuple[str, ...]]]:
        # The default would rebuild from the joined message and merge the problems into one.
        return (type(self), (self.problems,))


class ValidationError(_ProblemsError, ValueError):
    """Input that cannot be accepted; every problem found is in ``problems``.

    Parameters
    ----------
    problems : str or sequence of str
        One sentence or two per problem.

    Examples
    --------
    >>> error = ValidationError(["population 'a': expected n >= 1, got 0", "dt: got -1"])
    >>> error.problems
    ("population 'a': expected n >= 1, got 0", 'dt: got -1')
    """


@contextmanager
def errors_of(who: str) -> Iterator[None]:
    """Let every problem that the block finds begin with whom it is about.

    Examples
    --------
    >>> with errors_of("file 'a'"):
    ...     raise ValidationError("dt: got -1")
    Traceback (most recent call last):
    spikesim.errors.ValidationError: file 'a': dt: got -1
    """
    try:
        yield
    except ValidationError as error:
        raise ValidationError(
            [text if text.startswith(who) else f"{who}: {text}" for text in error.problems]
        ) from error


class CompileError(_ProblemsError):
    """A network that does not fit or cannot be expressed on the target core."""


class ConversionError(_ProblemsError):
    """A model of another framework that has no equal here; every problem is in ``problems``."""


class ProtocolError(SpikesimError):
    """The two ends of the link disagree about what a byte means."""


class DeviceError(SpikesimError):
    """A device that is absent, busy, too small, or answers with an error status."""
