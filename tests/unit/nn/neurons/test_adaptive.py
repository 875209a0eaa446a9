# SPDX-License-Identifier: Apache-2.0
"""Neurons whose threshold rises with their own spikes."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import neurons, nn, sim  # noqa: E402
from spikesim.core import SpikeTrains  # noqa: E402
from spikesim.errors import CompileError, ValidationError  # noqa: E402
from spikesim.hw.compile import compile_network  # noqa: E402
from spikesim.network import Network  # noqa: E402
from spikesim.nn.graph.handlers import Fires  # noqa: E402
from tests.reference.stateful_nets import equal  # noqa: E402

STEPS, DT = 60, 1e-3


def test_spikes_and_thresholds_are_those_of_the_simulated_neuron():
    def handler(module, x):
        return Fires(
            neurons.ALIF(
                tau_mem=-DT / math.log(0.5), tau_theta=-DT / math.log(0.75), theta_plus=0.5
            ),
            x,
        )

    net = torch.nn.Sequential(nn.Linear(6, 4), nn.ALIFLayer(4, beta=0.5, theta_plus=0.5, rho=0.75))
    with torch.no_grad():
        net[0].weight.copy_(torch.randint(-2, 5, (4, 6), generator=torch.manual_seed(0)) / 4.0)
    network = nn.export(net, DT, handlers={nn.ALIFLayer: handler})
    raster = np.random.default_rng(0).random((STEPS, 6)) < 0.4
    run = sim.simulate(
        network, {"in": SpikeTrains.from_raster(raster)}, STEPS,
        record=["spikes", "layer0.theta"], dtype="float64",
    )  # fmt: skip
    x, state, thetas, spikes = torch.from_numpy(raster).double()[:, None], None, [], []
    for tick in x:
        y, state = nn.step(net.double(), tick, state)
        spikes.append(y[0].bool().numpy())
        thetas.append(state["1"].theta[0].detach().numpy())
    assert 0.1 < np.mean(spikes) < 0.6
    assert (np.array(spikes) == run.raster("layer0")).all()
    # Their decays are exponentials of quotients.
    np.testing.assert_allclose(np.array(thetas), run.trace("layer0.theta"), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {"reset": "hard", "v_reset": -0.1},
        {"alpha": 0.4, "gain": 0.7, "refractory_ticks": 1, "refractory": "gate", "strict": True},
        {"bias": 0.06, "v_floor": -0.2, "v_init": 0.3, "reset_amount": 0.8},
        {"beta": [0.5, 0.6, 0.7, 0.8], "theta_plus": [0.1, 0.2, 0.3, 0.4], "rho": [0.0, 0.3, 1, 1]},
        {"learn": ("beta", "bias", "theta_plus", "rho")},
    ],
)  # fmt: skip
def test_exported_it_is_simulated_spike_for_spike(options, dtype, tmp_path):
    """The same operations in the same order: no spike and no bit of a threshold is another one."""
    constants = {"beta": 0.83, "theta_plus": 0.27, "rho": 0.93} | options
    first, second = nn.ALIFLayer(4, **constants), nn.ALIFLayer(3, beta=0.7)
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        nn.Linear(6, 4), nn.Recurrent(first, nn.Linear(4, 4)), nn.Linear(4, 3), second
    )
    for p in net[0].parameters():
        p.data.mul_(4.0).add_(0.3)
    net[2].weight.data.mul_(4.0)
    for layer in (0, 2):  # sums of few bits are the same in every order
        net[layer].weight.data.mul_(64).round_().div_(64)
    net[1].back.weight.data.mul_(64).round_().div_(64)
    net.to(getattr(torch, dtype))
    nn.export(net, DT).save(tmp_path / "net.npz")
    raster = np.random.default_rng(0).random((STEPS, 6)) < 0.4
    run = sim.simulate(
        Network.load(tmp_path / "net.npz"), {"in": SpikeTrains.from_raster(raster)}, STEPS + 1,
        record=["spikes", "layer0.theta"], dtype=dtype,
    )  # fmt: skip
    x, state, thetas = torch.from_numpy(raster).to(getattr(torch, dtype))[:, None], None, []
    for k, tick in enumerate(x):
        y, state = nn.step(net, tick, state)
        thetas.append(state["1"].neurons.theta[0].detach().numpy())
        assert (state["1"].spikes[0].bool().numpy() == run.raster("layer0")[k]).all()
        assert (y[0].bool().numpy() == run.raster("layer1")[k + 1]).all()
    assert 0.02 < run.raster("layer0").mean() < 0.98
    assert 0.02 < run.raster("layer1").mean() < 0.98
    assert (np.array(thetas) == run.trace("layer0.theta")[:STEPS]).all()


def test_integers_and_the_core_refuse_a_threshold_that_adapts():
    net = torch.nn.Sequential(nn.Linear(6, 4), nn.ALIFLayer(4))
    with pytest.raises(ValidationError, match="expected a LIFLayer, got ALIFLayer"):
        nn.IntegerNet(net)
    with pytest.raises(CompileError, match="got an adaptive threshold; run it in the float engine"):
        compile_network(nn.export(net))


def test_without_adaptation_it_is_a_lif_layer():
    options = {"beta": 0.75, "alpha": 0.5, "reset": "soft", "refractory_ticks": 1, "v_th": 0.75}
    x = torch.rand(STEPS, 2, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    plain, _ = nn.run(nn.LIFLayer(3, **options), x)
    assert plain.any()
    assert torch.equal(plain, nn.run(nn.ALIFLayer(3, theta_plus=0.0, **options), x)[0])
    assert not torch.equal(plain, nn.run(nn.ALIFLayer(3, theta_plus=0.2, **options), x)[0])


def test_what_adapts_is_legal_whatever_an_optimizer_does():
    layer = nn.ALIFLayer((2, 3), learn={"theta_plus": "channel", "rho": "layer", "beta": "neuron"})
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert {"raw_theta_plus": (2, 1), "raw_rho": (1, 1), "lif.raw_beta": (2, 3)} == shapes
    assert "rho=0.995 (learned)" in repr(layer)
    for far in (-1e30, 1e30):
        with torch.no_grad():
            layer.raw_theta_plus.fill_(far)
            layer.raw_rho.fill_(far)
        assert bool((layer._value("theta_plus") > 0.0).all())
        assert bool(((layer._value("rho") > 0.0) & (layer._value("rho") < 1.0)).all())
    assert torch.equal(nn.ALIFLayer(3, rho=[0.5, 0.25, 0.75]).rho, torch.tensor([0.5, 0.25, 0.75]))


def test_constants_are_part_of_the_state_dict():
    x = torch.rand(STEPS, 2, 3, generator=torch.manual_seed(0))
    layer, other = nn.ALIFLayer(3, theta_plus=0.5, rho=0.5), nn.ALIFLayer(3)
    assert not torch.equal(layer(x), other(x))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x), other(x))


def test_slopes_of_what_adapts_by_the_loop_written_out():
    layer = nn.ALIFLayer(2, beta=0.5, learn=("theta_plus", "rho"), theta_plus=0.3, rho=0.8)
    layer.double()
    x = torch.rand(12, 3, 2, dtype=torch.float64, generator=torch.manual_seed(0)) * 1.5
    plus, rho = (layer._value(name).detach().clone().requires_grad_() for name in
                 ("theta_plus", "rho"))  # fmt: skip
    v = theta = torch.zeros(3, 2, dtype=torch.float64)
    total, weights = 0.0, torch.arange(12.0)
    for weight, tick in zip(weights, x, strict=True):
        theta = rho * theta
        h = 0.5 * v + tick
        s = nn.spike(h - 1.0 - theta, nn.ATan())
        v = h - s.detach()
        theta = theta + plus * s
        total = total + (weight * s).sum()
    total.backward()
    found, _ = nn.run(layer, x)
    (found * weights.reshape(-1, 1, 1)).sum().backward()
    for name, value in (("theta_plus", plus), ("rho", rho)):
        raw = layer.get_parameter(f"raw_{name}")
        value_of_raw = layer._value(name)
        (slope,) = torch.autograd.grad(value_of_raw.sum(), raw)
        assert value.grad.abs().sum() > 0
        # Slopes are summed with 24 bits.
        torch.testing.assert_close(value.grad * slope, raw.grad, rtol=1e-5, atol=1e-5)


def test_a_sequence_equals_ticks_and_streaming():
    layer = nn.ALIFLayer(3, beta=0.5, alpha=0.25, refractory_ticks=1, theta_plus=0.2)
    x = torch.rand(STEPS, 2, 3, generator=torch.manual_seed(0)) * 2.0
    whole, last = nn.run(layer, x)
    state, ticks = None, []
    for tick in x:
        y, state = nn.step(layer, tick, state)
        ticks.append(y)
    assert torch.equal(whole, torch.stack(ticks))
    assert equal(last[""].theta[None], state[""].theta[None])
    assert torch.equal(whole, torch.cat([nn.advance(layer, p, streaming=True) for p in x.split(7)]))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"theta_plus": -0.1}, r"theta_plus from 0 to inf, got -0\.1"),
        ({"rho": 1.5}, r"rho from 0 to 1, got 1\.5"),
        ({"rho": float("nan")}, "rho from 0 to 1"),
        ({"rho": [0.5, 0.5]}, r"ALIFLayer: expected rho .* \(3,\)"),
        ({"rho": 1.0, "learn": "rho"}, "learned rho to start .* below 1"),
        ({"learn": "tau"}, "learn accepts"),
    ],
)
def test_bad_constants_are_refused(options, text):
    with pytest.raises(ValidationError, match=text):
        nn.ALIFLayer(3, **options)
    if "learn" in options and options["learn"] == "rho":
        with pytest.raises(ValidationError, match="needs the shape"):
            nn.ALIFLayer(learn="rho")


def test_a_state_of_another_batch_is_refused():
    layer = nn.ALIFLayer(3)
    _, state = nn.run(layer, torch.rand(2, 4, 3))
    with pytest.raises(ValidationError, match="state of shape"):
        nn.run(layer, torch.rand(2, 1, 3), state)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_run_in_float32_as_by_the_plain_layer(kind):
    layer = nn.ALIFLayer(4, theta_plus=0.3, rho=0.9, learn=["theta_plus"])
    x = (3 * torch.rand(9, 2, 4, generator=torch.Generator().manual_seed(0))).to(kind)
    spikes, state = nn.run(layer, x)
    expected, after = nn.run(layer, x.float())
    assert spikes.dtype == kind
    assert spikes.any()
    assert torch.equal(spikes.float(), expected)
    assert torch.equal(state[""].theta, after[""].theta)
