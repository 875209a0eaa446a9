# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

import numpy as np
import pytest

from spikesim.core import CsrRows
from spikesim.errors import ValidationError
from spikesim.network import (
    AllToAll,
    DrawnSynapses,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    GivenRows,
    LogNormal,
    Network,
    Normal,
    OneToOne,
    Population,
    Projection,
    SmallWorld,
    Uniform,
)
from spikesim.neurons import LIF


@pytest.fixture
def net():
    net = Network(dt=1e-3, name="test", seed=3)
    net.add_input("in", 3)
    net.add_population("a", 4, LIF(beta=[0.1, 0.2, 0.3, 0.4]))
    net.add_population("b", 2, LIF(beta=0.5, v_th=math.inf, v_floor=-1.5, refractory_ticks=2))
    return net


def test_default_delay_is_none_from_inputs_and_one_tick_between_populations(net):
    assert net.connect("in", "a", AllToAll(), weight=1.0).rows.delays.tolist() == [0] * 12
    assert net.connect("a", "b", AllToAll(), weight=1.0).rows.delays.tolist() == [1] * 8


def test_delays_in_seconds_become_ticks(net):
    assert net.connect("in", "a", AllToAll(), weight=1.0, delay=3e-3).rows.delays[0] == 3
    seconds = np.array([[1e-3, 2e-3]] * 4)
    rows = net.connect("a", "b", np.ones((4, 2)), delay=seconds).rows
    assert [1, 2] * 4 == rows.delays.tolist()


def test_a_delay_that_dt_does_not_divide_is_refused_with_its_neighbours(net):
    with pytest.raises(ValidationError, match=r"'in->a': delay: .*0.001 s and 0.002 s"):
        net.connect("in", "a", AllToAll(), weight=1.0, delay=1.4e-3)
    assert not net.projections


def test_zero_delay_between_populations_is_refused(net):
    with pytest.raises(ValidationError, match=r"delays >= 1 tick between populations, got 0"):
        net.connect("a", "b", AllToAll(), weight=1.0, delay=0.0)


def test_weights_come_from_scalar_matrix_or_callable(net):
    assert net.connect("in", "a", AllToAll(), weight=2).rows.weights[0] == 2
    matrix = np.arange(8.0).reshape(4, 2)
    assert np.array_equal(net.connect("a", "b", AllToAll(), weight=matrix).rows.to_dense(), matrix)
    drawn = net.connect("a", "a", AllToAll(), weight=lambda rng, k: rng.normal(size=k))
    assert len(set(drawn.rows.weights.tolist())) == 16


@pytest.mark.parametrize("rule", [FixedProbability(0.5), FixedInDegree(3), FixedOutDegree(1)])
def test_a_rule_with_a_matrix_of_weights_picks_the_pairs_it_picks_without(net, rule):
    matrix = np.arange(1.0, 9.0).reshape(4, 2)
    plain = net.connect("a", "b", rule, weight=1.0, name="p").rows
    net.projections.clear()
    rows = net.connect("a", "b", rule, weight=matrix, delay=2e-3, name="p").rows
    assert np.array_equal(plain.targets, rows.targets)
    assert np.array_equal(matrix[rows.sources, rows.targets], rows.weights)
    assert (rows.delays == 2).all()


def test_numbers_and_distributions_leave_a_rule_undrawn(net):
    drawn = net.connect("a", "b", AllToAll(), weight=Normal(0, 1), delay=Normal(3e-3, 1e-3))
    assert isinstance(drawn.synapses, DrawnSynapses)
    assert "rows" not in vars(drawn)
    net.summary(), net.validate(), net.n_synapses, net.max_delay
    assert "rows" not in vars(drawn)
    assert drawn.rows is drawn.rows
    assert np.unique(drawn.rows.weights).size == 8


def test_a_distribution_draws_the_same_beside_a_rule_or_a_matrix(net):
    drawn = net.connect("a", "b", AllToAll(), weight=1.0, delay=Uniform(1e-3, 9e-3), name="p")
    net.projections.clear()
    given = net.connect("a", "b", np.ones((4, 2)), delay=Uniform(1e-3, 9e-3), name="p")
    assert drawn.rows == given.rows


def test_delays_drawn_from_inputs_may_be_zero_and_between_populations_not(net):
    short = Uniform(0.0, 1.2e-3)
    assert net.connect("in", "a", AllToAll(), weight=1.0, delay=short).synapses.min_delay == 0
    assert net.connect("a", "b", AllToAll(), weight=1.0, delay=short).synapses.min_delay == 1


def test_rows_bring_weights_and_delays(net):
    rows = CsrRows.from_dense(np.ones((4, 2)), delay=7)
    assert net.connect("a", "b", rows).rows is rows
    with pytest.raises(ValidationError, match="beside rows"):
        net.connect("a", "b", rows, weight=1.0)


