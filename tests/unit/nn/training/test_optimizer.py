# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim.nn.training.optimizer import AdamW  # noqa: E402


def walk(kind, weight_decay=0.0, **options):
    rng = np.random.default_rng(0)
    w = torch.nn.Parameter(torch.tensor(rng.normal(0, 1, 50), dtype=torch.float32))
    idle = torch.nn.Parameter(torch.ones(2))
    optimizer = kind([w, idle], lr=1e-2, weight_decay=weight_decay, **options)
    for step in range(30):
        w.grad = torch.tensor(rng.normal(0, 1.0 + step, 50), dtype=torch.float32)
        optimizer.param_groups[0]["lr"] = 1e-2 / (1 + step)
        optimizer.step()
    assert torch.equal(torch.ones(2), idle.detach())  # without a gradient, nothing moves
    return w.detach()


@pytest.mark.parametrize(
    "options",
    [{}, {"weight_decay": 0.1}, {"betas": (0.8, 0.9)}, {"eps": 0.1}],
    ids=["default", "decay", "betas", "eps"],
)
def test_steps_are_those_of_torch_but_for_rounding(options):
    # 30 steps, a few roundings of 2**-24 each.
    torch.testing.assert_close(
        walk(AdamW, **options), walk(torch.optim.AdamW, **options), rtol=1e-5, atol=1e-6
    )


def test_every_operation_rounds_once():
    w = torch.nn.Parameter(torch.tensor([0.3]))
    optimizer = AdamW([w], lr=0.1, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.5)
    f = np.float32
    m = v = f(0)
    expected = f(0.3)
    for k, g in enumerate((f(0.7), f(-0.2), f(0.1)), 1):
        m = m * f(0.9) + g * f(1 - 0.9)
        v = v * f(0.99) + g * g * f(1 - 0.99)
        p1, p2 = np.prod([0.9] * k), np.prod([0.99] * k)
        expected = expected * f(1 - 0.1 * 0.5)
        root = np.sqrt(v) / f(np.sqrt(1 - p2)) + f(1e-3)
        expected = expected - m / root * f(0.1 / (1 - p1))
        w.grad = torch.tensor([g])
        optimizer.step()
        assert expected == w.detach().numpy()[0]
