# SPDX-License-Identifier: Apache-2.0
"""A state_dict is loaded into a net of the constants that it was saved with, or refused by name."""

import copy
import io
import logging
import pickle

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.nn.neurons.constants import without_address  # noqa: E402

OTHER = {
    "beta": 0.5, "alpha": 0.25, "gain": 2.0, "bias": 0.5, "v_th": 0.75, "v_reset": -0.5,
    "reset_amount": 0.5, "refractory_ticks": 2, "v_init": 0.25, "v_floor": -1.0, "reset": "soft",
    "refractory": "gate", "strict": True, "dt": 0.5, "detach_reset": False,
}  # fmt: skip
USUAL = {
    "beta": 0.9375, "alpha": 0.0, "gain": 1.0, "bias": 0.0, "v_th": 1.0, "v_reset": 0.0,
    "reset_amount": None, "refractory_ticks": 0, "v_init": 0.0, "v_floor": None, "reset": "hard",
    "refractory": "hold", "strict": False, "dt": None, "detach_reset": True,
}  # fmt: skip


def refusal(net, state, **options):
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state, **options)
    return str(error.value)


@pytest.mark.parametrize("name", OTHER)
def test_a_layer_of_another_constant_is_refused_with_both_values(name):
    state = nn.LIFLayer(**{name: OTHER[name]}).state_dict()
    text = refusal(nn.LIFLayer(), state)
    assert f"saved with {name}={USUAL[name]!r}, got {name}={OTHER[name]!r};" in text
    back = refusal(nn.LIFLayer(**{name: OTHER[name]}), nn.LIFLayer().state_dict())
    assert f"saved with {name}={OTHER[name]!r}, got {name}={USUAL[name]!r};" in back
    nn.LIFLayer(**{name: OTHER[name]}).load_state_dict(state)


def test_all_layers_that_differ_are_named_beside_what_torch_finds():
    def net(n, **neuron):
        return nn.SpikingNet(nn.Linear(n, 2), nn.LIFLayer(**neuron), nn.LIFLayer(2, **neuron))

    text = refusal(net(3), net(4, beta=0.5).state_dict(), strict=False)
    for part in ("size mismatch for 0.weight", "1: expected", "2: expected", "'2._extra_state'"):
        assert part in text


def test_nothing_of_a_layer_that_differs_is_loaded():
    layer = nn.LIFLayer(v_th=[0.5, 2.0], bias=0.5)
    refusal(layer, nn.LIFLayer(v_th=[1.0, 1.0]).state_dict())
    assert [0.5, 2.0] == layer.v_th.tolist()


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({"learn": "beta"}, {"learn": "tau_mem"}, "beta='learned as beta', got beta='learned as t"),
        ({"learn": "beta"}, {}, "beta='learned as beta', got beta=0.9375"),
        ({}, {"bias": [1.0, 2.0]}, "bias=0.0, got bias='array'"),
        ({}, {"surrogate": nn.Triangle()}, "surrogate='ATan', got surrogate='Triangle'"),
    ],
)
def test_kinds_of_constants_are_compared_without_strict_too(one, other, says):
    state = nn.LIFLayer(2, **other).state_dict()
    assert says in refusal(nn.LIFLayer(2, **one), state, strict=False)


def test_what_training_changes_and_arrays_are_loaded():
    layer = nn.LIFLayer(2, learn="v_th", gain=[1.0, 2.0], surrogate=nn.ATan(2.0))
    other = nn.LIFLayer(2, learn="v_th", v_th=3.0, gain=[3.0, 4.0], surrogate=nn.ATan(5.0))
    layer.load_state_dict(other.state_dict())
    assert [3.0, 4.0] == layer.gain.tolist()
    assert torch.equal(layer.raw_v_th, other.raw_v_th)
    assert nn.ATan(2.0) == layer.surrogate


def test_tied_constants_are_compared_by_their_rule():
    def layer(w, decays):
        w = torch.nn.Parameter(torch.tensor(w))
        return nn.like_spikingjelly(tau=None, decay_input=decays, w=w)

    one = layer(0.0, True)
    one.load_state_dict(layer(1.5, True).state_dict())
    assert one.raw_w.item() == 1.5
    text = refusal(one, layer(1.5, False).state_dict())
    for part in ("gain='tied', tied='PlifConstants(decay_input=True", "got gain=1.0, tied='Plif"):
        assert part in text
    assert "<function <lambda>>" == without_address("<function <lambda> at 0x7fc3a9>")


