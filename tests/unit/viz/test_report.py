# SPDX-License-Identifier: Apache-2.0
import re
from dataclasses import replace

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.viz import PICTURES, Evidence, write_report


def test_page_needs_no_network_and_holds_every_picture(evidence, tmp_path):
    written = write_report(evidence, tmp_path / "report.html", tmp_path)
    page = written[0].read_text()
    assert len(PICTURES) == page.count("<svg ")
    assert [] == re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert [] == re.findall(r"@import|url\((?!#)", page)
    assert [p.name for p in PICTURES] == [path.stem for path in written[1:]]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written[1:])


def test_identifiers_are_unique_on_the_page(evidence, tmp_path):
    page = write_report(evidence, tmp_path / "report.html")[0].read_text()
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(identifiers)) == len(identifiers)
    targets = set(re.findall(r'(?:href="|url\()#([^")]+)', page))
    assert set() == targets - set(identifiers)


def test_page_says_so_when_engines_differ(evidence, tmp_path):
    seeds = [dict(s) for s in evidence.result["seeds"]]
    seeds[2]["mismatching_words"] = 7
    bad = replace(evidence, result={**evidence.result, "seeds": seeds, "ok": False})
    page = write_report(bad, tmp_path / "report.html")[0].read_text()
    assert "RTL and golden model differ: 7 mismatches" in page
    assert 'class="verdict bad"' in page


def test_text_follows_the_page_in_light_and_dark(evidence, tmp_path):
    page = write_report(evidence, tmp_path / "report.html")[0].read_text()
    svg = "".join(re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL))
    assert "currentColor" in svg
    assert "#1f242b" not in svg


def test_evidence_comes_back_from_disk(evidence, tmp_path):
    evidence.save(tmp_path)
    loaded = Evidence.load(tmp_path)
    assert evidence.result == loaded.result
    assert evidence.program == loaded.program
    np.testing.assert_array_equal(evidence.predicted["rtl"], loaded.predicted["rtl"])
    assert evidence.example_rtl.same_spikes(loaded.example_rtl)


def test_missing_result_names_the_command(tmp_path):
    with pytest.raises(ValidationError, match="spikesim demo"):
        Evidence.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text[:-40], "expected JSON"),
        (lambda text: "[" * 100_000, "expected JSON"),
        (lambda text: "[]", "expected a mapping"),
        (lambda text: text.replace('"seeds": [', '"seeds": [3, '), "expected a mapping, got 3"),
        (lambda text: text.replace('"images": 360', '"images": -1'), "integer >= 0, got -1"),
        (lambda text: text.replace('"clock_hz": ', '"clock_hz": "x", "y": '), "finite number"),
    ],
    ids=["cut", "deep", "list", "seed", "negative", "text"],
)
def test_a_damaged_result_is_named_with_the_command(evidence, tmp_path, change, expected):
    evidence.save(tmp_path)
    path = tmp_path / "result.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(ValidationError, match=expected) as caught:
        Evidence.load(tmp_path)
    assert all(str(path) in text and "spikesim demo" in text for text in caught.value.problems)
