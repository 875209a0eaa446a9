# SPDX-License-Identifier: Apache-2.0
"""The code of the page on conversion runs as it stands."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "conversion.md"


def names_after(n):
    """Run the first n parts of the code."""
    parts = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    names = {}
    for part in parts[:n]:
        exec(compile(part, str(GUIDE), "exec"), names)
    return names


def test_the_code_of_the_guide_runs_and_classes_agree():
    report = names_after(1)["made"].report
    assert report.accuracy_ann > 0.95
    assert report.curve[-1].agreement > 0.97


def test_a_converted_net_is_on_the_core_in_five_lines_and_right():
    names = names_after(2)
    made, test, nn = names["made"], names["test"], names["nn"]
    assert "layer1 fit 'up5k', 10 neurons" in made.report.core
    right = 0
    for image, label in zip(test[0][:20], test[1][:20], strict=True):
        given = nn.analog_input(made.net, image.expand(16, *image.shape), analog="host")
        run = names["spikesim"].run(names["program"], given, 16, engine="golden")
        right += int(run.counts("layer1").argmax()) == int(label)
    assert right >= 18
