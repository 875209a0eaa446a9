# SPDX-License-Identifier: Apache-2.0
"""Nets of torch modules with branches, skips and loops, and what compares their outputs."""

import torch

from spikesim import nn


class Branches(torch.nn.Module):
    """Two paths and a skip, written for single ticks: axis 1 is that of the neurons."""

    def __init__(self):
        super().__init__()
        self.left = nn.LIFLayer(2, beta=0.5, reset="soft")
        self.right = nn.LIFLayer(2, beta=0.75, refractory_ticks=1)
        self.out = nn.LIFLayer(4, beta=0.5, alpha=0.5, gain=0.5)

    def forward(self, x):
        both = torch.cat([self.left(x), self.right(0.5 * x)], 1)
        return self.out(both + torch.cat([x, x], 1))


class Loop(nn.Stateful):
    """Recurrence by a module that carries its last output and the state of what it contains."""

    def __init__(self, body, n):
        super().__init__()
        self.body, self.n = body, n
        self.back = torch.nn.Linear(n, n)

    def init(self, x):
        return x.new_zeros(len(x), self.n), None

    def step(self, x, state):
        last, inner = state
        last, inner = nn.step(self.body, x + self.back(last), inner)
        return last, (last, inner)


class Deep(torch.nn.Module):
    """Neurons in a Sequential in a ModuleDict."""

    def __init__(self):
        super().__init__()
        row = torch.nn.Sequential(torch.nn.Linear(3, 3), nn.LIFLayer(3, beta=0.5, v_th=0.25))
        self.parts = torch.nn.ModuleDict({"a": row, "b": nn.LIFLayer(3, beta=0.75)})

    def forward(self, x):
        return self.parts["b"](2.0 * self.parts["a"](x))


class Pooled(torch.nn.Module):
    """Convolution with a skip; a dict of outputs."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 2, 3, padding=1)
        self.act = nn.LIFLayer((2, 6, 6), beta=[0.5, 0.9])
        self.head = nn.SpikingNet(torch.nn.Flatten(), nn.Linear(18, 3), nn.LIFLayer(3))

    def forward(self, x):
        maps = self.act(self.conv(x) + x)
        return {"maps": maps, "classes": self.head(torch.nn.functional.max_pool2d(maps, 2))}


def make(name):
    torch.manual_seed(0)
    return {
        "branches": lambda: (Branches(), (2,)),
        "loop": lambda: (Loop(nn.LIFLayer(3, beta=0.5), 3), (3,)),
        "deep": lambda: (Deep(), (3,)),
        "pooled": lambda: (Pooled(), (2, 6, 6)),
        "row": lambda: (torch.nn.Sequential(Deep(), Loop(Deep(), 3), nn.Linear(3, 2)), (3,)),
    }[name]()


NETS = ["branches", "loop", "deep", "pooled", "row"]


def ticks_of(shape, steps=9, batch=2, dtype=torch.float64, seed=1):
    generator = torch.manual_seed(seed)
    return torch.rand(steps, batch, *shape, generator=generator, dtype=dtype) * 2.0


def leaves(nest):
    if isinstance(nest, torch.Tensor):
        yield nest
    elif nest is not None:
        for part in nest.values() if isinstance(nest, dict) else nest:
            yield from leaves(part)


def equal(a, b):
    a, b = list(leaves(a)), list(leaves(b))
    return len(a) == len(b) > 0 and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
