# SPDX-License-Identifier: Apache-2.0
"""The code of the page on NIR runs as it stands."""

import re
from pathlib import Path

import torch

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "nir.md"


def test_every_block_of_the_page_runs(capsys):
    names = {"__name__": "guide"}
    for block in re.finditer(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE):
        exec(compile(block[1], str(GUIDE), "exec"), names)
    assert "written by spikesim" in capsys.readouterr().out
    assert (20, 1, 2) == names["spikes"].shape
    assert torch.equal(names["net"][0].weight, names["again"][0].weight)
    assert [5, 2] == [p.n for p in names["network"].populations.values()]
