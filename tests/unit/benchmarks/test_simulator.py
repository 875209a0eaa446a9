# SPDX-License-Identifier: Apache-2.0
"""The logic of the benchmark harness, on made-up runs: nothing is simulated here."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

from benchmarks.peers import measure
from benchmarks.peers.images import MEAN_GRAY, strokes
from benchmarks.peers.microcircuit import Microcircuit
from benchmarks.peers.parameters import Brunel, Cuba
from benchmarks.simulator import __main__ as front
from benchmarks.simulator import models, own, runner, table
from benchmarks.simulator.cases import BRIAN, CASES, GOALS, NEST, OWN, Case, Goal
from spikesim import SpikeTrains

CASE = Case("toy", "cuba", 400, 2.0, (NEST, BRIAN), own_seconds=20.0)
#: Rounding of one division and one multiplication.
ROUNDING = 1e-12


def run(cpu: float, *, seconds: float = 2.0, rate: float = 5.0, cv: float | None = 0.5, **more):
    """Give a row as a script prints it."""
    return {
        "engine": "any", "seconds": seconds, "cpu_s": cpu, "wall_s": 2 * cpu, "build_cpu_s": 0.5,
        "compile_s": 1.0, "syn_events": 1000, "rate_hz": rate, "cv_isi": cv,
        "peak_rss_mb": 100.0, **more,
    }  # fmt: skip


def row(benchmark: str, engine: str, cpu: float | None, **more):
    """Give a row of the results."""
    out = {**dict.fromkeys(runner.KEYS), "benchmark": benchmark, "engine": engine}
    return {**out, "cpu_s_per_bio_s": cpu, "wall_s_per_bio_s": cpu, **more}


def test_a_row_has_exactly_the_agreed_keys_and_medians_per_biological_second():
    made = runner.summarize("toy", NEST, [run(2.0), run(8.0), run(4.0)])
    assert set(runner.KEYS) == set(made)
    assert (2.0, 4.0, 500, 3) == (
        made["cpu_s_per_bio_s"], made["wall_s_per_bio_s"], made["syn_events"], made["repeats"]
    )  # fmt: skip
    assert made["spread"] == pytest.approx((4.0 - 1.0) / 2.0, rel=ROUNDING)


def test_activity_is_averaged_over_seeds():
    made = runner.summarize("toy", NEST, [run(1.0, rate=4.0, cv=None), run(1.0, rate=6.0)])
    assert (5.0, 0.5) == (made["rate_hz"], made["cv_isi"])


def test_a_failed_run_gives_an_error_and_no_number():
    made = runner.summarize("toy", NEST, [run(1.0)], "boom")
    assert "boom" == made["error"]
    assert all(made[key] is None for key in runner.KEYS if key not in
               ("benchmark", "engine", "repeats"))  # fmt: skip


def test_a_build_benchmark_claims_no_speed_of_running():
    made = runner.summarize("build", OWN, [run(0.0, seconds=0.0)])
    assert made["cpu_s_per_bio_s"] is None
    assert 0.5 == made["build_cpu_s"]


def test_engines_alternate_and_a_failing_one_is_not_tried_again():
    asked: list[tuple[str, str]] = []

    def fake(line: list[str]):
        module, seed = line[line.index("-m") + 1], line[line.index("--seed") + 1]
        asked.append((module.rpartition(".")[2], seed))
        if "nest" in module:
            raise runner.RunError("no nest")
        return run(1.0)

    rows, details = runner.measure_case(CASE, 2, fake, lambda text: None)
    first = [("nest_networks", "1"), ("brian2_networks", "1"), ("own", "1")]
    assert [*first, ("brian2_networks", "2"), ("own", "2")] == asked
    assert ["error" in made for made in rows] == [True, False, False]
    assert [BRIAN, OWN] == [made["engine"] for made in details]


def test_our_longer_run_takes_its_statistics_over_the_time_of_the_peers():
    line = runner.command(CASE, OWN, 3)
    options = dict(zip(line[line.index("--size") :: 2], line[line.index("--size") + 1 :: 2],
                       strict=True))  # fmt: skip
    assert ("20", "2") == (options["--seconds"], options["--window"])
    assert "2" == runner.command(CASE, NEST, 3)[-1]


def test_a_script_that_fails_or_prints_nothing_says_so():
    with pytest.raises(runner.RunError, match="ValueError: so it is"):
        runner.run_script([sys.executable, "-c", "raise ValueError('so it is')"])
    with pytest.raises(runner.RunError, match="no row"):
        runner.run_script([sys.executable, "-c", "print('hello')"])
    with pytest.raises(runner.RunError, match="absent"):
        runner.run_script(["/absent/python"])
    assert {"a": 1} == runner.run_script([sys.executable, "-c", "print('x'); print('{\"a\": 1}')"])


def test_merging_replaces_what_was_measured_again_only():
    old = [row("a", OWN, 1.0), row("b", OWN, 2.0)]
    assert [1.0, 3.0] == [r["cpu_s_per_bio_s"] for r in runner.merge(old, [row("b", OWN, 3.0)])]


def test_details_hold_medians_and_the_cost_of_a_synapse():
    runs = [run(1.0, synapses=2_000_000, version="1", rates_hz={"e": r}) for r in (1.0, 3.0)]
    made = runner.detail("toy", OWN, runs)
    assert {"e": 2.0} == made["rates_hz"]
    assert 250.0 == made["build_ms_per_m"]
    assert "cpu_s" not in made


GOAL = Goal("toy", "ratio", "toy", 10, 20, other=NEST)


@pytest.mark.parametrize(
    ("peer", "verdict"), [(40.0, "aim"), (20.0, "must"), (19.0, "**no**"), (None, "-")]
)
def test_a_ratio_is_peer_over_ours(peer, verdict):
    rows = table.index([row("toy", OWN, 2.0), row("toy", NEST, peer)])
    figure = table.value(GOAL, rows, {})
    assert verdict == table.met(GOAL, figure)
    assert figure == (peer and peer / 2.0)


def test_other_kinds_of_goals():
    rows = table.index([row("toy", OWN, 2.0, build_cpu_s=7.0), row("one", OWN, 3.0)])
    most = Goal("", "at most", "toy", 8, 6, figure="build_cpu_s")
    assert "must" == table.met(most, table.value(most, rows, {}))
    detail = Goal("", "at most", "toy", 8, 6, figure="bytes_per_synapse")
    more = {("toy", OWN): {"bytes_per_synapse": 9.0}}
    assert "**no**" == table.met(detail, table.value(detail, rows, more))
    assert 1.5 == table.value(Goal("", "scaling", "toy", 1, 2, other="one"), rows, {})
    elsewhere = Goal("", "ratio", "toy", 1, 2, other=f"one/{OWN}")
    assert 1.5 == table.value(elsewhere, rows, {})


def test_a_failed_run_meets_no_goal():
    broken = {**row("toy", OWN, None), "error": "boom"}
    rows = table.index([broken, row("toy", NEST, 1.0)])
    assert table.value(GOAL, rows, {}) is None


def test_every_goal_is_about_a_benchmark_that_is_run():
    cases = {case.name: case for case in CASES}
    for goal in GOALS:
        assert goal.benchmark in cases
        benchmark, _, engine = goal.other.rpartition("/")
        if goal.kind == "ratio":
            assert engine in cases[benchmark or goal.benchmark].peers
        better = goal.aim - goal.must
        assert better > 0 if goal.kind in ("ratio", "scaling") else better < 0


def test_the_page_holds_what_was_measured_and_what_failed():
    rows = [
        row("cuba-4000", OWN, 0.01, rate_hz=5.0, cv_isi=0.5, repeats=5, syn_events=10**6,
            spread=0.02),
        row("cuba-4000", NEST, 0.5, rate_hz=5.4, cv_isi=0.5, repeats=5),
        {**row("cuba-4000", BRIAN, None), "error": "no | compiler"},
    ]  # fmt: skip
    page = table.page(rows, [], "a machine")
    assert "| CUBA 4,000 | NEST | 50 x | >= 30 x | 60 x | must |" in page
    assert "| CUBA 4,000 | Brian2 C++ | - | >= 3 x | 5 x | - |" in page
    # 8 % apart in rate
    assert "| | NEST | 5.4 | 0.5 | 7.4 % | 0 | **no** |" in page
    assert "failed: no / compiler" in page
    assert not table.all_well(table.index(rows), {})
    assert not table.all_well(table.index(rows[:2]), {})
    assert table.all_well(table.index([rows[0], {**rows[1], "rate_hz": 5.2}]), {})


def test_rows_measured_on_a_shared_core_are_counted_and_said():
    rows = [row("cuba-4000", OWN, 1.0), {**row("brunel-3125", OWN, 1.0), "wall_s_per_bio_s": 1.2}]
    assert 1 == table.disturbed(table.index(rows))
    assert "in 1 of 2 rows" in table.page(rows, [], "")
    # Two threads use more CPU than wall time anyway.
    two = {**row("brunel-12500-2threads", OWN, 1.0), "wall_s_per_bio_s": 1.2}
    assert 0 == table.disturbed(table.index([two]))


def test_the_table_alone_is_printed_from_the_files(tmp_path, monkeypatch, capsys):
    for name in ("RESULTS", "DETAILS", "PAGE"):
        monkeypatch.setattr(front, name, tmp_path / name)
    (tmp_path / "RESULTS").write_text(json.dumps([row("cuba-4000", OWN, 0.01)]))
    assert front.main(["--table"]) == 0
    assert (tmp_path / "PAGE").read_text() == capsys.readouterr().out[:-1]


def test_activity_of_a_regular_and_an_alternating_neuron():
    # intervals 10, 10, ... ms, and 10, 30, 10, 30 ms: CV 0 and 0.5
    regular = np.arange(0.105, 1.0, 0.01)
    alternating = 0.105 + np.cumsum(np.tile([0.01, 0.03], 22))
    times = np.concatenate([regular, alternating])
    neurons = np.repeat([0, 1], [len(regular), len(alternating)])
    rate, cv = measure.activity(times, neurons, 2, 1.0)
    assert rate == pytest.approx((len(regular) + len(alternating)) / 2 / 0.9, rel=ROUNDING)
    # The last interval is cut off by the window: 43 intervals, 22 of 10 ms or 21 of 30 ms.
    assert cv == pytest.approx(0.25, abs=0.01)


def test_activity_without_intervals_has_no_cv():
    rate, cv = measure.activity(np.array([0.05, 0.5]), np.array([0, 1]), 2, 1.0)
    assert (0.5 / 0.9, None) == (pytest.approx(rate), cv)


def test_numbers_of_the_networks():
    assert 80 == Cuba(40_000).p * 40_000
    assert Brunel().drive_hz == pytest.approx(20_000, rel=ROUNDING)
    assert (2500, 625, 250, 62) == (
        Brunel(3125).n_exc, Brunel(3125).n_inh, Brunel(3125).k_exc, Brunel(3125).k_inh
    )  # fmt: skip


def test_the_microcircuit_has_the_published_size_and_synapse():
    q = Microcircuit()
    assert 77_169 == sum(q.sizes)
    assert 298_880_968 == sum(q.synapses(t, s) for t in range(8) for s in range(8))
    assert q.w_exc == pytest.approx(87.81e-12, abs=0.005e-12)
    # At full scale nothing is lost, so nothing is made up for.
    assert {0.0} == {q.i_ext(k) for k in range(8)}


def test_scaling_keeps_the_variance_of_the_drive():
    full, small = Microcircuit(), Microcircuit(0.1)
    for k in range(8):
        power = [q.drive_hz(k) * q.w_exc**2 for q in (full, small)]
        assert math.isclose(*power, rel_tol=1e-9)


def test_strokes_are_as_bright_as_digits():
    images = strokes(20)
    assert (20, 784) == images.shape
    # Clipping at white takes a little away.
    assert images.mean() == pytest.approx(MEAN_GRAY, rel=0.08)


def test_our_networks_have_the_sizes_and_delays_of_the_table():
    q, net = Brunel(250), models.brunel(250, 1, plastic=True).net
    recurrent = [p for p in net.projections.values() if not p.pre.name.startswith("drive")]
    assert 250 * (q.k_exc + q.k_inh) == sum(p.nnz for p in recurrent)
    assert {15} == {p.synapses.delay for p in recurrent}
    assert ["exc->exc"] == [p.name for p in recurrent if p.plasticity is not None]
    made = models.cuba(400, 1)
    # A current that begins a tick after the spike comes in with the second one, see LIFExp.
    assert {2} == {p.synapses.delay for p in made.net.projections.values()}
    # 400 * 80 Bernoulli synapses, 5 standard deviations
    assert made.net.n_synapses == pytest.approx(32_000, abs=5 * math.sqrt(32_000))


def test_our_statistics_count_a_spike_at_the_end_of_its_tick():
    trains = {
        "a": SpikeTrains(np.array([999, 1000, 1999]), np.array([0, 0, 0]), 1, 2000),
        "b": SpikeTrains(np.array([1500]), np.array([1]), 3, 2000),
    }
    rate, cv, rates = own.statistics(trains, 1e-4, 0.2)
    # Tick 999 ends at 0.1 s and counts; tick 1999 ends at 0.2 s and does not.
    assert rates == pytest.approx({"a": 2 / 0.1, "b": 1 / 0.3}, rel=1e-6)
    assert (rate, cv) == (pytest.approx(3 / 4 / 0.1), None)


@pytest.mark.parametrize(("only", "count"), [("cuba-4000", 1), ("cuba", 3), (None, len(CASES))])
def test_a_name_chooses_one_benchmark_and_a_beginning_several(only, count):
    assert count == len(front._chosen(only, quick=False))
