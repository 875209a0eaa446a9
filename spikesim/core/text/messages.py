# SPDX-License-Identifier: Apache-2.0
"""The one form of a message about a text: who, which line, what; the line, and a caret."""

from __future__ import annotations

from collections.abc import Iterable

from spikesim.core.text.tree import Place


class Source:
    """A text and its problems as they are found.

    Parameters
    ----------
    who : str
        Whose text it is.
    text : str

    Examples
    --------
    >>> source = Source("template", "v = w")
    >>> source.problem(Place(1, 4, 5), "unknown name 'w'")
    >>> print(source.problems[0])
    template, line 1: unknown name 'w'
        v = w
            ^
    """

    def __init__(self, who: str, text: str) -> None:
        self.who, self.lines = who, text.splitlines()
        self._found: dict[tuple[int, int, str], str] = {}

    def problem(self, place: Place, sentence: str) -> None:
        """Note a problem at a place; the same at the same place counts once."""
        line = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        # A tab takes as much room below as above.
        before = "".join(c if c == "\t" else " " for c in line[: place.start])
        marks = "^" * max(1, min(place.end, len(line)) - place.start)
        text = f"{self.who}, line {place.line}: {sentence}\n    {line}\n    {before}{marks}"
        self._found.setdefault((place.line, place.start, sentence), text)

    def missing(self, sentence: str) -> None:
        """Note a problem of the whole text; such come after those of lines."""
        self._found.setdefault((len(self.lines) + 1, 0, sentence), f"{self.who}: {sentence}")

    @property
    def problems(self) -> list[str]:
        """All problems in the order of the text."""
        return [self._found[key] for key in sorted(self._found)]


def choice(name: str, known: Iterable[str]) -> str:
    """Say what there is in place of a name: the nearest, and all.

    >>> choice("vth", ["v_th", "tau"])
    "did you mean 'v_th'? Known are tau, v_th"
    """
    import difflib  # only where something is wrong

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? Known are" if near else "known are"
    return f"{hint} {', '.join(names) or 'none'}"
