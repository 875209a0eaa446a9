# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from spikesim.cli import demo as verb
from spikesim.viz import PICTURES

pytest.importorskip("torch", reason="needs torch, to train")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.mark.rtl
def test_quick_demo_finds_all_engines_equal_and_leaves_every_file(spikesim, folder):
    call = spikesim("demo", "--quick", "--limit", 4, "--out", folder, "--json")
    assert 0 == call.code, call.err
    result = json.loads((folder / "result.json").read_text())
    assert call.document == result
    (seed,) = result["seeds"]
    assert [0, 0] == [seed["mismatching_spikes"], seed["mismatching_words"]]
    assert 4 == seed["images"]
    assert seed["cycles_predicted"] == seed["cycles_measured"] > 0
    assert seed["accuracy_golden"] == seed["accuracy_rtl"]
    assert 3 == result["uart"]["images"]
    assert 0 == result["uart"]["mismatching_words"]
    assert result["link_bytes"] > 10_000
    names = {"report.html", "seed0.spk", *(f"{picture.name}.png" for picture in PICTURES)}
    assert set() == names - {path.name for path in folder.iterdir()}
    # The program it leaves behind can be run again by itself.
    data = ("--limit", 4, "--json")  # the images it was not trained on
    again = spikesim("run", folder / "seed0.spk", *data).document
    assert seed["accuracy_golden"] == again["accuracy"]
    assert seed["cycles_predicted"] == again["cycles_total"]


@pytest.mark.rtl
def test_difference_is_exit_code_1(spikesim, folder, monkeypatch):
    execute = verb._execute

    def one_spike_off(plan, output):
        outcomes = execute(plan, output)
        outcomes[0].tally.mismatches["spikes"] = 1
        return outcomes

    monkeypatch.setattr(verb, "_execute", one_spike_off)
    options = ("--quick", "--limit", 2, "--no-pictures", "--json")
    call = spikesim("demo", "--out", folder, *options)
    assert 1 == call.code
    assert 1 == call.document["seeds"][0]["mismatching_spikes"]
    assert call.document["ok"] is False


def test_table_fits_a_terminal_of_80_columns():
    from rich.console import Console

    seed = {
        "seed": 0, "accuracy_float": 1.0, "accuracy_golden": 1.0, "accuracy_rtl": 1.0,
        "images": 360, "mismatching_spikes": 0, "mismatching_words": 0,
        "cycles_predicted": 12_345_678, "cycles_measured": 12_345_678, "compared": {},
    }  # fmt: skip
    shares = dict.fromkeys(("accuracy_float", "accuracy_golden", "accuracy_rtl"), 1.0)
    result = {"seeds": [seed], "mean": shares, "std": shares, "uart": None, "link_bytes": 1,
              "wall_s": 1.0}  # fmt: skip
    console = Console(width=80)
    with console.capture() as caught:
        console.print(verb._shown(result, []))
    assert "…" not in caught.get()
    assert caught.get().count("12,345,678") == 2
    assert "±" not in caught.get()  # one seed has no spread
    with console.capture() as caught:
        console.print(verb._shown(result | {"seeds": [seed, seed]}, []))
    assert "± std" in caught.get()
