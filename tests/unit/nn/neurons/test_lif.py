# SPDX-License-Identifier: Apache-2.0
import copy
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import neurons, nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

DEFAULTS = {
    "alpha": 0.0, "gain": 1.0, "bias": 0.0, "v_th": 1.0, "v_reset": 0.0, "reset_amount": None,
    "refractory_ticks": 0, "v_init": 0.0, "v_floor": -np.inf,
}  # fmt: skip


def oracle(a, *, reset="hard", refractory="hold", strict=False, **values):
    """The canonical update in NumPy, one neuron at a time; spikes and last membranes."""
    spikes, last = np.zeros(a.shape), np.zeros(a.shape[1:])
    for index in np.ndindex(a.shape[1:]):
        own = {
            key: value if value is None or np.ndim(value) == 0 else np.asarray(value)[index[1:]]
            for key, value in (DEFAULTS | values).items()
        }
        amount = own["v_th"] if own["reset_amount"] is None else own["reset_amount"]
        v, i, refr = own["v_init"], 0.0, 0
        for t in range(a.shape[0]):
            i = own["alpha"] * i + a[(t, *index)]
            h = max(own["beta"] * v + own["gain"] * i + own["bias"], own["v_floor"])
            if refractory == "hold" and refr > 0:
                h = v
            fired = refr == 0 and (h > own["v_th"] if strict else h >= own["v_th"])
            spikes[(t, *index)] = fired
            v = {"hard": own["v_reset"], "soft": h - amount, "none": h}[reset] if fired else h
            refr = own["refractory_ticks"] if fired else max(refr - 1, 0)
        last[index] = v
    return spikes, last


def grid_input(*shape, seed=0):
    """Multiples of 1/16, so that thresholds are hit exactly many times."""
    return np.random.default_rng(seed).integers(-8, 24, shape) / 16.0


def same(layer, a, **values):
    spikes, state = layer.seq(torch.from_numpy(a))
    expected, last = oracle(a, **values)
    assert 0.0 < expected.mean() < 1.0
    assert (expected == spikes.detach().numpy()).all()
    assert (last == state.v.detach().numpy()).all()


@pytest.mark.parametrize(
    ("reset", "strict", "alpha"),
    list(itertools.product(["hard", "soft", "none"], [False, True], [0.0, 0.75])),
)
def test_spikes_equal_the_numpy_oracle_in_float64(reset, strict, alpha):
    values = {
        "beta": 0.5, "alpha": alpha, "gain": 0.5, "bias": 0.125, "v_reset": -0.25,
        "reset": reset, "reset_amount": 0.75, "strict": strict,
    }  # fmt: skip
    same(nn.LIFLayer(**values), grid_input(40, 3, 5), **values)


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize(
    "fields",
    [
        {"v_floor": 0.0},
        {"v_floor": [-0.25, -0.5, 0.0, 0.25, -np.inf]},
        {"v_init": 0.75},
        {"v_init": [0.75, -1.0, 0.0, 2.0, 0.5]},
        {"refractory_ticks": 1},
        {"refractory_ticks": 3, "refractory": "gate"},
        {"refractory_ticks": [0, 1, 2, 3, 9]},
        {"refractory_ticks": 2, "v_floor": 0.0, "v_init": 1.0, "alpha": 0.5},
    ],
    ids=str,
)
def test_floor_start_and_refractory_ticks_equal_the_numpy_oracle(reset, fields):
    values = {"beta": 0.5, "gain": 0.5, "reset": reset} | fields
    a = grid_input(40, 2, 5) + 0.125
    same(nn.LIFLayer(5, **values), a, **values)
    plain = oracle(a, beta=0.5, gain=0.5, reset=reset, alpha=values.get("alpha", 0.0))
    assert (plain[0] != oracle(a, **values)[0]).any()  # the field has a say


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("per", ["layer", "channel", "neuron"])
def test_constants_per_channel_and_per_neuron_apply_to_their_neuron(shape, per):
    rng = np.random.default_rng(1)
    own = {"layer": (), "channel": shape[:1], "neuron": shape}[per]
    # Values that float32 does not hold: a layer in float64 must not have rounded them.
    given = {
        "beta": rng.uniform(0.3, 1.0, own), "alpha": rng.uniform(0.1, 0.5, own),
        "gain": rng.uniform(0.4, 0.8, own), "bias": rng.uniform(0.0, 0.2, own),
        "v_th": rng.uniform(0.5, 1.5, own), "v_init": rng.uniform(-0.5, 0.5, own),
        "v_floor": rng.uniform(-0.5, 0.0, own), "reset_amount": rng.uniform(0.5, 1.0, own),
        "refractory_ticks": rng.integers(0, 3, own),
    }  # fmt: skip
    full = {
        key: np.broadcast_to(value.reshape(*own, *[1] * (len(shape) - len(own))), shape)
        for key, value in ((key, np.asarray(value)) for key, value in given.items())
    }
    given["refractory_ticks"] = np.asarray(given["refractory_ticks"]).tolist()
    layer = nn.LIFLayer(shape, reset="soft", **given)
    a = rng.random((30, 2, *shape))
    same(layer, a, reset="soft", **full)
    neuron = layer.canonical().arrays(layer.n)
    for key, value in full.items():
        assert (value.ravel() == neuron[key]).all()