def test_the_same_seed_builds_the_same_network():
    def build(seed):
        net = Network(dt=1e-3, seed=seed)
        net.add_population("a", 50, LIF(beta=0.9))
        net.connect("a", "a", FixedProbability(0.2), weight=1.0)
        return net

    assert build(1) == build(1)
    assert build(1).projections["a->a"].rows != build(2).projections["a->a"].rows


def test_many_projections_of_one_pair_are_not_counted_through_each_time():
    net = Network(1e-3)
    net.add_population("a", 1, LIF(beta=0.9))

    class Names(dict):
        asked = 0

        def __contains__(self, name):
            Names.asked += 1
            return super().__contains__(name)

    net.projections = Names()
    for k in range(100):
        assert net.connect("a", "a", [[0.1]]).name == ("a->a" if k == 0 else f"a->a #{k + 1}")
    assert Names.asked < 500
    # What was taken out is free again.
    del net.projections["a->a #100"], net.projections["a->a #99"]
    assert net.connect("a", "a", [[0.1]]).name == "a->a #99"


def test_projections_of_one_pair_are_numbered(net):
    names = [net.connect("a", "b", AllToAll(), weight=1.0).name for _ in range(3)]
    assert ["a->b", "a->b #2", "a->b #3"] == names


def test_a_receptor_is_found_by_name_or_number_and_refused_by_its_names(net):
    assert net.connect("a", "b", AllToAll(), weight=1.0).receptor == 0
    assert net.connect("a", "b", AllToAll(), weight=1.0, receptor="syn").receptor == 0
    for wrong in ("ex", 1, -1, True):
        with pytest.raises(ValidationError, match=r"receptor as one of \['syn'\]"):
            net.connect("a", "b", AllToAll(), weight=1.0, receptor=wrong)


def test_outputs_are_the_populations_that_project_nowhere(net):
    net.connect("a", "b", AllToAll(), weight=1.0)
    net.connect("b", "b", AllToAll(), weight=1.0)
    assert net.outputs == ("b",)
    net.connect("b", "a", AllToAll(), weight=1.0)
    assert net.outputs == ("a", "b")  # all send on: all count
    net.outputs = "a"
    assert net.outputs == ("a",)


def test_unknown_outputs_are_refused(net):
    with pytest.raises(ValidationError, match="'c'"):
        net.outputs = ("a", "c")


def test_incoming_and_outgoing_keep_the_order(net):
    first = net.connect("in", "b", AllToAll(), weight=1.0)
    second = net.connect("a", "b", AllToAll(), weight=1.0)
    assert [first, second] == net.incoming("b")
    assert [second] == net.outgoing(net.populations["a"])


@pytest.mark.parametrize(
    ("name", "n", "message"),
    [
        ("a", 1, "name 'a' is taken"),
        ("in", 1, "name 'in' is taken"),
        ("", 1, "printable name"),
        (7, 1, "printable name"),
        ("c", 0, "leave an empty population out"),
        ("c", -1, "1 <= n"),
        ("c", 2.0, "n as an integer"),
    ],
)
def test_bad_names_and_sizes_are_refused(net, name, n, message):
    for add in (net.add_input, lambda *args: net.add_population(*args, LIF(beta=0.9))):
        with pytest.raises(ValidationError, match=message):
            add(name, n)


def test_parameters_for_another_number_of_neurons_are_refused(net):
    with pytest.raises(ValidationError, match=r"population 'c': LIF: expected beta .*\(3,\)"):
        net.add_population("c", 3, LIF(beta=[0.1, 0.2]))


