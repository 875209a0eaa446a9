# SPDX-License-Identifier: Apache-2.0
"""One parser for all engines: what record= means, and what it cannot mean."""

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.recording import Monitor, Rate, Recordable, Trace, Weights, parse_record

SIZES = {"layer.0": 2, "b": 3}
CAN = Recordable(1e-3, SIZES, dict.fromkeys(SIZES, ("v", "i")), {"p": 6}, inputs=("in",))
CORE = Recordable(1e-3, SIZES, dict.fromkeys(SIZES, ("v", "i")), spikes=("b",), whole="the core")


def _parse(record, can=CAN):
    return parse_record(record, can)


def test_names_with_a_dot_are_understood():
    monitors = _parse(("layer.0.v", "b.i", "layer.0.spikes"))
    assert ("layer.0",) == monitors.spikes
    assert (Monitor("state", "layer.0", "v"), Monitor("state", "b", "i")) == monitors.states
    assert ["layer.0.spikes", "layer.0.v", "b.i"] == [item.name for item in monitors.items]


def test_spikes_means_all_populations_in_the_order_of_the_engine():
    assert ("layer.0", "b") == _parse("spikes").spikes
    assert ("layer.0", "b") == _parse(("b.spikes", "layer.0.spikes", "spikes")).spikes
    assert ("b",) == _parse("spikes", CORE).spikes


def test_a_rate_makes_the_population_report_but_keeps_no_spikes():
    monitors = _parse(Rate("b", 0.01))
    assert ((), ("b",)) == (monitors.spikes, monitors.spiking)
    assert (Monitor("rate", "b", "rate", None, 10),) == monitors.rates


def test_repeats_are_dropped_and_contradictions_refused():
    assert (Monitor("state", "b", "v"),) == _parse(("b.v", Trace("b.v", every=1))).states
    with pytest.raises(ValidationError, match=r"'b\.v' once"):
        _parse(("b.v", Trace("b.v", every=2)))


def test_all_that_means_nothing_is_reported():
    wrong = ("v", "b.x", "c.v", "c.spikes", Rate("c", 1e-3), Weights("q", 1), 3, "spikes")
    with pytest.raises(ValidationError) as caught:
        _parse(wrong)
    assert 7 == len(caught.value.problems)


@pytest.mark.parametrize("name", ["in.spikes", "in.v"])
def test_an_input_is_named_with_the_way_out(name):
    with pytest.raises(ValidationError, match=r"the input 'in' .* Parrot"):
        _parse(name)


def test_subsets_are_checked_against_the_sizes():
    assert (2, 0) == _parse(Trace("b.v", neurons=np.array([2, 0]))).states[0].index
    assert (5,) == _parse(Weights("p", 1, [5])).weights[0].index
    for wrong in (Trace("b.v", neurons=[3]), Weights("p", 1, [6])):
        with pytest.raises(ValidationError, match="below"):
            _parse(wrong)


@pytest.mark.parametrize("item", [Trace("b.v", every=2), Rate("b", 1e-3)])
def test_an_engine_refuses_what_it_cannot_keep(item):
    with pytest.raises(ValidationError, match="all that the core keeps"):
        _parse(item, CORE)
    assert ("b.v",) == tuple(i.name for i in _parse(Trace("b.v"), CORE).states)
    with pytest.raises(ValidationError, match=r"population 'layer\.0'"):
        _parse("layer.0.spikes", CORE)


@pytest.mark.parametrize(("bin_s", "ticks"), [(1e-3, 1), (7e-3, 7), (np.float32(0.5), 500)])
def test_a_bin_is_in_seconds(bin_s, ticks):
    assert ticks == _parse(Rate("b", bin_s)).rates[0].every


@pytest.mark.parametrize("bin_s", [1.5e-3, 0.5e-3, 1e-10])
def test_a_bin_that_is_no_multiple_of_the_tick_is_refused(bin_s):
    with pytest.raises(ValidationError, match=r"'b\.rate', bin"):
        _parse(Rate("b", bin_s))


@pytest.mark.parametrize("ticks", [1, 10, np.int64(50)])
def test_a_bin_in_ticks_is_refused_with_what_it_would_be(ticks):
    with pytest.raises(ValidationError, match=f"integer {ticks}; {ticks} ticks are"):
        Rate("b", ticks)


@pytest.mark.parametrize("record", [None, 3, 1.0])
def test_what_is_no_record_is_refused(record):
    with pytest.raises(ValidationError, match="expected names, Trace, Rate or Weights"):
        _parse(record)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Trace("b.v", every=0),
        lambda: Trace("b.v", every=True),
        lambda: Trace("b.v", neurons=[1, 1]),
        lambda: Trace("b.v", neurons=[-1]),
        lambda: Trace("b.v", neurons=[0.5]),
        lambda: Rate("b", 0.0),
        lambda: Rate("b", -0.1),
        lambda: Rate("b", float("nan")),
        lambda: Rate("b", True),
        lambda: Rate("b", "10 ms"),
        lambda: Weights("p", -1),
    ],
)
def test_illegal_intervals_and_subsets_are_refused(make):
    with pytest.raises(ValidationError):
        make()