def test_sequence_in_one_call_equals_steps_and_halves():
    a = torch.rand(12, 2, 4, dtype=torch.float64, generator=torch.manual_seed(0))
    layer = nn.LIFLayer(alpha=0.5, reset="soft", refractory_ticks=2)
    whole, last = layer.seq(a)
    first, middle = layer.seq(a[:5])
    second, end = layer.seq(a[5:], middle)
    assert (whole == torch.cat([first, second])).all()
    assert all((x == y).all() for x, y in zip(last, end, strict=True))
    state, stepped = layer.init(a[0]), []
    for tick in a:
        s, state = layer.step(tick, state)
        stepped.append(s)
    assert (whole == torch.stack(stepped)).all()


def test_gradient_through_time_is_the_chain_rule_by_hand():
    # Two ticks, no spike at tick 0, a spike at tick 1: d s1 / d a0 = bump(h1 - 1) * beta.
    a = torch.tensor([[[0.5]], [[0.75]]], dtype=torch.float64, requires_grad=True)
    layer = nn.LIFLayer(beta=0.5, surrogate=nn.ATan(1.0))
    layer(a)[1].sum().backward()
    bump = 1.0  # h1 = 0.5 * 0.5 + 0.75 = 1.0, exactly at threshold
    assert [0.5 * bump, bump] == a.grad.flatten().tolist()


def test_reset_enters_the_gradient_only_if_not_detached():
    def gradient(detach):
        a = torch.tensor([[[1.0]], [[0.5]]], dtype=torch.float64, requires_grad=True)
        layer = nn.LIFLayer(beta=0.5, reset="soft", detach_reset=detach, surrogate=nn.Triangle(0.5))
        layer(a)[1].sum().backward()
        return a.grad.flatten().tolist()

    # h1 = 0.5 (1 - 1) + 0.5, bump = 1 - 0.5 * 0.5; reset path: dv0/da0 = 1 - bump(0) = 0.
    assert [0.5 * 0.75, 0.75] == gradient(detach=True)
    assert [0.0, 0.75] == gradient(detach=False)


def test_state_after_the_last_tick_is_differentiable():
    a = torch.full((3, 1, 1), 0.1, requires_grad=True)
    nn.LIFLayer(beta=0.5).seq(a)[1].v.sum().backward()
    assert [0.25, 0.5, 1.0] == a.grad.flatten().tolist()


