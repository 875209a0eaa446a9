# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spikesim import LIF, Network, ValidationError, simulate
from spikesim.network import (
    AllToAll,
    FixedInDegree,
    FixedProbability,
    Normal,
    OneToOne,
    PairList,
    Population,
)
from spikesim.network.view import find_view

keys = st.one_of(
    st.integers(-12, 12),
    st.builds(
        slice,
        st.one_of(st.none(), st.integers(-12, 12)),
        st.one_of(st.none(), st.integers(-12, 12)),
        st.one_of(st.none(), st.integers(1, 5)),
    ),
)


@given(keys)
def test_a_slice_is_that_of_a_list_or_refused_where_it_is_empty(key):
    population = Population("E", 10)
    try:
        expected = list(range(10))[key]
    except IndexError:
        expected = []
    expected = [expected] if isinstance(expected, int) else expected
    if not expected:
        with pytest.raises(ValidationError, match="population 'E'"):
            population[key]
        return
    view = population[key]
    assert expected == view.index.tolist()
    assert view == find_view({"E": population}, view.name) or view.is_whole


@given(keys, keys)
@example(slice(1, 9, 3), slice(0, 3, 2))
@example(slice(2, None, 2), slice(1, None))
@example(slice(0, 8), slice(-3, None, 2))
def test_a_slice_of_a_slice_is_that_of_a_list(outer, inner):
    try:
        first = np.arange(10)[outer if isinstance(outer, slice) else slice(outer, outer + 1)]
        expected = first[inner if isinstance(inner, slice) else [inner]]
    except IndexError:
        return
    if first.size == 0 or expected.size == 0 or (isinstance(outer, int) and not 0 <= outer < 10):
        return
    assert expected.tolist() == Population("E", 10)[outer][inner].index.tolist()


def test_slices_overlap_within_one_population_only():
    first, second = Population("E", 10), Population("I", 10)
    assert first[:5].overlaps(first[4:])
    assert not first[:5].overlaps(first[5:])
    assert not first[::2].overlaps(first[1::2])
    assert not first[:5].overlaps(second[:5])


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (slice(0, 5, 2), "E[0:5:2]"),
        (slice(0, 6, 2), "E[0:5:2]"),
        (slice(3, 4, 2), "E[3:4]"),
        (slice(3, 6), "E[3:6]"),
        (-1, "E[9:10]"),
        (slice(2, 5, 2), "E[2:5:2]"),
    ],
)
def test_each_slice_has_one_name(key, name):
    assert Population("E", 10)[key].name == name


@pytest.mark.parametrize("key", [slice(None, None, -1), "E", 1.5, slice(0, 1.5), slice(3, 3)])
def test_what_is_no_slice_is_refused(key):
    with pytest.raises(ValidationError, match="population 'E'"):
        Population("E", 10)[key]


def net_of(pre=12, post=9, **options):
    net = Network(dt=1e-3, seed=3, units="own", **options)
    net.add_input("in", pre)
    net.add_population("E", post, LIF(beta=0.9))
    return net


