# SPDX-License-Identifier: Apache-2.0
"""The guide's code runs as it stands, block after block."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "simulator.md"


def test_every_block_of_the_guide_runs(tmp_path, monkeypatch):
    for library in ("h5py", "pandas", "joblib"):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text()
    names = {"__name__": "guide"}
    for block in re.finditer(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        line = text[: block.start()].count("\n") + 1
        # The empty lines make the numbers in a traceback those of the guide.
        exec(compile("\n" * line + block[1], str(GUIDE), "exec"), names)
    assert names["run"].spikes["E"].counts().mean() > 1
    assert names["rest"].start == 1_500


@pytest.mark.parametrize("page", [GUIDE, ROOT / "README.md"])
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link