def test_no_gradient_passes_where_the_membrane_is_held_or_on_its_floor():
    # Spike at tick 0; held at 1 and 2: what comes in then never reaches the membrane.
    a = torch.tensor([1.0, 0.3, 0.2, 0.4], dtype=torch.float64).reshape(4, 1, 1).requires_grad_()
    layer = nn.LIFLayer(1, beta=0.5, refractory_ticks=2)
    layer.seq(a)[1].v.sum().backward()
    assert [0.0, 0.0, 0.0, 1.0] == a.grad.flatten().tolist()
    b = torch.tensor([-2.0, 0.25], dtype=torch.float64).reshape(2, 1, 1).requires_grad_()
    nn.LIFLayer(1, beta=0.5, v_floor=-0.5).seq(b)[1].v.sum().backward()
    assert [0.0, 1.0] == b.grad.flatten().tolist()
    c = torch.tensor([1.0, 1.0], dtype=torch.float64).reshape(2, 1, 1).requires_grad_()
    nn.LIFLayer(1, beta=0.5, refractory_ticks=1, refractory="gate")(c)[1].sum().backward()
    assert [0.0, 0.0] == c.grad.flatten().tolist()  # the spike of tick 1 is withheld


def test_a_threshold_that_is_never_reached_leaves_the_membrane_finite():
    layer = nn.LIFLayer(2, beta=0.5, v_th=[np.inf, 1.0], reset="soft")
    spikes, state = layer.seq(torch.ones(3, 1, 2))
    assert [[0.0, 1.0]] * 3 == spikes[:, 0].tolist()
    assert [1.75, 0.0] == state.v[0].tolist()
    both = nn.LIFLayer((2, 3), beta=0.5, v_th=[np.inf, 1.0], reset="soft")
    assert both.seq(torch.ones(3, 1, 2, 3))[1].v.isfinite().all()
    assert 1.75 == nn.LIFLayer(beta=0.5, v_th=np.inf, reset="soft").seq(torch.ones(3, 1, 1))[1].v


@pytest.mark.parametrize("train", [True, False])
def test_the_mode_of_training_changes_neither_spikes_nor_gradients(train):
    a = torch.from_numpy(grid_input(10, 2, 3)).requires_grad_()
    layer = nn.LIFLayer(3, beta=0.5, learn=("bias",)).train(train)
    layer(a).sum().backward()
    b = torch.from_numpy(grid_input(10, 2, 3)).requires_grad_()
    nn.LIFLayer(3, beta=0.5)(b).sum().backward()
    assert torch.equal(a.grad, b.grad)


@pytest.mark.parametrize("name", ["lif", "delta", "exp"])
def test_a_layer_reads_the_neurons_of_networks(name):
    neuron = {
        "lif": neurons.LIF(beta=0.5, v_floor=-0.5, v_init=[0.1, 0.2], refractory_ticks=2),
        "delta": neurons.LIFDelta(tau_mem=10e-3, t_ref=2e-3),
        "exp": neurons.LIFExp(tau_mem=20e-3, tau_syn=5e-3),
    }[name]
    layer = nn.LIFLayer.of(neuron, 2, dt=1e-3)
    assert neuron.per_tick(1e-3) == layer.canonical()


def test_a_neuron_without_a_canonical_form_or_tick_is_refused():
    with pytest.raises(ValidationError, match="dt=1e-3"):
        nn.LIFLayer.of(neurons.LIFDelta(tau_mem=10e-3))
    with pytest.raises(ValidationError, match="Izhikevich"):
        nn.LIFLayer.of(neurons.Izhikevich(), 3, dt=1e-3)


