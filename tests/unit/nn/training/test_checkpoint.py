# SPDX-License-Identifier: Apache-2.0
"""A training that was cut off goes on to the same bits, and only where it belongs."""

import copy
import random
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.data import Shift  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn import encode  # noqa: E402
from spikesim.nn.training import checkpoint  # noqa: E402

RNG = np.random.default_rng(1)
X = RNG.random((24, 3, 3)).astype(np.float32)
Y = np.arange(24) % 3
ENCODE = partial(encode.rate, steps=5)


def net(seed=0, hidden=8, **neuron):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Flatten(), nn.Linear(9, hidden, scale=5.0),
        nn.LIFLayer(hidden, learn=("beta",), **neuron), torch.nn.Dropout(0.3),
        nn.Linear(hidden, 3, scale=5.0), nn.LIFLayer(3),
    )  # fmt: skip


def flat_net():
    torch.manual_seed(0)
    return nn.SpikingNet(nn.Linear(9, 3, scale=5.0), nn.LIFLayer(3))


class Loader:
    """Batches with changes drawn from every global source of random numbers."""

    def __init__(self):
        generator = torch.Generator().manual_seed(4)
        images = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
        self.loader = torch.utils.data.DataLoader(
            images, batch_size=8, shuffle=True, generator=generator
        )
        self.generator = generator

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for x, y in self.loader:
            shade = random.random() * np.random.random() * torch.rand(())  # noqa: NPY002
            yield x * (0.5 + 0.5 * shade), y


def drawn_by_a_batch_sampler():
    of_torch = torch.utils.data
    images = of_torch.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    order = of_torch.RandomSampler(images, generator=torch.Generator().manual_seed(4))
    batches = of_torch.BatchSampler(order, 8, drop_last=False)
    return of_torch.DataLoader(images, batch_sampler=batches)


SOURCES = {
    "arrays": lambda: ((X, Y), {"augment": Shift(1, 0.5), "batch_size": 8}),
    "loader": lambda: ((Loader(),), {}),
    "batch sampler": lambda: ((drawn_by_a_batch_sampler(),), {}),
}


class CutOffError(Exception):
    """As if the machine went down."""


def train(path, source, model, cut=None, **options):
    def log(history):
        if len(history.loss) == cut:
            raise CutOffError

    data, more = SOURCES[source]()
    settings = {
        "encode": ENCODE, "epochs": 5, "validation": (X[:6], Y[:6]), "patience": 4,
        "checkpoint": path, "log": log,
    }  # fmt: skip
    return nn.fit(model, *data, **settings | more | options)


def seeded(seed):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


@pytest.mark.parametrize("cut", [1, 2])
def test_delays_that_a_log_narrows_go_on_from_where_they_were(cut, tmp_path):
    def of(path, cut=None):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            nn.DelayedLinear(9, 3, 7, method="prune", scale=5.0), nn.LIFLayer(3)
        )

        def narrow(history):
            nn.narrow_delays(model, len(history.loss) / 4)
            if len(history.loss) == cut:
                raise CutOffError

        nn.fit(
            model, X.reshape(24, 9), Y, encode=ENCODE, epochs=4, lr=0.1, log=narrow,
            checkpoint=tmp_path / path,
        )  # fmt: skip
        return model

    whole = of("whole.pt")
    with pytest.raises(CutOffError):
        of("cut.pt", cut)
    again = of("cut.pt")
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("cut", [1, 3, 5])
def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(source, cut, tmp_path):
    whole, model = net(), net()
    seeded(7)
    expected = train(tmp_path / "whole.pt", source, whole)
    seeded(7)
    with pytest.raises(CutOffError):
        train(tmp_path / "cut.pt", source, model, cut)
    seeded(99)  # another process
    again = net(seed=5)
    history = train(tmp_path / "cut.pt", source, again)
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    left, right = expected.to_dict(), history.to_dict()
    assert left.pop("seconds") > 0
    assert right.pop("seconds") > 0
    assert left == right
    assert 5 == len(history.loss)