def test_a_neuron_that_is_none_is_refused(net):
    for neuron in (None, "LIF"):
        with pytest.raises(ValidationError, match="expected a neuron model"):
            net.add_population("c", 3, neuron)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("in", "a", np.ones((4, 3))), {}, "transpose"),
        (("in", "a", np.ones((2, 2))), {}, r"shape \(3, 4\)"),
        (("in", "a", np.full((3, 4), np.nan)), {}, r"got nan at \[0, 0\] \(12 in all\)"),
        (("in", "a", np.full((3, 4), -np.inf)), {}, "finite weights"),
        (("in", "a", "everything"), {}, "rule, rows or a weight matrix"),
        (("in", "a", [[1.0], [1.0, 2.0]]), {}, "weight matrix"),
        (("in", "a", np.ones((3, 4))), {"weight": 1.0}, "no weight beside a matrix"),
        (("in", "a", np.ones((3, 4))), {"delay_ticks": 1.5}, "integer ticks"),
        (("in", "a", np.ones((3, 4))), {"delay_ticks": -1}, ">= 0"),
        (("in", "a", np.ones((3, 4))), {"delay_ticks": [1, 2]}, "delay as a scalar"),
        (("in", "a", AllToAll()), {}, "pass weight="),
        (("in", "a", AllToAll()), {"weight": np.nan}, "finite weights"),
        (
            ("in", "a", AllToAll()),
            {"weight": [1.0, 2.0]},
            r"weight as a scalar or of shape \(3, 4\)",
        ),
        (("in", "a", AllToAll()), {"weight": lambda rng, k: [1.0]}, "12 weight values"),
        (("in", "a", AllToAll()), {"weight": 1.0, "delay": 0.0, "delay_ticks": 0}, "got both"),
        (("in", "a", AllToAll()), {"weight": 1.0, "delay": np.nan}, "delay"),
        (("in", "a", AllToAll()), {"weight": 1.0, "delay": "1 ms"}, "seconds"),
        (("in", "a", OneToOne()), {"weight": 1.0}, "3 and 4"),
        (("in", "a", FixedInDegree(9)), {"weight": 1.0}, "distinct partners"),
        (("in", "a", FixedInDegree(-1)), {"weight": 1.0}, "'in->a': FixedInDegree: .* k = -1"),
        (("in", "a", FixedProbability(2)), {"weight": 1.0}, "0 <= p <= 1, got 2"),
        (("in", "a", AllToAll()), {"weight": 1e39}, "finite weights"),
        (("in", "a", AllToAll()), {"weight": LogNormal(1e38, 1e38)}, "finite float32"),
        (("in", "a", AllToAll()), {"weight": 1.0, "delay": 0.4e-3}, "multiple|delay"),
        (("in", "a", AllToAll()), {"weight": 1.0, "delay": Uniform(0, 1e-4)}, "from dt = 0.001 s"),
        (("in", "a", AllToAll()), {"weight": 1.0, "delay_ticks": Uniform(1, 2)}, "pass delay="),
        (("in", "a", AllToAll()), {"weight": 1.0, "delay_ticks": -1}, "integers >= 0"),
        (("in", "x", AllToAll()), {"weight": 1.0}, "expected post .* got 'x'"),
        (("a", "in", AllToAll()), {"weight": 1.0}, "inputs only send"),
        ((Population("in", 9), "a", AllToAll()), {"weight": 1.0}, "part of this network"),
    ],
)
def test_a_bad_connection_is_refused_and_leaves_nothing(net, arguments, options, message):
    with pytest.raises(ValidationError, match=message):
        net.connect(*arguments, **options)
    assert not net.projections


def test_every_problem_of_a_connection_is_named_at_once(net):
    net.connect("in", "a", AllToAll(), weight=1.0, name="taken")
    with pytest.raises(ValidationError) as caught:
        net.connect("in", "a", np.full((4, 3), np.nan), weight=1.0, delay=1.5e-3, name="taken")
    assert len(caught.value.problems) == 5


def test_validate_names_every_problem_of_every_part(net):
    net.connect("a", "b", AllToAll(), weight=1.0)
    good = net.projections["a->b"]
    net.populations["c"] = Population("c", 0, LIF(beta=0.9))
    net.inputs["a"] = Population("a", 1)
    net.projections["p"] = dataclasses.replace(
        good, synapses=GivenRows(CsrRows.from_dense(np.ones((9, 2)), 0))
    )
    net.projections["q"] = Projection("q", Population("x", 1), good.post, good.synapses)
    with pytest.raises(ValidationError) as caught:
        net.validate()
    text = str(caught.value)
    for part in (
        "population 'c'",
        "input and by a population",
        "(9, 2)",
        "populations, got 0",
        "'x' is not",
    ):
        assert part in text


def test_a_saved_network_comes_back_equal(net, tmp_path):
    net.connect("in", "a", np.random.default_rng(0).normal(size=(3, 4)), delay=5e-3)
    net.connect("a", "b", AllToAll(), weight=0.1, delay_ticks=np.array([[1, 9]] * 4))
    net.connect("a", "a", FixedInDegree(2), weight=Normal(0, 1, low=-1), delay=Uniform(1e-3, 9e-3))
    net.connect("b", "b", SmallWorld(0, 0.5), weight=0.5, receptor="syn")
    net.outputs = ("a", "b")
    net.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    assert net == again
    assert net.outputs == again.outputs
    assert isinstance(again.projections["a->a"].synapses, DrawnSynapses)
    assert net.projections["a->a"].rows == again.projections["a->a"].rows
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


def test_an_empty_network_is_legal_and_can_be_saved(tmp_path):
    Network(dt=1e-3).save(tmp_path / "empty")
    assert Network.load(tmp_path / "empty") == Network(dt=1e-3)


def test_a_damaged_network_file_is_refused(net, tmp_path):
    path = tmp_path / "net.npz"
    net.save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ValidationError, match=r"network file .*net.npz"):
        Network.load(path)


def test_what_is_not_sound_is_not_saved(net, tmp_path):
    net.populations["c"] = Population("c", 0, LIF(beta=0.9))
    with pytest.raises(ValidationError, match="population 'c'"):
        net.save(tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"dt": 0.0}, {"dt": 1e-3, "seed": -1}])
def test_a_network_needs_a_tick_and_a_seed(options):
    with pytest.raises(ValidationError, match="expected"):
        Network(**options)
