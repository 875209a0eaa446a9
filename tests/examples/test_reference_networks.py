# SPDX-License-Identifier: Apache-2.0
import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PNG = b"\x89PNG"

# What the last line claims, loosely: quick runs are small or short.
CLAIMS = {
    "brunel_regimes": (150.0, 210.0),
    "cuba_coba": (4.5, 6.9),
    "microcircuit": (0.3, 0.6),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_example_draws_and_claims(name, tmp_path, capsys):
    pytest.importorskip("matplotlib")
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
