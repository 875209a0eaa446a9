# SPDX-License-Identifier: Apache-2.0
import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PNG = b"\x89PNG"

# What the last line claims, with the least and the most that a quick run may give.
CLAIMS = {
    # An interval ends with a tick, so it is late by up to one tick, never early.
    "neuron_zoo": (0.9, 1.0 + 1e-6),
    # Mean-field theory: 49.3 Hz at this size; 15 % for 2,000 neurons and 0.3 s.
    "sweep_brunel": (42.0, 56.0),
    # Chance: 0.5, with a standard deviation of 0.07 over 50 trials.
    "reward_learning": (0.9, 1.0),
    "record_and_resume": (0.0, 0.0),
}
OPTIONS = {"sweep_brunel": ["--jobs", "1"]}


@pytest.mark.parametrize("name", CLAIMS)
def test_example_draws_and_claims(name, tmp_path, capsys):
    for library in ("matplotlib", "scipy", "h5py", "joblib"):
        pytest.importorskip(library)
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    picture = tmp_path / "picture.png"
    claimed = module.main(["--quick", "--out", str(picture), *OPTIONS.get(name, [])])
    low, high = CLAIMS[name]
    assert low <= claimed <= high
    assert picture.read_bytes().startswith(PNG)
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 120
    assert ":" in capsys.readouterr().out.splitlines()[-1]
