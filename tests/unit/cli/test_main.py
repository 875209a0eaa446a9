# SPDX-License-Identifier: Apache-2.0
import itertools
import re
import subprocess
import sys

import pytest

import spikesim as package
from spikesim.cli import run as run_verb

VERBS = ("demo", "train", "simulate", "compile", "run", "report")


def test_version_is_that_of_the_package(spikesim):
    assert f"spikesim {package.__version__}\n" == spikesim("--version").out


@pytest.mark.parametrize("verb", [*VERBS, "board serve"])
def test_help_of_every_verb_shows_examples(spikesim, verb):
    call = spikesim(*verb.split(), "--help")
    assert 0 == call.code
    assert "Examples:" in call.out
    assert f"spikesim {verb}" in call.out


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("verb", ["", *VERBS, "board", "board serve"])
def test_help_flows_at_every_width(spikesim, verb, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERMINAL_WIDTH", str(columns))
    out = "\n".join(map(str.rstrip, spikesim(*verb.split(), "--help").out.splitlines()))
    text, _, shown = out.partition("Examples:\n")
    assert max(map(len, text.splitlines())) <= columns
    assert not re.search(r"\w\.\.\.$", text, re.MULTILINE)  # nothing cut
    assert max(map(len, ["", *shown.splitlines()])) <= 80  # commands stay in one line
    # A paragraph breaks at the edge only: the first word of a line had no room on the one before.
    prose = re.compile(r"(?P<indent> {1,2})(?P<text>\S+(?: \S+)*)")
    for pair in itertools.pairwise(text.splitlines()):
        line, after = map(prose.fullmatch, pair)
        if line and after and line["indent"] == after["indent"]:
            assert len(line[0]) + 1 + len(after["text"].split()[0]) > columns - 2, line[0]


@pytest.mark.parametrize("verb", ["simulate net.npz --seconds 1", "train digits", "run prog.spk"])
def test_a_seed_beyond_64_bits_is_refused_with_its_bounds(spikesim, verb):
    for seed in (-1, 2**63, 10**23):
        call = spikesim(*verb.split(), "--seed", seed)
        assert 2 == call.code
        assert f"--seed {seed}: expected 0 to {2**63 - 1}" in call.err


@pytest.mark.parametrize(
    "arguments",
    [["fly"], ["run"], ["train", "cats"], ["compile", "absent.npz"], ["report", "no/folder"]],
    ids=" ".join,
)
def test_bad_input_is_exit_code_2_without_traceback(spikesim, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = spikesim(*arguments)
    assert 2 == call.code
    assert "" == call.out
    assert "rror" in call.err
    assert "Traceback" not in call.err


def test_defect_is_exit_code_3_and_asks_for_the_traceback(spikesim, files, monkeypatch):
    def broken(*_, **__):
        raise KeyError("inside")

    monkeypatch.setattr(run_verb, "classify", broken)
    arguments = ("run", files / "prog.spk", "--data", files / "images.npz", "--steps", 3)
    call = spikesim(*arguments)
    assert 3 == call.code
    assert "defect of spikesim, KeyError" in call.err
    assert "Traceback" not in call.err


def test_interrupt_is_exit_code_130(spikesim, files, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_verb, "classify", interrupted)
    data = ("--data", files / "images.npz", "--steps", 3)
    assert 130 == spikesim("run", files / "prog.spk", *data).code


def test_debug_shows_the_traceback(tmp_path):
    command = [sys.executable, "-m", "spikesim.cli.main", "--debug", "compile", "absent.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 0 != done.returncode
    assert "Traceback" in done.stderr


def test_help_loads_no_heavy_library():
    code = (
        "import sys\nfrom spikesim.cli.main import main\n"
        "try: main(['run', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'numba', 'matplotlib', 'serial'} & set(sys.modules)\n"
        "sys.exit(','.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
