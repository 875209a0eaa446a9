# SPDX-License-Identifier: Apache-2.0
"""The loop over arrays and over batches: what it takes, measures, keeps and refuses."""

import math
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.data.split import stratified  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import encode  # noqa: E402
from spikesim.nn.training.optimizer import AdamW  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.random((24, 6)).astype(np.float32)
Y = np.arange(24) % 3
ENCODE = partial(encode.rate, steps=8)


def net(seed=0, **neuron):
    torch.manual_seed(seed)
    neuron = {"reset": "soft", "learn": ("bias",)} | neuron
    return nn.SpikingNet(
        nn.Linear(6, 8, scale=6.0), nn.LIFLayer(8, **neuron), nn.Linear(8, 3, scale=6.0),
        nn.LIFLayer(3, **neuron),
    )  # fmt: skip


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def batches_of(size, x=X, y=Y):
    return [
        (ENCODE(torch.from_numpy(x[k : k + size])), torch.from_numpy(y[k : k + size]))
        for k in range(0, len(x), size)
    ]


def by_hand(model, batches, epochs, lr, clip=None):
    """The loop as one would write it."""
    optimizer = AdamW(model.parameters(), lr=lr)
    n, step, losses = epochs * len(batches), 0, []
    for _ in range(epochs):
        total = 0.0
        for x, y in batches:
            rise = max(1.0, 0.1 * n)
            share = (step - rise) / max(1.0, n - rise)
            factor = (step + 1) / rise if step < rise else 0.5 * (1 + math.cos(math.pi * share))
            for group in optimizer.param_groups:
                group["lr"] = lr * round(2**24 * factor) / 2**24
            value = nn.CountCrossEntropy()(nn.run(model, x)[0], y)
            optimizer.zero_grad()
            value.backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            step += 1
            total += float(value.detach()) * len(y)
        losses.append(total / sum(len(y) for _, y in batches))
    return losses


@pytest.mark.parametrize("clip", [None, 0.05])
def test_batches_are_trained_on_as_in_a_loop_of_ones_own(clip):
    ours, theirs = net(), net()
    history = nn.fit(ours, batches_of(5), epochs=3, lr=0.02, clip=clip)
    assert history.loss == by_hand(theirs, batches_of(5), 3, 0.02, clip)
    assert same(weights(ours), weights(theirs))
    assert not same(weights(ours), weights(net()))


def test_a_data_loader_a_list_and_an_object_of_ones_own_are_taken_alike():
    class Own:
        def __iter__(self):
            return iter([(x.numpy(), y.numpy().astype(np.int32)) for x, y in batches_of(8)])

        def __len__(self):
            return 3

    images = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(images, batch_size=8)
    first, second, third = net(), net(), net()
    nn.fit(first, batches_of(8), epochs=2)
    nn.fit(second, Own(), epochs=2)
    nn.fit(third, loader, encode=ENCODE, epochs=2)
    assert same(weights(first), weights(second))
    assert same(weights(first), weights(third))


def test_a_sampler_of_several_processes_hears_of_every_epoch():
    class Sampled(list):
        def __init__(self, batches):
            super().__init__(batches)
            self.sampler, self.heard = self, []

        def set_epoch(self, epoch):
            self.heard.append(epoch)

    loader = Sampled(batches_of(8))
    nn.fit(net(), loader, epochs=3)
    assert [0, 1, 2] == loader.heard


def test_without_a_length_the_rate_changes_once_an_epoch():
    class Stream:
        def __iter__(self):
            return iter(batches_of(8))

    calls = []
    model, other = net(), net()
    nn.fit(model, Stream(), epochs=4, lr=0.02, progress=lambda done, total: calls.append(total))
    optimizer = AdamW(other.parameters())
    for factor in (1.0, 1.0, 0.75, 0.25):  # one epoch to rise, then the cosine over three
        for x, y in batches_of(8):
            optimizer.param_groups[0]["lr"] = 0.02 * factor
            optimizer.zero_grad()
            nn.CountCrossEntropy()(nn.run(other, x)[0], y).backward()
            optimizer.step()
    assert same(weights(model), weights(other))
    assert {4} == {*calls}


