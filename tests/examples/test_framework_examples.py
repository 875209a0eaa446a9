# SPDX-License-Identifier: Apache-2.0
import importlib.util
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("torch")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Chance is 0.1; quick runs train for seconds and classify 40 images.
AT_LEAST = 0.8


@pytest.mark.rtl
@pytest.mark.parametrize("name", ["from_snntorch", "from_spikingjelly"])
def test_a_trained_net_reaches_the_board_in_five_lines(name, capsys):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert AT_LEAST < module.main(["--quick"]) <= 1.0
    assert "of 40 test images" in capsys.readouterr().out.splitlines()[-1]
    text = (EXAMPLES / f"{name}.py").read_text()
    lines = textwrap.dedent(text.split("# board: begin\n")[1].split("    # board: end")[0])
    assert len(lines.splitlines()) <= 5
