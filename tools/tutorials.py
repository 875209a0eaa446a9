# SPDX-License-Identifier: Apache-2.0
"""Run the pages of ``docs/tutorials``: ``python -m tools.tutorials [page ...]``.

Python blocks of a page run in order, in one set of names. What a block prints stands in the
``text`` block behind it, and pictures that blocks save stand in ``docs/tutorials/pictures``. This
command writes both anew; ``tests/examples/test_tutorials.py`` finds them as they are.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

from spikesim.viz.style import SETTINGS

TUTORIALS = Path(__file__).resolve().parents[1] / "docs" / "tutorials"
PAGES = ("train", "convert", "quantize", "delays", "interop")

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: Pages are read on white and on black.
_PICTURES = {**SETTINGS, "backend": "agg", "savefig.facecolor": "white", "savefig.dpi": 120}


@dataclass(frozen=True)
class Block:
    """A python block of a page as it ran.

    Attributes
    ----------
    line : int
        Where it begins.
    printed : str
        What it printed.
    said : str or None
        What the page says that it prints.
    place : slice
        Of what the page says, in its text.
    """

    line: int
    printed: str
    said: str | None
    place: slice


def run_page(page: Path, folder: Path) -> list[Block]:
    """Run the python blocks of a page in a folder, which gets its pictures.

    Parameters
    ----------
    page : Path
        Markdown.
    folder : Path
        Working directory of the blocks.

    Returns
    -------
    list of Block
    """
    text = page.read_text()
    found = list(_BLOCK.finditer(text))
    names: dict[str, object] = {"__name__": "tutorial"}
    blocks = []
    with mpl.rc_context(_PICTURES), contextlib.chdir(folder):
        for block, after in zip(found, [*found[1:], None], strict=True):
            if block[1] != "python":
                continue
            line = text[: block.start()].count("\n") + 1
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * line + block[2], str(page), "exec"), names)
            told = after is not None and after[1] == "text" and not between(text, block, after)
            place = slice(*after.span(2)) if told and after else slice(block.end(), block.end())
            blocks.append(Block(line, out.getvalue(), after[2] if told and after else None, place))
    return blocks


def between(text: str, block: re.Match[str], after: re.Match[str]) -> str:
    """Prose between two blocks."""
    return text[block.end() : after.start()].strip()


def rewritten(text: str, blocks: Sequence[Block]) -> str:
    """Text of a page with what its blocks printed."""
    for block in reversed(blocks):
        if block.said is not None:
            text = text[: block.place.start] + block.printed + text[block.place.stop :]
        elif block.printed:
            new = f"\n\n```text\n{block.printed}```"
            text = text[: block.place.start] + new + text[block.place.stop :]
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pages", nargs="*", metavar="page", help=f"of {', '.join(PAGES)}")
    options = parser.parse_args(argv)
    unknown = set(options.pages) - set(PAGES)
    if unknown:
        parser.error(f"expected pages of {', '.join(PAGES)}, got {', '.join(sorted(unknown))}")
    pictures = TUTORIALS / "pictures"
    pictures.mkdir(exist_ok=True)
    for name in options.pages or PAGES:
        page = TUTORIALS / f"{name}.md"
        with tempfile.TemporaryDirectory() as folder:
            blocks = run_page(page, Path(folder))
            for picture in sorted(Path(folder).glob("*.png")):
                shutil.copyfile(picture, pictures / picture.name)
        page.write_text(rewritten(page.read_text(), blocks))
        print(f"{os.path.relpath(page)}: {len(blocks)} blocks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
