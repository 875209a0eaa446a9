# SPDX-License-Identifier: Apache-2.0
import pytest

from benchmarks.scaling import fit, model, real_time_factor, replay, spikes_of

COST = {"piece": 3e-8, "event": 1e-9, "update": 3e-10, "spike": 1e-8, "batch": 2e-5}


def _row(ranks, spikes, groups, events, updates, batches):
    row = {"ranks": ranks, "spikes": spikes, "groups": groups, "events": events,
           "updates": updates, "batches": batches}  # fmt: skip
    parts = (spikes * groups, events, updates, spikes * (ranks > 1), batches)
    return {**row, "seconds": sum(c * n for c, n in zip(COST.values(), parts, strict=True))}


def test_the_fit_finds_the_costs_that_made_the_times():
    rows = [
        _row(ranks, spikes, groups, spikes * 1000 / ranks, 3e7 / ranks, 200 if ranks > 1 else 0)
        for ranks in (1, 2, 4, 8)
        for spikes, groups in ((0, 1), (100_000, 1), (90_000, 29))
    ]
    found = fit(rows)
    assert found.pop("largest_error") < 1e-6
    assert COST == pytest.approx(found, rel=1e-6)


def test_the_modeled_time_has_the_cost_of_every_spike_as_its_floor():
    floor = (COST["piece"] + COST["spike"]) * 1e10 / 10_000 * 4.0
    many, memory = real_time_factor(1e10, 512, 15, 1, COST)
    one, all_memory = real_time_factor(1e10, 1, 15, 1, COST)
    assert floor < many < one
    assert memory < all_memory


def test_a_replayed_rank_delivers_its_share_of_the_events():
    made = model(False, 400)
    spikes = spikes_of(made)
    alone, half = replay(made, 1, spikes), replay(made, 2, spikes)
    assert spikes > 0
    assert half["events"] == pytest.approx(alone["events"] / 2, rel=0.1)
