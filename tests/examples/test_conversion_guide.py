# SPDX-License-Identifier: Apache-2.0
"""The code of the page on conversion runs as it stands."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "conversion.md"


def test_the_code_of_the_guide_runs_and_classes_agree():
    (code,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    names = {}
    exec(compile(code, str(GUIDE), "exec"), names)
    report = names["made"].report
    assert report.accuracy_ann > 0.95
    assert report.curve[-1].agreement > 0.97
