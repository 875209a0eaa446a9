# SPDX-License-Identifier: Apache-2.0
"""A trained convolution net with a skip is the same net everywhere, spike for spike."""

import copy

import numpy as np
import pytest
import torch

from spikesim import data, nn, run
from spikesim.network import DrawnSynapses, Network
from spikesim.nn import encode

STEPS, SHAPE, IMAGES = 8, (1, 8, 8), 3


class Residual(torch.nn.Module):
    """8 x 8 pixels, two convolutions of which the second one has a skip around it, 10 classes."""

    def __init__(self):
        super().__init__()
        neuron = {"beta": 0.75, "reset": "soft", "learn": {"bias": "channel"}}
        self.first = torch.nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(4)
        self.a = nn.LIFLayer((4, 4, 4), **neuron)
        self.second = torch.nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.b = nn.LIFLayer((4, 4, 4), **neuron)
        self.head = nn.Linear(64, 10, scale=2.0)
        self.out = nn.LIFLayer(10, beta=0.875, reset="soft")

    def forward(self, x):
        early = self.a(self.norm(self.first(x)))
        late = self.b(self.second(early) + early)
        return self.out(self.head(late.flatten(1)))


def spikes_of(images):
    return encode.rate(torch.as_tensor(images), STEPS).reshape(STEPS, -1, *SHAPE)


@pytest.fixture(scope="module")
def trained():
    """Model, its integers, and test images that it classifies well."""
    split = data.digits(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Residual()
    options = {"encode": spikes_of, "batch_size": 64, "seed": 0}
    x, y = split.x_train[:640], split.y_train[:640]
    nn.fit(model, x, y, epochs=4, lr=2e-2, **options)
    model.eval()
    integers = nn.IntegerNet(model, input_shape=SHAPE)
    nn.fit(integers, x, y, epochs=1, lr=1e-3, **options)
    found = nn.predict(integers, split.x_test, encode=spikes_of)
    assert np.mean(found == split.y_test) > 0.8
    return model.eval(), integers, spikes_of(split.x_test[:IMAGES])


def network_of(model, folder):
    """The exported net, through a file."""
    nn.export(model, input_shape=SHAPE).save(folder / "net")
    return Network.load(folder / "net")


def starts_of(network):
    starts = [population.start_tick for population in network.populations.values()]
    assert [0, 1, 2] == starts
    return starts


def compare(recording, starts, layers, image):
    for k, (start, spikes) in enumerate(zip(starts, layers, strict=True)):
        expected = spikes[:, image].flatten(1).numpy().astype(bool)
        found = recording.raster(f"layer{k}")
        assert expected.any()
        assert not found[:start].any()
        np.testing.assert_array_equal(expected, found[start : start + STEPS])


def test_the_float_engine_gives_the_spikes_of_the_float_net(trained, tmp_path):
    model, _, x = trained
    network = network_of(model, tmp_path)
    with torch.no_grad():
        double, found = copy.deepcopy(model).double(), []
        for layer in (double.a, double.b, double.out):
            layer.register_forward_hook(lambda module, given, out: found.append(out))
        nn.run(double, x.double())
    layers = [torch.stack(found[k::3]) for k in range(3)]
    for image in range(IMAGES):
        raster = x[:, image].flatten(1).numpy().astype(bool)
        recording = run(network, {"in": raster}, STEPS + 2, "float")
        compare(recording, starts_of(network), layers, image)


@pytest.mark.parametrize(
    "engine", ["golden-readable", "golden", pytest.param("rtl", marks=pytest.mark.rtl)]
)
def test_the_core_gives_the_spikes_of_the_net_with_integers(trained, tmp_path, engine):
    model, integers, x = trained
    assert integers.exact()
    network = network_of(model, tmp_path)
    with torch.no_grad():
        layers = integers.layer_spikes(x)
    for image in range(IMAGES):
        raster = x[:, image].flatten(1).numpy().astype(bool)
        options = {"quantization": integers.settings}
        recording = run(network, {"in": raster}, STEPS + 2, engine, compile_options=options)
        compare(recording, starts_of(network), layers, image)


def test_the_file_holds_each_kernel_once_and_no_synapses(trained, tmp_path):
    model, _, _ = trained
    network = network_of(model, tmp_path)
    kept = {
        name: projection.synapses.rule.kernel.shape
        for name, projection in network.projections.items()
        if isinstance(projection.synapses, DrawnSynapses)
    }
    # The second convolution and the skip around it are one kernel.
    assert {"in->layer0": (4, 1, 3, 3), "layer0->layer1": (4, 2, 3, 3)} == kept
    with np.load(tmp_path / "net") as file:
        arrays = {name: file[name] for name in file.files}
    for k, shape in enumerate(kept.values()):
        own = [name for name in arrays if name.startswith(f"projection/{k}/")]
        assert [shape] == [arrays[name].shape for name in own]
    scale = model.norm.weight / torch.sqrt(model.norm.running_var + model.norm.eps)
    folded = (model.first.weight * scale.view(-1, 1, 1, 1)).detach().numpy()
    (kernel,) = (arrays[name] for name in arrays if name.startswith("projection/0/"))
    np.testing.assert_allclose(folded, kernel, rtol=1e-6)
