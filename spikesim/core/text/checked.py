# SPDX-License-Identifier: Apache-2.0
"""Descriptions that are checked as soon as they are made."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

from spikesim.errors import ValidationError


class Checked(ABCMeta):
    """Metaclass of descriptions whose texts are read at construction.

    A class gives ``text_problems()``, a list of sentences. It is asked once the object is complete:
    after ``__init__`` and every ``__post_init__``, those of a user's subclass too.

    Raises
    ------
    ValidationError
        On construction, with all problems.

    Examples
    --------
    >>> class Even(metaclass=Checked):
    ...     def __init__(self, n):
    ...         self.n = n
    ...     def text_problems(self):
    ...         return ["expected an even n"] if self.n % 2 else []
    >>> Even(4).n
    4
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object and check it."""
        made = super().__call__(*args, **kwargs)
        problems = made.text_problems()
        if problems:
            raise ValidationError(problems)
        return made
