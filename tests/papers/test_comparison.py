# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.models import comparison
from spikesim.models.brunel import Brunel
from spikesim.models.comparison import Reference
from spikesim.recording import Recording


def poisson(n, steps, p, rng):
    ticks, index = np.nonzero(rng.random((steps, n)) < p)
    return SpikeTrains(ticks, index, n, steps)


def test_independent_trains_are_not_synchronous():
    trains = poisson(200, 5000, 0.01, np.random.default_rng(1))
    # counts of 20 per bin: the variance over 500 bins is known to 6 %, so the excess over the
    # mean stays below sqrt(0.2 / 20) = 0.1 at three of these
    assert comparison.synchrony(trains, 1e-3, 1e-2) < 0.1


def test_volleys_of_all_neurons_are_synchronous():
    ticks = np.repeat(np.arange(0, 1000, 10), 50)
    trains = SpikeTrains(ticks, np.tile(np.arange(50), 100), 50, 1000)
    # K is 50 in a tenth of the bins: mean 5, variance 225
    assert np.sqrt(225 - 5) / 5 == pytest.approx(comparison.synchrony(trains, 1e-3, 1e-3))


def test_silence_is_not_synchronous():
    assert 0.0 == comparison.synchrony(SpikeTrains.empty(3, 100), 1e-3)


def test_populations_are_numbered_in_order():
    one = SpikeTrains([0, 2], [1, 0], n=2, steps=4)
    other = SpikeTrains([2], [0], n=3, steps=4)
    merged = comparison.together({"one": one, "other": other})
    assert SpikeTrains([0, 2, 2], [1, 0, 2], n=5, steps=4) == merged


def test_a_missing_value_never_meets_a_reference():
    text, met = comparison.table({"rate": [1.0, float("nan")]}, [Reference("rate", 1, 0, 2, "x")])
    assert not met
    assert "NOT" in text


def test_seeds_are_collected_by_name():
    assert {"a": [1.0, 2.0]} == comparison.over_seeds(lambda seed: {"a": seed}, (1, 2))


def test_window_beyond_the_record_is_refused():
    run = comparison.run(Brunel(n=50, k_exc=4), 0.01)
    with pytest.raises(ValidationError, match="run longer"):
        comparison.after(run, 0.02)


def test_runs_do_not_depend_on_threads():
    model = Brunel(n=500, k_exc=40, j=2.5e-3)
    one, two = (comparison.run(model, 0.05, seed=3, threads=t) for t in (1, 2))
    assert one.same_spikes(two)
    assert len(one.spikes["exc"]) > 0


def test_a_window_of_a_record_has_the_statistics_of_its_ticks():
    raster = np.random.default_rng(8).random((900, 30)) < np.tile([[0.01], [0.2]], (450, 30))
    whole = Recording({"a": SpikeTrains.from_raster(raster)}, {}, 900, 1e-3, "float")
    late = comparison.after(whole, 0.301)["a"]
    rebased = SpikeTrains.from_raster(raster[301:])
    assert (301, 900) == (late.start, late.stop)
    both = comparison.together({"x": late, "y": late})
    assert (301, 60) == (both.start, both.n)
    for bin_s in (1e-3, 5e-3):
        expected = comparison.synchrony(rebased, 1e-3, bin_s)
        assert expected == comparison.synchrony(late, 1e-3, bin_s)
    resumed = Recording({"a": late}, {}, 599, 1e-3, "float", start=301)
    assert late.window(400, 900) == comparison.after(resumed, 0.4)["a"]
    with pytest.raises(ValidationError, match=r"from 0\.301 to 0\.9 s"):
        comparison.after(resumed, 0.3)
