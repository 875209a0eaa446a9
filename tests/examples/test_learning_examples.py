# SPDX-License-Identifier: Apache-2.0
import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PNG = b"\x89PNG"

# What the last line claims, loosely: quick runs are small or short. Chance is 0.1 for digits;
# the output rate of fixed weights follows the input with a slope of about 1.5.
CLAIMS = {"diehl_cook_digits": (0.6, 1.0), "song_stdp": (-0.4, 0.5)}


@pytest.mark.parametrize("name", CLAIMS)
def test_example_draws_and_claims(name, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    picture = tmp_path / "picture.png"
    claimed = module.main(["--quick", "--out", str(picture)])
    low, high = CLAIMS[name]
    assert low < claimed < high
    assert picture.read_bytes().startswith(PNG)
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 120
    assert ":" in capsys.readouterr().out.splitlines()[-1]