def test_samples_that_are_sequences_need_no_encoder():
    trains = ENCODE(torch.from_numpy(X)).transpose(0, 1).numpy()
    plain, encoded = net(), net()
    nn.fit(plain, trains, Y, epochs=2, batch_size=8, seed=3)
    nn.fit(encoded, X, Y, encode=ENCODE, epochs=2, batch_size=8, seed=3)
    assert same(weights(plain), weights(encoded))


def test_loss_accuracy_and_silence_are_those_of_the_samples_as_they_were_passed():
    model = net(v_th=3.0)
    history = nn.fit(model, X, Y, encode=ENCODE, epochs=1, batch_size=24, lr=1e-12)
    with torch.no_grad():
        counts = nn.run(net(v_th=3.0), ENCODE(torch.from_numpy(X)))[0].sum(0).numpy()
    assert [np.mean(counts.argmax(1) == Y)] == history.accuracy
    assert [np.mean(counts.sum(1) == 0)] == history.silent
    assert 0 < history.silent[0] < 1
    found = nn.evaluate(
        net(v_th=3.0), X, Y, encode=ENCODE, loss=nn.CountCrossEntropy(), batch_size=7
    )
    assert (history.accuracy[0], history.silent[0], 24) == (found.accuracy, found.silent, found.n)
    assert history.loss[0] == pytest.approx(found.loss, rel=1e-6)  # float32, other batches


def test_a_share_is_kept_apart_by_class_and_never_trained_on():
    seen = []

    def spy(x):
        seen.append(x.numpy().copy())
        return ENCODE(x)

    model, other = net(), net()
    history = nn.fit(model, X, Y, encode=spy, epochs=1, validation=0.25, batch_size=4, seed=7)
    kept, apart = stratified(Y, 0.25, 7)
    assert (18, 6) == (len(kept), len(apart))
    trained, measured = np.concatenate(seen[:-1]), seen[-1]
    assert np.array_equal(np.sort(X[kept], 0), np.sort(trained, 0))
    assert np.array_equal(X[apart], measured)
    alone = nn.fit(
        other, X[kept], Y[kept], encode=ENCODE, epochs=1, validation=(X[apart], Y[apart]),
        batch_size=4, seed=7,
    )  # fmt: skip
    assert same(weights(model), weights(other))
    assert history.validation_loss == alone.validation_loss
    assert history.validation_accuracy == [nn.accuracy(model, X[apart], Y[apart], encode=ENCODE)]


def test_validation_decides_nothing_unless_asked_and_changes_no_bit():
    with_part, without = net(), net()
    parts = [(X[k : k + 6], Y[k : k + 6]) for k in range(0, 24, 6)]
    history = nn.fit(with_part, X, Y, encode=ENCODE, epochs=3, validation=parts)
    assert history.validation_accuracy[-1] == nn.accuracy(with_part, X, Y, encode=ENCODE)
    nn.fit(without, X, Y, encode=ENCODE, epochs=3)
    assert same(weights(with_part), weights(without))


class Scripted(torch.nn.Module):
    """Answers right for as many of 4 samples as its script says for the epoch."""

    def __init__(self, script):
        super().__init__()
        self.script, self.scale = script, torch.nn.Parameter(torch.ones(()))
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))

    over_time = True

    def forward(self, x):
        if self.training:
            self.epoch += 1
        right = self.script[int(self.epoch) - 1]
        out = torch.zeros(1, x.shape[1], 2)
        out[0, :right, 1] = 1.0
        out[0, right:, 0] = 1.0
        return out * self.scale