def test_a_constant_that_the_other_does_not_know_is_a_difference():
    class More(nn.LIFLayer):
        def constants(self):
            return super().constants() | {"leak": 0.5}

    assert "saved with no leak, got leak=0.5;" in refusal(nn.LIFLayer(), More().state_dict())
    assert "saved with leak=0.5, got no leak;" in refusal(More(), nn.LIFLayer().state_dict())


@pytest.mark.parametrize(
    ("module", "other", "name"),
    [
        (nn.ALIFLayer(2, beta=0.5), nn.ALIFLayer(2), "lif: expected"),
        (nn.LI(2, alpha=0.5), nn.LI(2), "integrator: expected"),
        (nn.QCFS(4), nn.QCFS(8), "levels=4, got levels=8"),
        (
            nn.Recurrent(nn.LIFLayer(2, reset="soft"), nn.Linear(2, 2)),
            nn.Recurrent(nn.LIFLayer(2), nn.Linear(2, 2)),
            "neurons: expected",
        ),
    ],
)
def test_modules_made_of_others_refuse_as_well(module, other, name):
    assert name in refusal(module, other.state_dict())
    module.load_state_dict(copy.deepcopy(module).state_dict())


def test_delays_and_thresholds_in_tensors_are_loaded():
    delay, signed = nn.Delay(3), nn.SignedIF(2, v_th=0.5, v_init=0.25)
    delay.load_state_dict(nn.Delay(1).state_dict())
    signed.load_state_dict(nn.SignedIF(2, v_th=2.0).state_dict())
    assert (1, 2.0, 0.0) == (delay.longest, float(signed.v_th), float(signed.v_init))


def test_without_the_entry_a_state_dict_is_loaded_with_a_warning(caplog):
    net = nn.SpikingNet(nn.Linear(3, 2), nn.LIFLayer(2, learn="beta"))
    old = {name: p.clone() + 1.0 for name, p in net.named_parameters()}
    with caplog.at_level(logging.WARNING, "spikesim.nn.neurons.constants"):
        found = net.load_state_dict(old)
    assert ([], []) == (found.missing_keys, found.unexpected_keys)
    assert ["1: the state_dict has no '1._extra_state'"] == [
        record.getMessage().partition(",")[0] for record in caplog.records
    ]
    assert all(torch.equal(old[name], p) for name, p in net.named_parameters())
    caplog.clear()
    net.load_state_dict(net.state_dict())
    assert not caplog.records


@pytest.mark.parametrize("entry", [torch.zeros(3, dtype=torch.uint8), torch.tensor([49]), None])
def test_an_entry_that_is_none_is_refused(entry):
    text = refusal(nn.LIFLayer(), {"_extra_state": entry})
    assert "LIFLayer: expected constants in the state_dict, got an entry that cannot be" in text


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_constants_do_not_change_with_the_float_type_or_the_way_they_went(kind):
    neurons = nn.LIFLayer(2, beta=1 / 3, v_th=0.1, v_floor=-float("inf"))
    net = nn.SpikingNet(nn.Linear(3, 2), neurons)
    before = net[1].constants()
    moved = copy.deepcopy(net).to(kind)
    file = io.BytesIO()
    torch.save(moved.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), moved):
        other.load_state_dict(state)
        other.load_state_dict({key: value.to(kind) for key, value in state.items()}, assign=True)
        assert before == other[1].constants()
    with torch.device("meta"):
        assert "cpu" == net[1].get_extra_state().device.type


def test_a_data_parallel_net_keeps_and_compares_constants(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1
    )
    try:

        def net(**neuron):
            layers = nn.SpikingNet(nn.Linear(3, 2), nn.LIFLayer(2, **neuron))
            return torch.nn.parallel.DistributedDataParallel(layers)

        state = net(beta=0.5).state_dict()
        net(beta=0.5).load_state_dict(state)
        assert "module.1: expected a state_dict saved with beta=0.9375" in refusal(net(), state)
    finally:
        torch.distributed.destroy_process_group()


def test_the_text_of_a_layer_tells_modes_that_are_not_usual():
    usual = repr(nn.LIFLayer())
    assert not any(name in usual for name in ("strict", "refractory=", "dt", "detach"))
    text = repr(nn.LIFLayer(strict=True, refractory="gate", dt=0.5, detach_reset=False))
    assert "refractory='gate', strict=True, dt=0.5, detach_reset=False" in text
