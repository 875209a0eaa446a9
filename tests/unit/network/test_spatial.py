# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import DistanceDependent, DrawnSynapses, Shape
from spikesim.network.synapses import rows_of

PROFILES = {
    "gaussian": lambda d, s: np.exp(-(d**2) / (2 * s**2)) * (d <= 4 * s),
    "exponential": lambda d, s: np.exp(-d / s) * (d <= 10 * s),
    "ball": lambda d, s: (d <= s + 1e-12).astype(float),
}


def _draw(rule, seed=0, same=True):
    n_pre, n_post = np.prod(rule.pre_grid), np.prod(rule.post_grid)
    return rows_of(DrawnSynapses(rule, Shape(int(n_pre), int(n_post), same), seed, 1.0, 1, 1e-3, 1))


def _distances(rule):
    """All pairs at once, from the definition."""
    places = []
    for rows, columns in (rule.pre_grid, rule.post_grid):
        y, x = np.divmod(np.arange(rows * columns), columns)
        places.append(((y + 0.5) / rows * rule.extent[0], (x + 0.5) / columns * rule.extent[1]))
    steps = []
    for axis in (0, 1):
        step = np.abs(places[0][axis][:, None] - places[1][axis][None])
        steps.append(np.minimum(step, rule.extent[axis] - step) if rule.periodic else step)
    return np.hypot(*steps)


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("p_max", [1.0, 0.3])
def test_pairs_come_with_the_probability_of_their_distance(profile, periodic, p_max):
    rule = DistanceDependent(
        (5, 4), (6, 7), 0.23, profile, p_max, extent=(1.0, 1.5), periodic=periodic
    )
    runs = 600
    hits = np.zeros((20, 42))
    for seed in range(runs):
        rows = _draw(rule, seed, same=False)
        np.add.at(hits, (rows.sources, rows.targets), 1)
    expected = p_max * PROFILES[profile](_distances(rule), 0.23)
    # Five standard deviations each (840 cells), and half a count for the rarest.
    bound = 5 * np.sqrt(expected * (1 - expected) / runs) + 1.5 / runs
    assert (np.abs(hits / runs - expected) <= bound).all()
    assert hits[expected == 0].sum() == 0
    assert (hits[expected == 1] == runs).all()


def test_a_large_reach_on_a_ring_visits_each_target_once():
    rule = DistanceDependent((6, 6), (6, 6), 99.0, "ball", periodic=True, allow_self=False)
    rows = _draw(rule)
    assert np.array_equal(rows.to_dense(), 1 - np.eye(36))


def test_a_cutoff_is_kept():
    rule = DistanceDependent((9, 9), (9, 9), 5.0, cutoff=1 / 9)
    near = _distances(rule) <= 1 / 9 + 1e-12
    dense = _draw(rule).to_dense()
    assert dense[~near].sum() == 0
    assert dense[near].mean() > 0.99  # the profile is nearly flat so far in


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pre_grid": (2, 3)}, r"pre_grid as \(rows, columns\) of 4 neurons, got \(2, 3\)"),
        ({"post_grid": (4,)}, "post_grid"),
        ({"scale": 0.0}, "finite scale > 0, got 0.0"),
        ({"scale": float("nan")}, "got nan"),
        ({"profile": "cosine"}, "profile as one of .*'ball'.* got 'cosine'"),
        ({"p_max": 1.1}, "0 <= p_max <= 1, got 1.1"),
        ({"extent": (1.0, -1.0)}, "width > 0"),
        ({"cutoff": 0}, "cutoff > 0"),
    ],
)
def test_what_is_no_sheet_is_refused(options, message):
    rule = DistanceDependent(**({"pre_grid": (2, 2), "post_grid": (2, 2), "scale": 1.0} | options))
    with pytest.raises(ValidationError, match=message):
        DrawnSynapses(rule, Shape(4, 4, False), 0, 1.0, 1, 1e-3, 1)
