# SPDX-License-Identifier: Apache-2.0
"""The names of a text: what a user may call things, and what a text may read and assign."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spikesim.core.text.operations import FUNCTIONS, Kind


@dataclass(frozen=True)
class Variable:
    """A name that a text finds.

    Parameters
    ----------
    name : str
    role : str
        What it is, for messages: "a state", "a constant".
    kind : Kind
        FLOAT, INT or BOOL.
    writable : bool
        Whether the text may assign it.
    given : bool
        Whether it has a value before the first line; if not, the text must assign it.
    """

    name: str
    role: str
    kind: Kind = Kind.FLOAT
    writable: bool = False
    given: bool = True


@dataclass(frozen=True)
class Scope:
    """All names that a text finds; others that it assigns are its temporaries.

    Parameters
    ----------
    who : str
        Whose text it is, for messages.
    variables : tuple of Variable
        Each name once.
    """

    who: str
    variables: tuple[Variable, ...]


def name_problems(named: Iterable[tuple[object, str]], reserved: Mapping[str, str]) -> list[str]:
    """Why names that a user chose cannot be used in a text; empty when they can.

    Parameters
    ----------
    named : iterable of (name, role)
        Roles as in ``Variable``.
    reserved : mapping of str to str
        Regular expressions of names that the text has anyway, with their roles.

    Examples
    --------
    >>> name_problems([("lambda", "a state"), ("v", "a state")], {})
    ["expected a state to have another name than 'lambda', which is a word of Python"]
    """
    problems, roles = [], dict[str, str]()
    for name, role in named:
        problem = _name_problem(name, role, reserved)
        if problem is None and isinstance(name, str):
            if name in roles:
                other = "another such" if roles[name] == role else roles[name]
                problem = f"expected different names, got {name!r} for {role} and {other}"
            roles.setdefault(name, role)
        problems += [problem] if problem else []
    return problems


def _name_problem(name: object, role: str, reserved: Mapping[str, str]) -> str | None:
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        return (
            f"expected the name of {role} as an identifier without leading underscore, got {name!r}"
        )
    taken = next((what for known, what in reserved.items() if re.fullmatch(known, name)), None)
    if keyword.iskeyword(name):
        taken = "a word of Python"
    elif name in FUNCTIONS:
        taken = "a function"
    if taken:
        return f"expected {role} to have another name than {name!r}, which is {taken}"
    normal = unicodedata.normalize("NFKC", name)
    if normal != name:
        return f"expected {role} to be called {normal!r}, as Python reads its name, got {name!r}"
    return None
