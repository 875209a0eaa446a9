# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from spikesim import data, nn, sim  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import encode, recipes  # noqa: E402

SHORT = replace(recipes.DIGITS, hidden=32, epochs=4, integer_epochs=1, steps=8)


@pytest.fixture(scope="module")
def trained():
    return recipes.digits(0, recipe=SHORT)


def test_a_few_epochs_learn_the_digits(trained):
    # Chance is 0.1; five epochs reach about 0.9.
    assert trained.accuracy_float > 0.8
    assert trained.accuracy_quantized > 0.8
    assert trained.accuracy_quantized == np.mean(
        trained.predicted_quantized == trained.split.y_test
    )


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained):
    again = recipes.digits(0, recipe=SHORT)
    for a, b in zip(trained.model.parameters(), again.model.parameters(), strict=True):
        assert bool((a == b).all())
    other = recipes.build(trained.split, 1, SHORT)
    same = recipes.build(trained.split, 0, SHORT)
    assert bool((other[0].weight != same[0].weight).any())


def test_training_leaves_torch_settings_and_random_state_alone():
    split = data.digits(0)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = recipes.build(split, 0, SHORT)
    fit = partial(nn.fit, encode=partial(recipes.flat_rate, steps=4), epochs=1, seed=0)
    fit(model, split.x_train[:64], split.y_train[:64])
    assert before == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    assert (expected == torch.rand(3)).all()


def test_a_module_of_ones_own_is_trained():
    class Skip(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(8, 8, 3, padding=1)
            self.act = nn.LIFLayer((8, 8), learn={"beta": "channel", "v_th": "layer"})
            self.head = torch.nn.Sequential(nn.Linear(64, 10, scale=2.0), nn.LIFLayer(10))

        def forward(self, x):
            return self.head((self.act(self.conv(x)) + x).flatten(1))

    torch.manual_seed(0)
    split, net = data.digits(0), Skip()
    before = [p.detach().clone() for p in net.parameters()]
    encoder = partial(encode.rate, steps=6)
    history = nn.fit(net, split.x_train[:256], split.y_train[:256], encode=encoder, epochs=4)
    assert history.loss[-1] < 0.7 * history.loss[0]
    assert all(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    # Chance is 0.1.
    assert nn.accuracy(net, split.x_test[:200], split.y_test[:200], encode=encoder) > 0.5


def test_rasters_are_the_encoded_images_with_a_silent_tail(trained):
    rasters = trained.rasters("test", slice(0, 3))
    assert ((3, 9, 64), np.bool_) == (rasters.shape, rasters.dtype)
    assert not rasters[:, 8].any()
    spikes = recipes.flat_rate(torch.from_numpy(trained.split.x_test[:3]), 8).bool().numpy()
    assert (spikes.transpose(1, 0, 2) == rasters[:, :8]).all()
    assert (rasters[1] == trained.rasters("test", 1)[0]).all()


def test_exported_network_classifies_as_the_float_net(trained):
    network = trained.network()
    for image, raster in enumerate(trained.rasters("test", slice(0, 20))):
        counts = sim.simulate(network, {"in": raster}, trained.run_steps).counts("layer1")
        assert trained.predicted_float[image] == int(np.argmax(counts))


@pytest.mark.parametrize(
    ("images", "labels", "options"),
    [(0, 0, {}), (3, 2, {}), (3, 3, {"batch_size": 0}), (3, 3, {"epochs": -1})],
)
def test_nothing_to_train_on_is_refused(images, labels, options):
    split = data.digits(0)
    arguments = {"encode": partial(recipes.flat_rate, steps=4), "epochs": 1} | options
    with pytest.raises(ValidationError, match="fit: expected"):
        nn.fit(
            recipes.build(split, 0, SHORT), split.x_train[:images], split.y_train[:labels],
            **arguments,
        )  # fmt: skip


def little(labels, images=None, **options):
    split = data.digits(0)
    images = split.x_train[: len(labels)] if images is None else images
    return nn.fit(
        recipes.build(split, 0, SHORT), images, labels,
        encode=partial(recipes.flat_rate, steps=4), epochs=1, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(1, 11), r"labels from 0 to 9.*got 1 to 10; subtract 1$"),
        (np.array([0, 10]), r"got 0 to 10$"),
        (np.array([-1, 3]), r"got -1 to 3$"),
        (np.array([0.0, 1.0]), "integer labels.*float64"),
        (np.eye(10)[:3], "integer labels.*float64"),
        (np.array(["a", "b"]), "integer labels.*<U1"),
    ],
    ids=["1 to 10", "too large", "negative", "floats", "one-hot", "text"],
)
def test_labels_that_no_output_stands_for_are_refused(labels, message):
    with pytest.raises(ValidationError, match=message):
        little(labels)


