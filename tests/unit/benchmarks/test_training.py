# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from benchmarks.simulator.runner import RunError  # noqa: E402
from benchmarks.training import __main__ as training  # noqa: E402
from benchmarks.training.cases import CASES, GOALS, HUGE, OWN, SNNTORCH, SPIKINGJELLY  # noqa: E402
from benchmarks.training.steps import build  # noqa: E402


def rows(own, peer):
    """Every row that goals name, all of ours and all of the peers' alike."""
    found = {}
    for case in CASES:
        for engine in case.engines:
            ours = engine.removesuffix(HUGE) == OWN
            figures = {"cpu_ms": own if ours else peer, "delta_rss_mb": 10.0 if ours else 100.0}
            found[case.name, engine] = {
                "benchmark": case.name, "engine": engine, "repeats": 3, "spread": 0.1, **figures
            }  # fmt: skip
    return found


@pytest.mark.parametrize("engine", [OWN, SNNTORCH, SPIKINGJELLY])
@pytest.mark.parametrize("case", [case.name for case in CASES])
def test_every_engine_takes_a_step_of_every_benchmark(case, engine):
    build(case, engine, quick=True)()


def test_neurons_of_all_engines_fire_alike():
    """The same input gives the same number of spikes, but for rounding and one late tick."""
    from benchmarks.training import steps

    x = 0.5 * torch.randn(30, 4, 300, generator=torch.Generator().manual_seed(1))
    counts = {}
    for engine in (OWN, SNNTORCH, SPIKINGJELLY):
        net = steps._row(engine, steps._neurons(engine, 300))
        counts[engine] = float(net(x).detach().sum())
    assert 1000 < counts[OWN] < 0.5 * x.numel()
    # snnTorch takes the threshold off a tick later, after the decay.
    assert abs(counts[SPIKINGJELLY] - counts[OWN]) <= 2
    assert 0.8 < counts[SNNTORCH] / counts[OWN] < 1.1


def test_goals_compare_rows_that_are_measured():
    measured = {(case.name, engine) for case in CASES for engine in case.engines}
    for goal in GOALS:
        assert {(goal.benchmark, goal.own), (goal.benchmark, goal.peer)} <= measured
        assert goal.aim is None or goal.aim > goal.must
        assert goal.own.endswith(HUGE) == goal.peer.endswith(HUGE)


def test_the_page_says_what_is_met():
    met = training.page(rows(own=1.0, peer=100.0))
    assert "**no**" not in met
    missed = training.page(rows(own=1.0, peer=3.0))
    line = next(x for x in missed.splitlines() if x.startswith("| (c)") and "| 10 x |" in x)
    assert "| 3 x | 5 x | 10 x | **no** |" in line
    assert "| 3 x | 3 x |  | must |" in missed  # with huge pages


@pytest.mark.parametrize(
    ("used", "met"), [(50.1, "50 MB | 50 MB | 32 MB | **no**"), (50.0, "must"), (32.0, "aim")]
)
def test_memory_of_ours_has_a_limit(used, met):
    found = rows(own=1.0, peer=100.0)
    found["conv", OWN]["delta_rss_mb"] = used
    (line,) = (x for x in training.page(found).splitlines() if "no peer" in x)
    assert line.startswith("| (b)")
    assert line.endswith(f"{met} |")
    assert "| no peer | - |" in training.page({})


def test_a_run_that_fails_has_no_figure(monkeypatch, capsys):
    def fails(line):
        assert "OMP_NUM_THREADS" not in line
        if SPIKINGJELLY in line:
            raise RunError("no such module")
        return {"cpu_ms": 4.0, "delta_rss_mb": 7.04, "repeats": 5, "spread": 0.2}

    monkeypatch.setattr(training, "run_script", fails)
    case = next(case for case in CASES if case.name == "mlp")
    peer, failed, own = training.measure(case, 2, 5, quick=True)
    assert (peer["cpu_ms"], peer["delta_rss_mb"], peer["repeats"]) == (4.0, 7.0, 10)
    assert (failed["error"], failed["cpu_ms"]) == ("no such module", None)
    assert own["engine"] == OWN
    assert "failed: no such module" in training.page({("mlp", SPIKINGJELLY): failed})
    assert training.ratio(GOALS[1], {("mlp", SPIKINGJELLY): failed, ("mlp", OWN): own}) is None


def test_the_median_of_the_rounds_counts_and_the_widest_spread():
    runs = [{"cpu_ms": ms, "delta_rss_mb": 1.0, "repeats": 5, "spread": 0.05} for ms in (9, 10, 14)]
    row = training.summary("lif", OWN, runs)
    assert (row["cpu_ms"], row["repeats"], row["spread"]) == (10, 15, 0.5)
