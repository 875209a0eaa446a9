# SPDX-License-Identifier: Apache-2.0
"""Membranes as outputs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn, sim  # noqa: E402
from spikesim.core import SpikeTrains  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

STEPS = 20


def test_the_output_is_the_membrane():
    x = np.random.default_rng(0).normal(size=(STEPS, 2, 3))
    beta, expected = np.array([0.25, 0.5, 1.0]), []
    i, v = np.zeros((2, 3)), np.full((2, 3), 0.5)
    for tick in x:
        i = 0.75 * i + tick
        v = beta * v + 2.0 * i + 0.125
        expected.append(v)
    layer = nn.LI(3, beta=beta, alpha=0.75, gain=2.0, bias=0.125, v_init=0.5).double()
    found, state = nn.run(layer, torch.from_numpy(x))
    assert (np.array(expected) == found.numpy()).all()
    assert torch.equal(found[-1], state[""].v)
    assert np.abs(expected).max() > 4.0  # beyond any threshold


def test_slopes_by_finite_differences():
    layer = nn.LI(3, alpha=0.5, learn={"beta": "neuron", "alpha": "layer", "bias": "layer"})
    layer.double()
    names = [name for name, _ in layer.named_parameters()]

    def run(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    x = torch.randn(4, 2, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    # Sums of these slopes are rounded to 24 bits; a large step makes that small.
    given = (x.requires_grad_(), *layer.parameters())
    assert torch.autograd.gradcheck(run, given, eps=1e-4, atol=1e-5)


def test_a_network_has_the_same_membrane_from_its_start_tick_on():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        nn.Linear(4, 5, scale=3.0), nn.LIFLayer(5, beta=0.5), nn.Linear(5, 3),
        nn.LI(3, beta=0.75, bias=0.25),
    )  # fmt: skip
    with torch.no_grad():
        for linear in (net[0], net[2]):
            linear.weight.copy_((linear.weight * 8.0).round() / 8.0)
    raster = np.random.default_rng(0).random((STEPS, 4)) < 0.5
    x = torch.from_numpy(raster).double()[:, None]
    expected = nn.run(net.double(), x)[0][:, 0].detach().numpy()
    network = nn.export(net)
    assert ("layer1",) == tuple(network.outputs)
    start = network.populations["layer1"].start_tick
    run = sim.simulate(
        network, {"in": SpikeTrains.from_raster(raster)}, STEPS + start,
        record=["spikes", "layer1.v"], dtype="float64",
    )  # fmt: skip
    assert (expected == run.trace("layer1.v")[start:]).all()
    assert not run.raster("layer1").any()
    assert run.raster("layer0").any()


def test_a_membrane_that_goes_on_is_refused_by_export():
    net = torch.nn.Sequential(nn.Linear(3, 3), nn.LI(3), nn.Linear(3, 2), nn.LIFLayer(2))
    with pytest.raises(ValidationError, match=r"'2' \(Linear\): expected spikes, got the membrane"):
        nn.export(net)


def test_what_has_no_effect_on_a_membrane_is_not_learned():
    with pytest.raises(ValidationError, match=r"LI: expected to learn .* got \['v_th'\]"):
        nn.LI(3, learn=("beta", "v_th"))
    with pytest.raises(ValidationError, match="shape"):
        nn.LI(3)(torch.rand(4, 1, 2))


def test_neurons_that_never_fire_are_integrators_and_others_are_refused():
    layer = nn.LIFLayer(2, beta=0.5, v_th=torch.inf, reset="hard")
    of_layer = nn.LI.of(layer)
    assert of_layer.integrator is layer
    x = torch.ones(3, 1, 2)
    assert torch.equal(nn.LI(2, beta=0.5)(x), of_layer(x))
    with pytest.raises(ValidationError, match="some that can fire"):
        nn.LI.of(nn.LIFLayer(2, v_th=[1.0, torch.inf]))
