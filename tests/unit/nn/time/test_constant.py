# SPDX-License-Identifier: Apache-2.0
"""What is the same in every tick is computed once, and nothing tells the difference."""

import copy

import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.nn.time.constant import is_constant, is_pure, repeated  # noqa: E402


def net():
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.AvgPool2d(2),
        nn.LIFLayer((4, 4, 4), v_th=0.25),
        torch.nn.Conv2d(4, 2, 3),
        nn.LIFLayer((2, 2, 2), v_th=0.1),
        torch.nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip
    for layer in (model[0], model[3]):
        layer.weight.data.abs_()  # or nobody would fire
    return model


@pytest.fixture
def calls(monkeypatch):
    """Batches that convolutions of torch were given."""
    seen, forward = [], torch.nn.Conv2d.forward

    def counted(self, x):
        seen.append(tuple(x.shape))
        return forward(self, x)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", counted)
    return seen


def test_the_layers_before_the_first_neurons_run_once(calls):
    image = 8 * torch.rand(2, 1, 8, 8)
    model = net()
    once, _ = nn.run(model, nn.encode.direct(image, steps=5))
    assert [shape for shape in calls if shape[1] == 1] == [(2, 1, 8, 8)]
    assert sum(shape[1] == 4 for shape in calls) == 5
    calls.clear()
    every, _ = nn.run(model, nn.encode.direct(image, steps=5).contiguous())
    assert sum(shape[1] == 1 for shape in calls) == 5
    assert torch.equal(once, every)
    assert once.abs().sum() > 0


def test_gradients_are_those_of_every_tick():
    image = 8 * torch.rand(2, 1, 8, 8, dtype=torch.float64)
    grads = []
    for lay in (lambda x: x, lambda x: x.contiguous()):
        model = net().double()
        x = image.clone().requires_grad_()
        out, _ = nn.run(model, lay(nn.encode.direct(x, steps=5)))
        (out * torch.arange(1.0, 6.0, dtype=torch.float64)[:, None, None]).sum().backward()
        grads.append([x.grad, *(p.grad for p in model.parameters())])
    for one, other in zip(*grads, strict=True):
        # Sums of five terms in another order: a few roundings of float64.
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert all(grad.abs().sum() > 0 for grad in grads[0])


def test_the_gradient_of_what_is_repeated_adds_up_from_the_first_tick():
    x = torch.ones(1, 1, requires_grad=True)
    terms = torch.tensor([[1.0], [2.0**-24], [2.0**-24]])
    repeated(x, 3).backward(terms)
    assert x.grad.item() == 1.0  # from the last on it would be 1 + 2**-23


def test_hooks_subclasses_and_layers_with_dice_see_every_tick():
    class Own(torch.nn.Linear):
        pass

    class OwnOfOurs(nn.Linear):
        pass

    hooked = torch.nn.Linear(2, 2)
    hooked.register_forward_hook(lambda *_: None)
    assert is_pure(torch.nn.Linear(2, 2))
    assert is_pure(nn.Linear(2, 2))
    assert is_pure(nn.Conv2d(1, 1, 1))
    for module in (hooked, Own(2, 2), OwnOfOurs(2, 2), torch.nn.Dropout(), torch.nn.BatchNorm1d(2)):
        assert not is_pure(module)
        assert not is_pure(copy.deepcopy(module))
    assert not is_pure(nn.LIFLayer(2))


@pytest.mark.parametrize(
    ("x", "found"),
    [
        (torch.ones(1, 2).expand(3, 2), True),
        (torch.ones(1, 2), False),
        (torch.ones(3, 2), False),
        (torch.ones(1).expand(3), False),
        ("x", False),
    ],
)
def test_constant_is_what_lies_in_one_place(x, found):
    assert is_constant(x) is found