def test_no_ticks_give_no_spikes():
    assert (0, 2, 3) == tuple(nn.LIFLayer()(torch.zeros(0, 2, 3)).shape)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"beta": 1.5}, "beta"),
        ({"reset": "medium"}, "reset"),
        ({"learn": ("bias",)}, "needs the shape"),
        ({"shape": 2, "learn": ("colour",)}, "colour"),
        ({"shape": 2, "learn": {"bias": "row"}}, "'row'"),
        ({"shape": 2, "learn": ("beta", "tau_mem")}, "two names"),
        ({"shape": 2, "beta": [0.1, 0.2, 0.3]}, r"beta .*\(2,\), got \(3,\)"),
        ({"shape": (2, 4), "beta": [0.1, 0.2, 0.3]}, r"per channel \(2,\)"),
        ({"shape": (2, 4), "beta": [0.1, 0.2, 0.3, 0.4]}, r"per channel \(2,\)"),
        ({"shape": -1}, "number of neurons"),
        ({"shape": 2.5}, "number of neurons"),
        ({"shape": 2, "refractory_ticks": -1}, "refractory_ticks"),
        ({"shape": 2, "refractory": "both"}, "refractory"),
        ({"shape": 2, "v_init": np.nan}, "v_init"),
    ],
)
def test_illegal_parameters_are_named(arguments, text):
    with pytest.raises(ValidationError, match=text):
        nn.LIFLayer(**arguments)


def test_the_former_name_of_the_threshold_is_refused_with_the_new_one():
    with pytest.raises(ValidationError, match="the threshold is called v_th"):
        nn.LIFLayer(threshold=2.0)
    assert nn.LIFLayer(v_th=2.0).canonical().v_th == 2.0


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        (3, torch.zeros(5, 3)),
        (3, torch.zeros(5, 2, 4)),
        (3, torch.zeros(5, 2, 3, dtype=torch.int64)),
        (3, torch.zeros(5, 2, 1, 3)),
        ((2, 3), torch.zeros(5, 2, 3)),
        (None, torch.zeros(5, 2)),
    ],
)
def test_input_of_another_shape_or_kind_is_refused(shape, given):
    with pytest.raises(ValidationError, match=r"expected float input of shape \(T, B"):
        nn.LIFLayer(shape)(given)


LAYERS = {
    "delta": nn.LIFLayer(3),
    "current": nn.LIFLayer(3, alpha=0.5),
    "refractory": nn.LIFLayer(3, refractory_ticks=1),
}


@pytest.mark.parametrize("taken", LAYERS)
@pytest.mark.parametrize("given", LAYERS)
@pytest.mark.parametrize("how", ["step", "seq"])
def test_a_state_of_another_layer_is_refused(taken, given, how):
    x = torch.ones(1, 2, 3) if how == "seq" else torch.ones(2, 3)
    state = LAYERS[given].init(torch.zeros(2, 3))
    if given == taken:
        getattr(LAYERS[taken], how)(x, state)
        return
    with pytest.raises(ValidationError, match="expected a state"):
        getattr(LAYERS[taken], how)(x, state)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (torch.zeros(4, 3), r"got one of shape \(4, 3\)"),
        (torch.zeros(1, 3), r"got one of shape \(1, 3\)"),
        (torch.zeros(2, 3, dtype=torch.float64), "got one of torch.float64"),
    ],
)
@pytest.mark.parametrize("how", ["step", "seq"])
def test_a_state_of_another_batch_or_type_is_refused(given, text, how):
    x = torch.ones(1, 2, 3) if how == "seq" else torch.ones(2, 3)
    with pytest.raises(ValidationError, match=text):
        getattr(LAYERS["delta"], how)(x, nn.LIFState(given))
    with pytest.raises(ValidationError, match="got a tuple"):
        getattr(LAYERS["delta"], how)(x, (given, None, None))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32])
def test_constants_of_neurons_are_not_rounded_with_the_net(kind):
    beta = np.linspace(0.9, 0.95, 50)
    layer = nn.LIFLayer(50, beta=beta, refractory_ticks=[1, 2] * 25)
    x = (torch.rand(40, 2, 50, generator=torch.manual_seed(0)) < 0.3).to(kind)
    expected = nn.run(layer, x)[0]
    moved = copy.deepcopy(layer).to(kind)
    assert torch.equal(expected, nn.run(moved, x)[0])
    assert (beta == moved.canonical().beta).all()
    assert moved.canonical().refractory_ticks.tolist() == [1, 2] * 25
