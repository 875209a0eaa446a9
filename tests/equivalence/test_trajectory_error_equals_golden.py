# SPDX-License-Identifier: Apache-2.0
"""What the report of errors tells is what the golden model and the float net really differ in."""

import numpy as np
import pytest
import torch

from spikesim import nn
from spikesim.fixed import Quantization
from spikesim.hw.compile import compile_network
from spikesim.hw.golden.fast import run_batch
from tests.reference.traced_nets import Net

STEPS, BATCH, SHAPE = 12, 6, (1, 6, 6)
# Weights and membranes of float64 in the net and in the report, in another order of sums.
SAME = 1e-9


def dense():
    options = {"beta": 0.875, "reset": "soft", "learn": ("bias",)}
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(36, 20), nn.LIFLayer(20, v_th=0.5, **options),
        torch.nn.Linear(20, 5), nn.LIFLayer(5, v_th=0.5, **options),
    )  # fmt: skip


def skip():
    def forward(net, x):
        first = net.a(net.conv(x))
        second = net.b(net.more(first) + first)
        return net.out(net.head(net.flat(second)))

    def lif(*shape, **options):
        return nn.LIFLayer(shape, **{"beta": 0.75, "v_th": 0.5} | options)

    conv = torch.nn.Conv2d
    return Net(
        forward, conv=conv(1, 3, 3, padding=1, bias=False), a=lif(3, 6, 6, reset="soft"),
        more=conv(3, 3, 3, padding=1, bias=False), b=lif(3, 6, 6, refractory_ticks=1),
        flat=torch.nn.Flatten(), head=torch.nn.Linear(108, 4), out=lif(4, alpha=0.0, v_floor=-1.0),
    )  # fmt: skip


def delayed():
    loop = nn.Recurrent(nn.LIFLayer(36, v_th=0.5), nn.Delay(1, 36))
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(36, 36, bias=False), loop,
        torch.nn.Linear(36, 4, bias=False), nn.Delay(2), nn.LIFLayer(4, v_th=0.25),
    )  # fmt: skip


def by_hand(net, x):
    """Spikes and membranes of every LIFLayer, in order, tick by tick in float64."""
    net, state = net.double(), None
    layers = {path: m for path, m in net.named_modules() if isinstance(m, nn.LIFLayer)}
    spikes, membranes = ({path: [] for path in layers} for _ in range(2))
    hooks = [
        m.register_forward_hook(lambda _, given, out, path=path: spikes[path].append(out))
        for path, m in layers.items()
    ]
    for tick in x.double():
        with torch.no_grad():
            _, state = nn.step(net, tick, state)
        for path in layers:
            held = state.get(path)
            if held is None:  # within a loop, whose state holds that of its neurons
                held = next(s for name, s in state.items() if path.startswith(name)).neurons
            membranes[path].append(held.v)
    for hook in hooks:
        hook.remove()
    net.float()
    return [
        [torch.stack(found[path]).flatten(2).numpy() for path in layers]
        for found in (spikes, membranes)
    ]


def tuned(integers, x, y):
    """A few steps with integers in the loop."""
    optimizer = torch.optim.Adam(integers.parameters(), lr=5e-3)
    for _ in range(4):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(integers(x).sum(0), y).backward()
        optimizer.step()
    return integers


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("way", ["calibrated", "trained"])
@pytest.mark.parametrize("make", [dense, skip, delayed])
def test_error_told_is_error_on_golden_brevitas_548_981_snntorch_231_spikingjelly_417(
    make, way, bits
):
    torch.manual_seed(0)
    net, settings = make(), Quantization(weight_bits=bits)
    x = (torch.rand(STEPS, BATCH, *SHAPE) < 0.3).float()
    y = torch.arange(BATCH) % 4
    if way == "calibrated":
        integers = nn.calibrate(net, x, settings, input_shape=SHAPE)
    else:
        integers = tuned(nn.IntegerNet(net, settings, input_shape=SHAPE), x, y)
    told = nn.trajectory_error(integers, x, y)

    network = nn.export(net, input_shape=SHAPE)
    program = compile_network(network, "large", quantization=integers.settings).program
    rasters = x.transpose(0, 1).flatten(2).numpy()
    golden = run_batch(program, rasters, STEPS + program.latency, record=("spikes", "membrane"))
    floats = by_hand(net, x)
    differing = 0.0
    for k, (first, n, start) in enumerate(program.groups.values()):
        own = np.s_[:, start : start + STEPS, first : first + n]
        spikes = golden.spikes[own].transpose(1, 0, 2)
        scale = integers.quantized()[k].scale
        v = golden.history["v"][own].transpose(1, 0, 2) / scale
        one, (fired, membrane) = told.layers[k], (found[k] for found in floats)
        differ = spikes != fired.astype(bool)
        assert differ.mean((1, 2)).tolist() == pytest.approx(one.disagreement_by_tick, abs=1e-15)
        squares = ((v - membrane) ** 2).mean((1, 2))
        assert np.sqrt(squares).tolist() == pytest.approx(one.membrane_by_tick, rel=SAME)
        assert np.sqrt(squares.mean()) == pytest.approx(one.membrane, rel=SAME)
        rates = spikes.mean(0) - fired.mean(0)
        assert np.sqrt((rates**2).mean()) == pytest.approx(one.rate_error, rel=SAME)
        assert (fired.mean(), spikes.mean()) == pytest.approx((one.rate_float, one.rate_integers))
        assert spikes.any()
        differing += differ.mean()
    assert bits == 8 or differing > 0
    classes = (spikes.sum(0).argmax(1) == y.numpy()).mean()
    assert (told.accuracy_integers, told.accuracy_float) == pytest.approx(
        (classes, (fired.sum(0).argmax(1) == y.numpy()).mean())
    )
    assert told.exact
