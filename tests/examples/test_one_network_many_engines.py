# SPDX-License-Identifier: Apache-2.0
import importlib.util
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "one_network_many_engines.py"


@pytest.mark.rtl
def test_integer_engines_agree():
    spec = importlib.util.spec_from_file_location("example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main([])


def test_readme_shows_the_example_word_for_word():
    text = EXAMPLE.read_text()
    imports = text[text.index("import numpy") : text.index("\n\n\ndef main")]
    body = text.split("# readme: begin\n")[1].split("    # readme: end")[0]
    shown = imports + "\n\n" + textwrap.dedent(body)
    assert shown in (ROOT / "README.md").read_text()
    assert shown.count("\n") <= 30