PARTS = [(slice(2, 8), slice(None)), (slice(None), slice(1, 8, 3)), (slice(1, 12, 2), slice(4, 9))]
RULES = [
    AllToAll(),
    FixedInDegree(2),
    FixedProbability(0.4),
    np.arange(1.0, 200.0),
    PairList([0, 1, 1], [1, 0, 1]),
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("rule", RULES)
def test_synapses_of_slices_are_those_of_small_populations_put_in_place(part, rule):
    net = net_of()
    pre, post = net.inputs["in"][part[0]], net.populations["E"][part[1]]
    small = net_of(pre.n, post.n)
    drawn = {} if isinstance(rule, np.ndarray) else {"weight": Normal(0.5, 0.1)}
    if isinstance(rule, np.ndarray):
        rule = rule[: pre.n * post.n].reshape(pre.n, post.n)
    inner = small.connect("in", "E", rule, name="p", delay_ticks=2, **drawn).rows
    rows = net.connect(pre, post, rule, name="p", delay_ticks=2, **drawn).rows
    assert (12, 9) == (rows.n_pre, rows.n_post)
    assert pre.index[inner.sources].tolist() == rows.sources.tolist()
    assert post.index[inner.targets].tolist() == rows.targets.tolist()
    np.testing.assert_array_equal(inner.weights, rows.weights)
    np.testing.assert_array_equal(inner.delays, rows.delays)


@pytest.mark.parametrize("part", PARTS)
def test_rows_are_the_same_however_they_are_cut(part):
    net = net_of()
    pre, post = net.inputs["in"][part[0]], net.populations["E"][part[1]]
    projection = net.connect(pre, post, FixedProbability(0.6), weight=Normal(0.5, 0.1))
    whole, filler = projection.rows, projection.synapses.filler()
    np.testing.assert_array_equal(whole.indptr, filler.indptr)
    for lo in range(12):
        for hi in range(lo, 13):
            for within in ((0, 9), (2, 5), (5, 5)):
                got = filler.fill(lo, hi, within)
                own = (whole.sources >= lo) & (whole.sources < hi)
                own &= (whole.targets >= within[0]) & (whole.targets < within[1])
                assert whole.targets[own].tolist() == got.targets.tolist()
                np.testing.assert_array_equal(whole.weights[own], got.weights)
                counts = np.bincount(whole.sources[own] - lo, minlength=hi - lo)
                assert [0, *np.cumsum(counts)] == got.indptr.tolist()


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_network_of_slices_runs_like_one_of_given_rows(blocks):
    rng = np.random.default_rng(1)
    sliced, given_rows = net_of(40, 60), net_of(40, 60)
    made = [
        sliced.connect("in[:20]", "E[10:50]", FixedInDegree(5), weight=0.4),
        sliced.connect("in[20:]", "E[::3]", OneToOne(), weight=0.9),
        sliced.connect("E[:30]", "E[30:]", FixedProbability(0.3), weight=0.1, delay=3e-3),
    ]
    for projection in made:
        given_rows.connect(projection.pre.name, "E", projection.rows, name=projection.name)
    spikes = {"in": rng.random((80, 40)) < 0.2}
    runs = [simulate(net, spikes, 80, blocks=blocks) for net in (sliced, given_rows)]
    assert runs[0].counts("E").sum() > 100
    assert runs[0].same_spikes(runs[1])


def test_names_of_slices_stand_for_them_everywhere(tmp_path):
    net = net_of()
    projection = net.connect("in[2:8]", "E[::2]", AllToAll(), weight=0.5)
    assert "in[2:8]->E[0:9:2]" == projection.name
    net.save(tmp_path / "net")
    loaded = Network.load(tmp_path / "net")
    assert loaded == net
    assert loaded.projections[projection.name].rows == projection.rows


@pytest.mark.parametrize(
    ("pre", "post", "options", "message"),
    [
        ("in[5:5]", "E", {}, "neurons in it"),
        ("in[:3]", "X[:3]", {}, "one of"),
        ("in[::-1]", "E", {}, "step >= 1"),
        ("in[20]", "E", {}, "below 12"),
        ("in[:4]", "E[:5]", {"rule": np.ones((4, 4))}, r"shape \(4, 5\)"),
        ("E[:5]", "E[3:8]", {"rule": FixedInDegree(2, allow_self=False)}, "equal or apart"),
    ],
)
def test_slices_that_cannot_be_are_refused(pre, post, options, message):
    net = net_of()
    chosen = {"rule": AllToAll(), "weight": 0.5} | options
    if isinstance(chosen["rule"], np.ndarray):
        del chosen["weight"]
    with pytest.raises(ValidationError, match=message):
        net.connect(pre, post, **chosen)


def test_equal_or_separate_slices_may_refuse_self_connections():
    net = net_of()
    same = net.connect("E[2:6]", "E[2:6]", AllToAll(allow_self=False), weight=0.1).rows
    assert not (same.sources == same.targets).any()
    assert 12 == same.nnz
    apart = net.connect("E[:3]", "E[3:6]", AllToAll(allow_self=False), weight=0.1).rows
    assert 9 == apart.nnz


def test_a_slice_of_another_network_is_refused():
    with pytest.raises(ValidationError, match="part of this network"):
        net_of().connect(net_of(13).inputs["in"][:4], "E", AllToAll(), weight=0.5)
