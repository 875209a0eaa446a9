# SPDX-License-Identifier: Apache-2.0
"""A Verilog module and its bench are added from the page alone: clean lint, right simulation."""

import re
from pathlib import Path

import pytest

import lint_rtl
from tests.hdl.simulate import run_bench

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.hdl
def test_a_module_from_the_page_lints_and_passes_its_bench():
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## How to add an RTL module\n")[2]
    section = section.partition("\n## ")[0]
    verilog = re.search(r"^```verilog\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)[1]
    bench = re.search(r"^```python\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)[1]
    folder = ROOT / "build" / "hdl" / "from-the-page"
    folder.mkdir(parents=True, exist_ok=True)
    module = folder / "spk_event_meter.v"
    module.write_text(verilog)
    (folder / "bench_event_meter.py").write_text(bench)
    for bits in (2, 8):
        assert [] == lint_rtl._verilator(module, {"BITS": bits})
        ran = run_bench(
            folder / "bench_event_meter.py",
            module.stem,
            simulator="icarus",
            parameters={"BITS": bits},
            extra=(module,),
        )
        assert 1 == ran
