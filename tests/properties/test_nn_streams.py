# SPDX-License-Identifier: Apache-2.0
"""One run, the loop of steps, and runs over parts are the same, to the bit, on any net."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402

STEPS, BATCH = 7, 3

NEURON = st.fixed_dictionaries(
    {
        "beta": st.sampled_from([0.0, 0.3, 0.9, 1.0]),
        "alpha": st.sampled_from([0.0, 0.6]),
        "reset": st.sampled_from(["hard", "soft", "none"]),
        "v_init": st.sampled_from([0.0, 0.4]),
        "v_floor": st.sampled_from([None, -0.1]),
        "refractory_ticks": st.sampled_from([0, 2]),
        "refractory": st.sampled_from(["hold", "gate"]),
        "learn": st.sampled_from([(), ("bias",), ("v_th", "bias")]),
    }
)
# A net is a tree: a leaf is one module, a node is several in a row, or side by side and summed.
LEAF = st.one_of(
    NEURON,
    st.sampled_from(
        [
            "dense",
            "exact",
            "relu",
            "norm",
            "echo",
            "delay",
            "delays",
            "diagonal",
            "learned delays",
            "batch norm",
            "dropout",
            "integrator",
            "adaptive",
        ],
    ),
)
TREE = st.recursive(
    LEAF,
    lambda parts: st.tuples(
        st.sampled_from(["row", "spiking row", "sum", "skip", "cat", "loop"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


class Sum(torch.nn.Module):
    def __init__(self, parts, skip):
        super().__init__()
        self.parts, self.skip = torch.nn.ModuleList(parts), skip

    def forward(self, x):
        return sum((part(x) for part in self.parts), x if self.skip else 0.0)


class Halves(torch.nn.Module):
    def __init__(self, parts, n):
        super().__init__()
        self.parts = torch.nn.ModuleList(parts)
        self.mix = torch.nn.Linear(n * len(parts), n)

    def forward(self, x):
        return self.mix(torch.cat([part(x) for part in self.parts], 1))


class Echo(nn.Stateful):
    def init(self, x):
        return [torch.zeros_like(x)]

    def step(self, x, state):
        return x + 0.5 * state[0], [x]


def grow(tree, n):
    if isinstance(tree, dict):
        return nn.LIFLayer(n, **tree)
    if isinstance(tree, str):
        return {
            "dense": lambda: torch.nn.Linear(n, n),
            "exact": lambda: nn.Linear(n, n, scale=3.0, bias=True),
            "relu": torch.nn.ReLU,
            "norm": lambda: torch.nn.LayerNorm(n),
            "echo": Echo,
            "delay": lambda: nn.Delay(2),
            "delays": lambda: nn.Delay(torch.randint(0, 4, (n,)).numpy()),
            "diagonal": lambda: nn.Diagonal(n, 0.5),
            "learned delays": lambda: nn.DelayedLinear(n, n, 3, scale=2.0),
            "batch norm": lambda: nn.BatchNorm(n),
            "dropout": nn.Dropout,
            "integrator": lambda: nn.LI(n, beta=0.75),
            "adaptive": lambda: nn.ALIFLayer(n, beta=0.5, theta_plus=0.3, rho=0.75),
        }[tree]()
    kind, parts = tree
    grown = [grow(part, n) for part in parts]
    if kind == "loop":  # the last part leads back
        body = grown[:-1] or [nn.LIFLayer(n)]
        return nn.Recurrent(torch.nn.Sequential(*body), torch.nn.Sequential(grown[-1]))
    if kind == "cat":
        return Halves(grown, n)
    if kind in ("sum", "skip"):
        return Sum(grown, kind == "skip")
    return (nn.SpikingNet if kind == "spiking row" else torch.nn.Sequential)(*grown)


def kept(tree, n, dtype, net, state, x):
    """Another net of this kind, with weights and state from a file."""
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "state": state}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=False)
    other = grow(tree, n).to(dtype).eval()
    other.load_state_dict(saved["net"])
    return other, x, saved["state"]


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a is b or (len(a) == len(b) and all(map(same, a, b)))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(TREE, st.integers(1, 17), st.integers(0, 2**32), st.integers(1, STEPS - 1), st.booleans())
def test_one_run_equals_steps_parts_and_streaming(tree, n, seed, cut, double):
    torch.manual_seed(seed)
    dtype = torch.float64 if double else torch.float32
    net = grow(tree, n).to(dtype).eval()
    x = torch.randn(STEPS, BATCH, n, dtype=dtype)
    with torch.no_grad():
        whole, last = nn.run(net, x)
        first, middle = nn.run(net, x[:cut])
        second, end = nn.run(net, x[cut:], middle)
        state, ticks = None, []
        for tick in x:
            y, state = nn.step(net, tick, state)
            ticks.append(y)
        held = [nn.advance(net, part, streaming=True) for part in (x[:cut], x[cut:])]
        resumed, after = nn.run(*kept(tree, n, dtype, net, middle, x[cut:]))
    assert torch.equal(whole, torch.cat([first, second]))
    assert torch.equal(whole, torch.stack(ticks))
    assert torch.equal(whole, torch.cat(held))
    assert torch.equal(second, resumed)
    assert same(last, after)
    assert same(last, end)
    assert same(last, state)