def test_the_first_and_the_last_label_are_taken():
    assert 1 == len(little(np.array([0, 9], np.uint8)).loss)


def test_images_that_are_no_numbers_are_refused():
    with pytest.raises(ValidationError, match=r"floats or uint8.*object"):
        little(np.array([1]), np.array([[None]], dtype=object))


@pytest.mark.parametrize("seed", [-1, 2**63, 10**23, 1.5, True])
def test_seeds_that_torch_does_not_take_are_refused(seed):
    split = data.digits(0)
    with pytest.raises(ValidationError, match=f"from 0 to {2**63 - 1}"):
        recipes.train("x", split, seed, SHORT)


def test_a_trained_model_keeps_its_histories_and_where_it_comes_from(trained):
    assert (4, 1) == (len(trained.history.loss), len(trained.integer_history.loss))
    known = data.Provenance.from_meta(trained.network().meta)
    assert ("digits", 8, 0, 0.2) == (known.data, known.steps, known.split_seed, known.test_share)
    assert "157" in known.encoding


def test_losses_fall_when_the_true_class_spikes_more():
    labels = torch.tensor([1])
    few, many = torch.zeros(4, 1, 3), torch.zeros(4, 1, 3)
    few[:1, 0, 1] = 1.0
    many[:3, 0, 1] = 1.0
    for loss in (nn.CountCrossEntropy(), nn.CountMSE()):
        assert float(loss(many, labels)) < float(loss(few, labels))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("scale", [0.25, 1.0])
def test_gradient_of_count_cross_entropy_is_that_of_torch(scale, smoothing):
    rng = np.random.default_rng(0)
    spikes = torch.tensor(rng.random((9, 7, 5)) < 0.4, dtype=torch.float32)
    labels = torch.tensor(rng.integers(0, 5, 7))
    ours, theirs = (spikes.clone().requires_grad_() for _ in range(2))
    value = nn.CountCrossEntropy(scale, smoothing)(ours, labels)
    logits = theirs.sum(0) * scale
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    assert value.item() == expected.item()
    (3 * value).backward()
    (3 * expected).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-7)  # float32


def test_gradient_of_graded_spikes_is_not_taken_from_the_table():
    graded = torch.tensor([[[0.5, 0.25, 1.75]]], requires_grad=True)
    nn.CountCrossEntropy(1.0)(graded, torch.tensor([1])).backward()
    share = np.exp([0.5, 0.25, 1.75])
    expected = share / share.sum() - [0, 1, 0]
    np.testing.assert_allclose(graded.grad.numpy().ravel(), expected, rtol=1e-6)  # float32


# Training must give these bits on every x86-64 machine, whatever its vector unit.
BITS = "845756538e188ac27123f8c3fc8dcacde45300807ce18518a642cb5e40d5e5a7"
MACHINES = {
    "this": {},
    "no fused operations": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2"},
    "numpy without vectors": {
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4"
    },
}
TRAIN = """
import hashlib
from dataclasses import replace
from spikesim.nn import recipes
model = recipes.digits(0, recipe=replace(recipes.DIGITS, epochs=1, integer_epochs=1)).model
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
print(hashlib.sha256(weights).hexdigest())
"""


@pytest.mark.parametrize("settings", MACHINES.values(), ids=MACHINES)
def test_training_gives_the_same_bits_on_every_machine(settings):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRAIN], env=os.environ | settings,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert BITS == done.stdout.strip()
