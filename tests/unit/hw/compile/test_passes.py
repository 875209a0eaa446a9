# SPDX-License-Identifier: Apache-2.0
"""A pass of one's own, as CONTRIBUTING.md shows it, and what goes wrong with passes."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikesim.engines import run
from spikesim.errors import CompileError, ValidationError
from spikesim.hw.compile import PASSES, Compilation, compile_network, passes_with
from spikesim.hw.compile.allocate import allocate
from spikesim.hw.compile.calibrate import calibrate
from spikesim.hw.compile.check import check_description, check_limits
from spikesim.hw.compile.compilation import run_passes
from spikesim.hw.compile.lower import lower
from spikesim.hw.compile.quantize import quantize
from spikesim.hw.compile.segment import segment
from spikesim.hw.config import CoreConfig
from spikesim.network import Network
from spikesim.neurons import LIF

PAGE = Path(__file__).parents[4] / "CONTRIBUTING.md"


def net_with(weight=1.0, n_in=2):
    net = Network(1e-3, "n")
    net.add_input("in", n_in)
    net.add_population("out", 2, LIF(beta=0.5))
    net.connect("in", "out", np.full((n_in, 2), weight))
    return net


def from_the_page(net):
    """Run the example of the page as it stands there."""
    section = PAGE.read_text().split("## How to add a compile pass")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    names = {"net": net}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_the_pass_of_the_page_changes_the_program():
    program = from_the_page(net_with())["program"]
    assert {126} == set(program.weights[program.weights != 0].tolist())
    plain = compile_network(net_with()).program
    assert {127} == set(plain.weights[plain.weights != 0].tolist())
    # The golden model runs what the pass made: 126 << shift instead of 127 << shift.
    shift = int(program.populations["gain"][0])
    trace = run(program, {"in": [[1, 0]]}, 1, record=("out.i",)).traces["out.i"]
    assert {126 << shift} == set(trace[0].tolist())


def test_what_the_pass_of_the_page_refuses_comes_with_all_other_problems():
    net = net_with(weight=1.0, n_in=300)
    net.add_population("deaf", 1, LIF(beta=0.5, v_th=1e9))
    net.connect("in", "deaf", np.full((300, 1), 61_035.0))  # times 2**14 / 1e9: code 1
    even = from_the_page(net_with())["keep_weights_even"]
    with pytest.raises(CompileError) as caught:
        compile_network(net, passes=passes_with(even, after=quantize))
    text = str(caught.value)
    assert "need 300 axons" in text
    assert "population 'deaf': expected weight codes beyond 1" in text


def test_calibration_tries_an_added_pass_as_well():
    seen = []

    def watch(compilation):
        seen.append(int(compilation.quantized["out"].gain_shift))
        return compilation

    net = Network(1e-3)
    net.add_input("in", 1)
    net.add_population("out", 1, LIF(beta=1.0))
    net.connect("in", "out", [[-1.0]])
    passes = passes_with(watch, after=quantize)
    result = compile_network(net, samples={"in": np.ones((20, 1))}, passes=passes)
    assert [7, 6, 5, 5] == seen  # three trials, then the passes behind calibration
    assert 5 == int(result.program.populations["gain"][0])


def test_warnings_of_a_pass_reach_the_report():
    passes = passes_with(lambda c: c.adding(warnings=["made on a Monday"]), after=lower)
    report = compile_network(net_with(), passes=passes).report
    assert "made on a Monday" in report.warnings
    assert "warning: made on a Monday" in str(report)


def test_records_are_not_changed_by_passes():
    start = Compilation(net_with(), CoreConfig())
    end = run_passes(start, PASSES)
    assert start.quantized is start.lowered is start.program is start.report is None
    assert () == start.behind
    assert end.program == compile_network(net_with()).program


def test_each_pass_sees_those_behind_it():
    seen = []

    def look(compilation):
        seen.append(compilation.behind)
        return compilation

    run_passes(Compilation(net_with(), CoreConfig()), (look, check_limits, look))
    assert [(check_limits, look), ()] == seen


def test_a_pass_that_gives_no_record_is_named():
    def forgetful(compilation):
        replace(compilation, steps=3)

    with pytest.raises(CompileError, match=r"'forgetful'.*expected a Compilation.*NoneType"):
        compile_network(net_with(), passes=passes_with(forgetful, after=lower))


@pytest.mark.parametrize(
    ("passes", "missing"),
    [
        ((check_description, lower), "quantize"),
        ((quantize, segment), "lower"),
        ((quantize, lower, allocate), "segment"),
        ((quantize, lower, segment), "allocate"),
        (tuple(step for step in PASSES if step.__name__ != "summarize"), "summarize"),
        ((), "allocate"),
    ],
)
def test_passes_in_the_wrong_order_name_the_one_that_is_missing(passes, missing):
    with pytest.raises(CompileError, match=rf"'{missing}' makes.*order the passes"):
        compile_network(net_with(), passes=passes)


def test_problems_without_a_program_are_raised_at_the_end():
    with pytest.raises(CompileError, match="need 300 axons"):
        run_passes(Compilation(net_with(n_in=300), CoreConfig()), (check_limits,))


def test_calibration_alone_has_nothing_to_try():
    start = Compilation(net_with(), CoreConfig(), samples={"in": np.ones((3, 2))})
    with pytest.raises(CompileError, match="'allocate' makes"):
        run_passes(start, (calibrate,))


def test_an_unknown_place_for_a_pass_lists_those_there_are():
    with pytest.raises(ValidationError, match=r"check_description.*summarize"):
        passes_with(lower, after=net_with)


def test_passes_that_are_no_functions_are_refused():
    for passes in (3, ["lower"], lower):
        with pytest.raises(ValidationError, match="expected passes as a sequence of functions"):
            compile_network(net_with(), passes=passes)
