# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.data import mnist
from spikesim.errors import ValidationError
from spikesim.models.diehl_cook import (
    DigitNetwork,
    Learned,
    Presenter,
    Training,
    assign,
    evaluate,
    predict,
)
from spikesim.models.diehl_cook.network import EXC, LEARNING
from spikesim.sim import Simulator

SMALL = DigitNetwork(n=6, n_in=64, norm=30.0)
"""A sum of 30 over 64 pixels, a quarter of them bright, excites as much as 78 over 784."""


def patches(count=40, classes=4, seed=5):
    """Images of 8x8 pixels, of which one quarter is bright, and the number of that quarter."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    images = 0.05 * rng.random((count, 8, 8))
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.9
    return np.clip(images, 0.0, 1.0), labels


def test_wiring_of_the_paper():
    net = DigitNetwork(n=5, n_in=7, delays=True).network(seed=3)
    inputs = net.projections[LEARNING]
    assert inputs.nnz == 35
    assert 0.003 <= inputs.rows.weights.min() < inputs.rows.weights.max() <= 0.303 + 1e-6
    assert 0 <= inputs.rows.delays.min() < inputs.rows.delays.max() <= 20  # 10 ms of 0.5 ms
    np.testing.assert_array_equal(
        10.4 * np.eye(5, dtype=np.float32), net.projections["exc->inh"].rows.to_dense()
    )
    np.testing.assert_array_equal(
        17.0 * (1 - np.eye(5, dtype=np.float32)), net.projections["inh->exc"].rows.to_dense()
    )


class Reference:
    """The network as loops over arrays: Euler steps, traces set to 1, triplet rule."""

    def __init__(self, model, weights, min_isi_ticks):
        n, self.dt, self.w, self.isi = model.n, model.dt, weights.astype(float), min_isi_ticks
        self.v = {"e": np.full(n, -65e-3), "i": np.full(n, -60e-3)}
        self.g = {key: np.zeros(n) for key in ("ee", "ei", "ie")}
        self.theta = np.full(n, 20e-3)
        self.last = {"e": np.full(n, -1000), "i": np.full(n, -1000)}
        self.post = np.full(n, -1e9)  # time of the last spike, for both post traces
        self.pre = np.full(model.n_in, -1e9)
        self.fired = {"e": np.zeros(n, bool), "i": np.zeros(n, bool)}
        self.tick = 0

    def step(self, events):
        dt, t = self.dt, self.tick
        for source in np.flatnonzero(events):
            self.g["ee"] += self.w[source]
            self.w[source] -= 1e-4 * np.exp(-(t - self.post) * dt / 20e-3)
            self.pre[source] = t
        self.w = np.clip(self.w, 0, 1)
        self.g["ie"] += 10.4 * self.fired["e"]
        self.g["ei"] += 17.0 * (self.fired["i"].sum() - self.fired["i"])
        v, g = self.v["e"], self.g
        drive = (-65e-3 - v) + g["ee"] * (0 - v) + g["ei"] * (-100e-3 - v)
        e = np.where(t - self.last["e"] <= 10, v, v + dt / 100e-3 * drive)
        self.theta = self.theta * np.exp(-dt / 1e4)
        fired = (e >= -72e-3 + self.theta) & (t - self.last["e"] > max(10, self.isi - 1))
        self.v["e"] = np.where(fired, -65e-3, e)
        self.theta = self.theta + 0.05e-3 * fired
        v = self.v["i"]
        i = v + dt / 10e-3 * ((-60e-3 - v) + g["ie"] * (0 - v))
        i = np.where(t - self.last["i"] <= 4, v, i)
        inhibiting = (i >= -40e-3) & (t - self.last["i"] > 4)
        self.v["i"] = np.where(inhibiting, -45e-3, i)
        for key, tau in (("ee", 1e-3), ("ei", 2e-3), ("ie", 1e-3)):
            self.g[key] *= 1 - dt / tau
        for k in np.flatnonzero(fired):
            slow = np.exp(-(t - self.post[k]) * dt / 40e-3)
            self.w[:, k] += 1e-2 * np.exp(-(t - self.pre) * dt / 20e-3) * slow
            self.post[k] = t
        self.w = np.clip(self.w, 0, 1)
        self.fired = {"e": fired, "i": inhibiting}
        for key, now in self.fired.items():
            self.last[key][now] = t
        self.tick += 1


@pytest.mark.parametrize("min_isi", [5e-3, 50e-3])
def test_network_equals_its_equations_in_plain_loops(min_isi):
    model = DigitNetwork(n=4, n_in=30, min_isi=min_isi, method="euler")
    steps = 1000
    events = np.random.default_rng(2).random((steps, 30)) < 0.15
    net = model.network(seed=1)
    reference = Reference(model, net.projections[LEARNING].rows.to_dense(), round(min_isi / 5e-4))
    expected = []
    for tick in range(steps):
        reference.step(events[tick])
        expected += [(tick, k) for k in np.flatnonzero(reference.fired["e"])]
    session = Simulator(net, dtype="float64").start({"image": events}, steps)
    session.advance(steps)
    weights = session.weights(LEARNING).to_dense()
    theta = session.neurons[EXC]["theta"].copy()
    spikes = session.finish().spikes[EXC]
    assert len(expected) > 20
    assert expected == list(zip(spikes.ticks.tolist(), spikes.index.tolist(), strict=True))
    # Weights are read as float32; theta adds in another order.
    np.testing.assert_allclose(reference.w, weights, atol=1e-7)
    np.testing.assert_allclose(reference.theta, theta, rtol=1e-12)


def shortest_interval(spikes: SpikeTrains) -> int:
    return min(
        int(np.diff(spikes.ticks[spikes.index == k]).min(initial=1 << 30)) for k in range(spikes.n)
    )


def test_min_isi_is_the_shortest_interval():
    for min_isi in (5e-3, 50e-3):
        net = DigitNetwork(n=1, n_in=20, min_isi=min_isi).network(seed=1)
        bright = np.random.default_rng(1).random((2000, 20)) < 0.5
        session = Simulator(net).start({"image": bright}, 2000)
        session.advance(2000)
        spikes = session.finish().spikes[EXC]
        # After 5 ms held the membrane takes some ticks more to the threshold.
        wanted = round(min_isi / 5e-4)
        assert wanted <= shortest_interval(spikes) <= wanted + 12
        assert len(spikes.ticks) > 5


def test_invariants_of_a_presentation():
    model = replace(SMALL, norm=16.0)  # so low that no weight comes to its bound, 1
    presenter = Presenter(model, seed=1)
    images, _ = patches(12)
    for image in images:
        theta = presenter.session.neurons[EXC]["theta"].copy()
        started = presenter.session.tick
        presenter.session.normalize(LEARNING, model.norm)
        sums = presenter.learned().weights.sum(axis=0, dtype=np.float64)
        assert np.abs(sums - model.norm).max() < 1e-3
        shown = presenter.shown
        counts = presenter.show(image)
        weights = presenter.learned().weights
        assert 0.0 <= weights.min()
        assert weights.max() <= 1.0
        if presenter.shown == shown + 1:
            seconds = (presenter.session.tick - started) * SMALL.dt
            low = theta * np.exp(-seconds / SMALL.tau_theta) + 0.05e-3 * counts
            # A spike's own rise decays for at most the presentation: 5e-5 of it.
            np.testing.assert_allclose(
                low, presenter.session.neurons[EXC]["theta"], rtol=3e-6, atol=0
            )


def test_rest_that_is_skipped_leaves_what_rest_that_runs_leaves():
    image = patches(1)[0][0]
    left = {}
    for rest in ("skipped", "run"):
        presenter = Presenter(SMALL, seed=1, rest=rest)
        counts = presenter.show(image)
        learned = presenter.learned()
        v = presenter.session.neurons[EXC]["v"].copy()
        left[rest] = (counts, presenter.session.tick, learned.weights, learned.theta, v)
    np.testing.assert_array_equal(left["skipped"][0], left["run"][0])
    assert left["skipped"][1] == left["run"][1] == 1000
    # The few input spikes of the last tick still arrive when the rest is run; no neuron fires.
    np.testing.assert_allclose(left["skipped"][2], left["run"][2], atol=1e-4)
    np.testing.assert_allclose(left["skipped"][3], left["run"][3], rtol=1e-6)
    # Skipped, what the conductances of the last tick would still do is left out.
    np.testing.assert_allclose(left["skipped"][4], left["run"][4], atol=0.5e-3)


def test_a_dim_image_is_shown_again_brighter_and_an_empty_one_is_given_up():
    presenter = Presenter(SMALL, seed=1)
    presenter.show(patches(1)[0][0])
    assert presenter.shown == 1
    assert presenter.show(0.5 * patches(1)[0][0]).sum() >= 5
    assert 2 < presenter.shown < 30
    before = presenter.shown
    assert presenter.show(np.zeros((8, 8))).sum() == 0
    assert presenter.shown == before + 30


def test_nothing_learned_changes_when_it_is_given():
    learned = Learned(SMALL.start_weights(4), np.full(6, 21e-3, np.float32))
    presenter = Presenter(SMALL, seed=1, learned=learned)
    for image in patches(3)[0]:
        presenter.show(image)
    np.testing.assert_array_equal(learned.theta, presenter.session.neurons[EXC]["theta"])
    held = presenter.session.weights(LEARNING).to_dense()
    np.testing.assert_array_equal(learned.weights, held)


def lowest_after_a_volley(method):
    """Lowest membrane when 30 cells fire in one tick, and inhibit 30 that did not."""
    session = Simulator(DigitNetwork(n=60, n_in=4, method=method).network(seed=1)).start({}, 40)
    session.neurons[EXC]["v"][:30] = -51e-3
    lowest = 0.0
    for _ in range(40):
        session.advance(1)
        lowest = min(lowest, float(session.neurons[EXC]["v"].min()))
    assert session.finish().spikes[EXC].ticks[:30].tolist() == [0] * 30
    return lowest


def test_a_volley_of_inhibition_never_pulls_below_its_reversal_potential():
    assert -100e-3 <= lowest_after_a_volley("exponential") < -85e-3
    # Why the published Euler steps are not the default.
    assert lowest_after_a_volley("euler") < -105e-3


@pytest.mark.parametrize("rest", ["skipped", "run"])
@pytest.mark.parametrize("delays", [False, True])
def test_resumed_training_goes_on_with_the_same_bits(tmp_path, rest, delays):
    model = DigitNetwork(n=6, n_in=64, norm=30.0, delays=delays)
    images, labels = patches(10)
    path = tmp_path / "training"
    whole = Training(model, images, labels, seed=2, rest=rest, block=4)
    whole.run(13)
    part = Training(model, images, labels, seed=2, rest=rest, block=4)
    part.run(7, checkpoint=path, every=7)
    again = Training(model, images, labels, seed=2, rest=rest, block=4, resume=path)
    assert again.position == 7
    again.run(6)
    np.testing.assert_array_equal(whole.learned().weights, again.learned().weights)
    np.testing.assert_array_equal(whole.learned().theta, again.learned().theta)
    assert whole.history == again.history
    assert whole.presentations == again.presentations
    with pytest.raises(ValidationError, match="of seed 3"):
        Training(model, images, labels, seed=3, resume=path)


def test_labels_and_predictions_by_hand():
    counts = np.array([[6, 0, 0], [6, 1, 0], [0, 2, 0]])
    assigned = assign(counts, [0, 0, 1], n_classes=2)
    assert assigned.tolist() == [0, 1, -1]
    # Means over the neurons of a class, not sums: two neurons of class 0, one of class 1.
    assert predict(np.array([[3, 3, 4]]), np.array([0, 0, 1]), n_classes=2).tolist() == [1]
    with pytest.raises(ValidationError, match="one class per test image"):
        evaluate(SMALL, None, ([], []), (np.zeros((2, 64)), [1]))


@pytest.mark.parametrize("rule", ["triplet", "power", "exponential", "symmetric"])
def test_each_rule_learns_four_patches(rule):
    model = DigitNetwork(n=8, n_in=64, norm=30.0, rule=rule)
    images, labels = patches(60, seed=1)
    training = Training(model, images, labels, seed=1, block=20)
    training.run(60)
    test = patches(40, seed=2)
    result = evaluate(model, training.learned(), (images, labels), test, seed=1, n_classes=4)
    # Chance is 0.25; the patches do not overlap.
    assert result.accuracy >= 0.9
    assert result.confusion.sum() == 40


def test_unknown_size_and_rule_are_refused():
    with pytest.raises(ValidationError, match="at least 1"):
        DigitNetwork(n=0)
    with pytest.raises(ValidationError, match="variant"):
        DigitNetwork(rule="hebb")
    wrong = Learned(np.zeros((3, 3), np.float32), np.zeros(2, np.float32))
    with pytest.raises(ValidationError, match="learned weights of shape"):
        DigitNetwork(n=2, n_in=3).network(0, wrong)
    with pytest.raises(ValidationError, match="as many labels"):
        Training(SMALL, np.zeros((2, 64)), [1])


@pytest.mark.slow
def test_100_neurons_learn_mnist():
    try:
        data = mnist()
    except ValidationError:
        pytest.skip("MNIST is not on this machine")
    model = DigitNetwork(n=100, rule="exponential")
    training = Training(model, data.x_train, data.y_train, seed=1)
    training.run(20_000)
    labelled = data.x_train[:5000], data.y_train[:5000]
    # All of the test images: the first 2000 are harder than the others.
    result = evaluate(model, training.learned(), labelled, (data.x_test, data.y_test), seed=1)
    # Seeds differ by 0.004, and give 0.82; the paper 0.83.
    assert result.accuracy >= 0.80
    # The curve over training is that of images not learned from yet.
    assert training.history[-1][1] == pytest.approx(result.accuracy, abs=0.04)