def test_a_training_that_is_over_is_given_back(tmp_path):
    first, second = net(), net(seed=3)
    history = train(tmp_path / "a.pt", "arrays", first)
    again = train(tmp_path / "a.pt", "arrays", second)
    assert history == again
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "a.pt"
    train(path, "arrays", net(), epochs=1)
    return path


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ({"hidden": 9}, {}, r"1\.weight is float32 \(8, 9\) in it and float32 \(9, 9\) here"),
        ({"reset": "soft"}, {}, r"module '2' is LIFLayer.*reset='hard'.*reset='soft'"),
        ({"v_th": 0.5}, {}, r"module '2' is .*v_th=1,.*v_th=0\.5,"),
        ({"surrogate": nn.Triangle()}, {}, "ATan.* in it and .*Triangle"),
        ({}, {"lr": 0.5}, "lr is 0.01 in it and 0.5 here"),
        ({}, {"epochs": 2}, "epochs is 1 in it and 2 here"),
        ({}, {"seed": 1}, "seed is 0 in it and 1 here"),
        ({}, {"loss": nn.CountMSE()}, r"loss is CountCrossEntropy.* and CountMSE"),
        ({}, {"encode": partial(encode.rate, steps=6)}, "encode is .*steps=5.*steps=6"),
        ({}, {"validation": 0.25}, "validation is "),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_a_checkpoint_of_another_net_or_other_settings_is_refused(saved, model, options, says):
    given = net(**model)
    before = [p.detach().clone() for p in given.parameters()]
    with pytest.raises(ValidationError, match=says) as found:
        train(saved, "arrays", given, **{"epochs": 1} | options)
    assert str(saved) in str(found.value)
    assert all(map(torch.equal, before, given.parameters()))


def test_other_data_are_refused_and_all_differences_told_at_once(saved, monkeypatch):
    monkeypatch.setitem(
        SOURCES, "other", lambda: ((X + 0.001, Y), {"augment": Shift(1, 0.5), "batch_size": 8})
    )
    with pytest.raises(ValidationError, match=r"data is .*\n.*choose another") as found:
        train(saved, "other", net(hidden=7), epochs=1, lr=0.5, encode=lambda x: x.clip(0, 1)[None])
    told = "\n".join(found.value.problems)
    assert all(word in told for word in ("1.weight", "lr is", "encode is", "data is"))


def test_a_list_of_batches_is_known_by_its_numbers(tmp_path):
    def batches(changed):
        x = torch.rand(5, 4, 9, generator=torch.Generator().manual_seed(0))
        x[3, 2, 1] += changed
        return [(x.clone(), torch.arange(4) % 3) for _ in range(20)]

    settings = {"epochs": 1, "checkpoint": tmp_path / "a.pt"}
    nn.fit(flat_net(), batches(0.0), **settings)
    nn.fit(flat_net(), batches(0.0), **settings)
    with pytest.raises(ValidationError, match=r"data is 20 parts .* in it and 20 parts"):
        nn.fit(flat_net(), batches(1e-6), **settings)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(ValidationError, match="damaged or of another kind"):
        train(path, "arrays", net())
    assert content == path.read_bytes()


def test_a_truncated_or_foreign_file_and_one_with_code_are_refused(saved, tmp_path):
    cut, foreign, code = (tmp_path / name for name in ("cut.pt", "foreign.pt", "code.pt"))
    cut.write_bytes(saved.read_bytes()[:-100])
    torch.save({"weight": torch.ones(2)}, foreign)
    torch.save(net(), code)
    for path, says in ((cut, "damaged"), (foreign, "another file"), (code, "another kind")):
        with pytest.raises(ValidationError, match=says):
            train(path, "arrays", net())
    with pytest.raises(ValidationError, match=r"folder .* does not exist"):
        train(tmp_path / "no" / "a.pt", "arrays", net())


def test_a_writer_that_is_killed_leaves_the_file_before(saved, tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    path.write_bytes(saved.read_bytes())

    def killed(document, file):
        file.write(b"half")
        raise CutOffError

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(CutOffError):
        nn.fit(net(), X, Y, encode=ENCODE, epochs=1, checkpoint=tmp_path / "b.pt")
    assert [path] == list(tmp_path.iterdir())


def test_what_training_changes_does_not_make_another_net():
    net = torch.nn.Sequential(nn.QCFS(4), nn.LIFLayer(2, learn=("beta", "v_th")))
    before = checkpoint.description(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.5)
    assert before == checkpoint.description(net)
    assert before != checkpoint.description(torch.nn.Sequential(nn.QCFS(8), net[1]))
    other = nn.LIFLayer(2, learn=("beta", "v_th"), strict=True)
    assert before != checkpoint.description(torch.nn.Sequential(net[0], other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.LIFLayer(3, beta=[0.9, 0.8, 0.7]), nn.LIFLayer(3, beta=[0.9, 0.8, 0.6])),
        (nn.LI(2, bias=[0.5, 0.25]), nn.LI(2, bias=[0.5, 0.5])),
        (nn.Delay([0, 1, 2]), nn.Delay([0, 0, 2])),
        (nn.SignedIF(2, v_th=[1.0, 2.0]), nn.SignedIF(2, v_th=[1.0, 3.0])),
    ],
    ids=lambda module: type(module).__name__,
)
def test_other_constants_make_another_net(one, other):
    row = torch.nn.Sequential(torch.nn.Linear(2, 2), one)
    assert checkpoint.description(row) == checkpoint.description(copy.deepcopy(row))
    changed = torch.nn.Sequential(torch.nn.Linear(2, 2), other)
    assert checkpoint.description(row) != checkpoint.description(changed)