@pytest.mark.parametrize(
    ("script", "patience", "epochs", "best"),
    [
        ([1, 3, 2, 2, 4, 4], 2, 4, 1),  # two in a row no better: ends before it would get better
        ([1, 3, 2, 2, 4, 4], 3, 6, 4),
        ([1, 2, 3, 4], 1, 4, 3),
        ([2, 2, 2], 2, 3, 0),  # equals are no better
    ],
)
def test_patience_ends_the_training_and_the_best_weights_come_back(script, patience, epochs, best):
    model = Scripted(script)
    batch = [(torch.ones(1, 4, 1), torch.ones(4, dtype=torch.int64))]
    history = nn.fit(
        model, batch, epochs=len(script), validation=batch, patience=patience, lr=1e-9,
        loss=lambda out, y: (out * 0.0).sum() + 1.0,
    )  # fmt: skip
    assert (epochs, best) == (len(history.loss), history.best)
    assert best + 1 == int(model.epoch)
    assert history.validation_accuracy == [k / 4 for k in script[:epochs]]


def test_loss_breaks_a_tie_in_accuracy():
    history = nn.History()
    for k, loss in enumerate([0.5, 0.4, 0.45]):
        history.add(nn.Evaluation(1.0, 0.5, 0.0, 4), nn.Evaluation(loss, 0.5, 0.0, 4))
        assert min(k, 1) == history.best


def test_a_silent_net_scores_the_share_of_class_0_and_is_told(caplog):
    # S4NN 5: silence and ties were counted as right without a word.
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    mute = net(v_th=1e6)
    found = nn.evaluate(mute, X[:8], labels, encode=ENCODE)
    assert (3 / 8, 1.0) == (found.accuracy, found.silent)
    assert "silent 100.00 %" in str(found)
    history = nn.fit(mute, X[:8], labels, encode=ENCODE, epochs=1, lr=1e-12)
    assert "100 % of the training samples gave no output spike" in caplog.text
    assert "silent 100.00 %" in str(history)


def clips():
    """Three clips of 10, 7 and 3 ticks as one batch, and noise in the padding."""
    generator = torch.Generator().manual_seed(2)
    x = (torch.rand(10, 3, 6, generator=generator) < 0.6).float()
    mask = torch.arange(10)[:, None] < torch.tensor([10, 7, 3])
    return x, torch.tensor([0, 1, 2]), mask


def test_padding_has_no_part_in_loss_counts_and_gradients():
    # spikingjelly 361: clips of different length.
    x, y, mask = clips()
    noisy, clean = net(), net()
    one = nn.fit(noisy, [(x, y, mask)], epochs=2, lr=0.05)
    two = nn.fit(clean, [(x * mask[..., None], y, mask)], epochs=2, lr=0.05)
    assert (one.loss, one.accuracy, one.silent) == (two.loss, two.accuracy, two.silent)
    assert same(weights(noisy), weights(clean))
    single = [nn.run(net(), x[:n, k : k + 1])[0] for k, n in enumerate((10, 7, 3))]
    counts = torch.cat([s.sum(0) for s in single]).detach()
    expected = torch.nn.functional.cross_entropy(counts * 0.5, y)
    found = nn.evaluate(net(), [(x, y, mask)], loss=nn.CountCrossEntropy())
    assert found.loss == pytest.approx(float(expected), rel=1e-6)  # float32
    assert found.accuracy == float((counts.argmax(1) == y).double().mean())
    assert nn.evaluate(net(), [(x, y)], loss=nn.CountCrossEntropy()).loss != found.loss


rates = nn.RateCrossEntropy()


class MaskedLoss(torch.nn.Module):
    def forward(self, out, y, mask):
        return rates(out, y, mask)


@pytest.mark.parametrize(
    "loss",
    [
        lambda out, y, mask: rates(out, y, mask),
        lambda out, y, valid: rates(out, y, valid),
        lambda out, y, scale=1.0, mask=None: nn.RateCrossEntropy(scale)(out, y, mask),
        lambda out, y, *, mask=None: rates(out, y, mask),
        MaskedLoss(),
    ],
)
def test_a_loss_that_takes_the_mask_gets_it_whatever_its_form(loss):
    batch = clips()
    found = nn.evaluate(net(), [batch], loss=loss).loss
    assert found == nn.evaluate(net(), [batch], loss=rates).loss
    assert found != nn.evaluate(net(), [batch], loss=lambda out, y: rates(out, y, None)).loss


