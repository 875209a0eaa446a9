# SPDX-License-Identifier: Apache-2.0
"""Tutorials run as they stand, print what they say they print, and draw the pictures they show."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from matplotlib.image import imread

from tools.tutorials import PAGES, TUTORIALS, rewritten, run_page

#: Pages that train with products of torch, whose sums depend on the vector unit of the machine.
#: There, numbers may be this much larger or smaller: a few images of 360 change their class.
ELSEWHERE = {"convert", "interop"}
SHARE, POINTS = 0.05, 3.0

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")


def words(text):
    """What is printed without its numbers, and however wide columns are."""
    return re.sub(r"\s+", " ", _NUMBER.sub("#", text))


@pytest.mark.parametrize(
    "name",
    [pytest.param(page, marks=pytest.mark.rtl if page == "quantize" else ()) for page in PAGES],
)
def test_a_page_prints_and_draws_what_it_says(name, tmp_path):
    page = TUTORIALS / f"{name}.md"
    text = page.read_text()
    blocks = run_page(page, tmp_path)
    assert all(block.said is not None or not block.printed for block in blocks)
    for block in blocks:
        if block.said is None:
            continue
        if name not in ELSEWHERE:
            assert block.said == block.printed, f"line {block.line}; python -m tools.tutorials"
        elif "core:" in block.said:  # a report, whose thresholds are those of the training
            assert words(block.said).split(":")[0] == words(block.printed).split(":")[0]
        else:
            assert words(block.said) == words(block.printed)
            said, got = (
                [float(number) for number in _NUMBER.findall(part)]
                for part in (block.said, block.printed)
            )
            assert got == pytest.approx(said, rel=SHARE, abs=POINTS)
    shown = re.findall(r"\]\(pictures/(.+?)\)", text)
    assert sorted(shown) == sorted(path.name for path in tmp_path.glob("*.png"))
    for picture in shown:
        _same_picture(tmp_path / picture, TUTORIALS / "pictures" / picture, name in ELSEWHERE)
    assert name in ELSEWHERE or text == rewritten(text, blocks)
    if name == "interop":  # an equality on every machine
        assert 2 == sum("spikes that differ: 0\n" in block.printed for block in blocks)
        assert 5 == blocks[-1].printed.count(" 0 differ")


def _same_picture(drawn: Path, committed: Path, elsewhere: bool) -> None:
    new, old = imread(drawn), imread(committed)
    assert new.shape == old.shape, f"{committed.name}: python -m tools.tutorials draws it anew"
    # Letters and lines are 5 to 10 % of a picture; a curve that moved is 1 % or more of it.
    apart = float(np.mean(np.any(np.abs(new - old) > 0.05, axis=-1)))
    assert apart <= (0.02 if elsewhere else 0.0), committed.name


def test_every_picture_is_shown_and_every_page_is_run_and_linked():
    shown = {
        picture
        for page in TUTORIALS.glob("*.md")
        for picture in re.findall(r"\]\(pictures/(.+?)\)", page.read_text())
    }
    assert shown == {path.name for path in (TUTORIALS / "pictures").iterdir()}
    assert set(PAGES) == {page.stem for page in TUTORIALS.glob("*.md")}
    reference = (TUTORIALS.parent / "training.md").read_text()
    assert all(f"(tutorials/{name}.md)" in reference for name in PAGES)
    assert all("(../" in (TUTORIALS / f"{name}.md").read_text() for name in PAGES)
