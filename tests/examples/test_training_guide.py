# SPDX-License-Identifier: Apache-2.0
"""The code of the page on training runs as it stands, and gives what its comments say."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def test_every_block_of_the_guide_runs():
    text = GUIDE.read_text()
    names = {"__name__": "guide"}
    for block in re.finditer(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        line = text[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block[1], str(GUIDE), "exec"), names)
    network = names["network"]
    assert [0, 1, 2, 3] == [p.start_tick for p in network.populations.values()]
    assert [3] == network.projections["layer0->layer3"].rows.delays[:1].tolist()
    assert 12 == names["nn"].export(names["net"], handlers=names["handlers"]).n_neurons
    # The part on own images: a few epochs reach about 0.9, and the integers of the core keep it.
    assert 8 >= len(names["history"].loss) > 2
    assert np.mean(names["predicted"] == names["split"].y_test) > 0.85
    assert names["predicted"][:20].tolist() == names["classes"]
    assert {"net.npz", "mine.spk", "run.pt", "run.csv"} == {
        path.name for path in names["folder"].iterdir()
    }