def test_options_of_losses_and_readouts_are_not_taken_for_the_mask():
    x, y, mask = clips()
    seen = []

    def loss(out, y, scale=0.5):
        seen.append(scale)
        return nn.CountCrossEntropy(scale)(out, y)

    def decode(out, scale=0.5):
        seen.append(scale)
        return out.sum(0) * scale

    nn.evaluate(net(), [(x, y, mask)], loss=loss, decode=decode)
    assert [0.5, 0.5] == seen


def test_graded_targets_are_trained_on_without_an_accuracy():
    x, _, mask = clips()
    target = torch.zeros(10, 3, 3)
    target[::3] = 1.0
    history = nn.fit(net(), [(x, target, mask)], epochs=15, lr=0.05, loss=nn.VanRossum(4.0))
    assert history.loss[-1] < 0.9 * history.loss[0]
    assert all(map(math.isnan, history.accuracy))


class Ordinary(torch.nn.Module):
    """Torch's own layers, which autocast knows."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.into = torch.nn.Linear(6, 32)
        self.hidden = nn.LIFLayer(32, beta=0.9, reset="soft")
        self.out, self.last = torch.nn.Linear(32, 3), nn.LIFLayer(3, beta=0.9, reset="soft")
        self.types = set()
        for layer in (self.into, self.out):
            layer.weight.data *= 4.0

    def forward(self, x):
        drive = self.into(x)
        self.types.add(drive.dtype)
        return self.last(self.out(self.hidden(drive)))


def test_bf16_is_for_products_and_neurons_stay_in_float32():
    half, full = Ordinary(), Ordinary()
    options = {"encode": ENCODE, "epochs": 8, "batch_size": 8}
    short = nn.fit(half, X, Y, precision="bf16", **options)
    long = nn.fit(full, X, Y, **options)
    assert {torch.bfloat16} == half.types
    assert {torch.float32} == full.types
    assert all(p.dtype == torch.float32 for p in half.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        _, state = nn.run(half, ENCODE(torch.from_numpy(X)))
    assert torch.float32 == state["hidden"].v.dtype
    # 8 bits of a product: a rounding of 0.4 % moves a few spikes, the course is the same.
    assert short.loss[-1] == pytest.approx(long.loss[-1], rel=0.1)


def broken(model, x, y, **options):
    with pytest.raises(ValidationError) as found:
        nn.fit(model, x, y, epochs=1, lr=1e-3, **options)
    return str(found.value)


def test_labels_and_batches_that_cannot_be_are_refused():
    x, y = batches_of(8)[0]
    assert "batch 2: expected labels from 0 to 2" in broken(net(), [(x, y), (x, y + 2)], None)
    assert "begins anew" in broken(net(), iter([(x, y)]), None)
    assert "expected (x, y) or (x, y, mask), got dict of 2" in broken(
        net(), [{"x": x, "y": y}], None
    )
    assert "mask of shape (8, 8)" in broken(net(), [(x, y, torch.ones(8, 3, dtype=bool))], None)
    assert "of type bool, got (8, 8) and torch.uint8; mask.bool()" in broken(
        net(), [(x, y, torch.ones(8, 8, dtype=torch.uint8))], None
    )
    assert "at least one tick" in broken(net(), [(x[:0], y)], None)
    assert "at least one batch" in broken(net(), [], None)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"patience": 2}, "validation=0.1 keeps"),
        ({"patience": 0, "validation": 0.5}, "patience >= 1"),
        ({"clip": 0.0}, "clip > 0"),
        ({"precision": "fp8"}, "'float32' or 'bf16'"),
        ({"validation": 1.5}, "between 0 and 1"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, says):
    assert says in broken(net(), X, Y, encode=ENCODE, **options)


def test_shares_and_augmentation_are_for_arrays():
    assert "iterable of batches" in broken(net(), batches_of(8), None, validation=0.1)
    assert "no augment" in broken(net(), batches_of(8), None, augment=lambda x, rng: x)
