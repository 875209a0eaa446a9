# SPDX-License-Identifier: Apache-2.0
"""Exported nets with branches, skips and concatenations: every spike, on float and integer engine.

All weights are multiples of 1/4 and compositions of them of 1/16, so that no sum is rounded
anywhere and thresholds are met exactly; the core holds such numbers with 16 codes per unit.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim import nn, run  # noqa: E402
from spikesim.fixed import Quantization  # noqa: E402

STEPS, N = 14, 4
#: 16 codes for a threshold of 1: no weight of these nets is beyond 127 codes then.
SIXTEENTHS = Quantization(granularity="population", v_th_limit=16)

EVERY = {
    "reset": st.sampled_from(["hard", "soft", "none"]),
    "refractory_ticks": st.sampled_from([0, 0, 1, 3]),
    "refractory": st.sampled_from(["hold", "gate"]),
    "bias": st.sampled_from([0.0, 0.25]),
    "v_init": st.sampled_from([0.0, 0.75]),
    "v_floor": st.sampled_from([None, -0.5]),
}
ON_CORE = st.fixed_dictionaries({**EVERY, "beta": st.sampled_from([0.0, 1.0])})
ANY = st.fixed_dictionaries(
    {
        **EVERY,
        "beta": st.sampled_from([0.0, 0.5, 0.75, 1.0]),
        "alpha": st.sampled_from([0.0, 0.5]),
        "v_th": st.sampled_from([0.5, 1.0]),
        "gain": st.sampled_from([1.0, 2.0]),
        "v_reset": st.sampled_from([0.0, -0.25]),
        "strict": st.booleans(),
    }
)
BRING_BIAS = ("biased", "biased two", "norm")
KINDS = ["as it is", "halved", "exact", "dense", "two dense", "pooled", "cat", *BRING_BIAS]


def quarters(rng, *shape, top=4):
    return torch.from_numpy(rng.integers(-2, top + 1, shape) / 4.0).float()


def dense(rng, n_in, n_out, bias=False, top=4, kind=torch.nn.Linear):
    layer = kind(n_in, n_out, bias=bias)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(quarters(rng, *parameter.shape, top=top))
    return layer


def norm(rng):
    layer = torch.nn.BatchNorm1d(N, eps=0.0)
    layer.running_var.fill_(4.0)
    layer.running_mean.copy_(quarters(rng, N))
    return layer


class Halved(torch.nn.Module):
    def forward(self, x):
        return 0.5 * x + x[:, [1, 0, 3, 2]] / 4.0


def term(rng, kind):
    return {
        "as it is": torch.nn.Identity,
        "halved": Halved,
        "exact": lambda: dense(rng, N, N, kind=nn.Linear),
        "dense": lambda: torch.nn.Sequential(torch.nn.Dropout(), dense(rng, N, N)),
        "biased": lambda: dense(rng, N, N, bias=True),
        "two dense": lambda: torch.nn.Sequential(dense(rng, N, N + 1, top=2), dense(rng, N + 1, N)),
        "biased two": lambda: torch.nn.Sequential(
            dense(rng, N, N, bias=True, top=2), dense(rng, N, N)
        ),
        "norm": lambda: torch.nn.Sequential(dense(rng, N, N), norm(rng)),
        "pooled": lambda: torch.nn.Sequential(
            torch.nn.Unflatten(1, (2, 2)),
            torch.nn.AvgPool1d(2),
            torch.nn.Flatten(),
            dense(rng, 2, N),
        ),
        "cat": lambda: dense(rng, 2 * N, N),
    }[kind]()


class Graph(torch.nn.Module):
    """Populations of N, each driven by a sum of terms over the input (0) and those before it."""

    def __init__(self, plan, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.plan = []
        self.terms, self.neurons = torch.nn.ModuleList(), torch.nn.ModuleList()
        for depth, (neuron, terms) in enumerate(plan):
            constant = neuron.get("alpha", 0.0) == 0.0
            usable = [(k, a, b) for k, a, b in terms if constant or k not in BRING_BIAS]
            usable = [(k, a % (depth + 1), b % (depth + 1)) for k, a, b in usable]
            self.plan.append(usable or [("dense", depth, depth)])
            self.terms.append(torch.nn.ModuleList(term(rng, kind) for kind, *_ in self.plan[-1]))
            self.neurons.append(nn.LIFLayer(N, **neuron))

    def forward(self, x):
        found = [x]
        for plan, terms, lif in zip(self.plan, self.terms, self.neurons, strict=True):
            drive = 0
            for (kind, a, b), part in zip(plan, terms, strict=True):
                given = torch.cat([found[a], found[b]], 1) if kind == "cat" else found[a]
                drive = drive + part(given)
            found.append(lif(drive))
        return found[1:]

    def longest_paths(self):
        """Start of every population: powers of the adjacency matrix over (max, +)."""
        n = len(self.plan) + 1
        step = np.full((n, n), -np.inf)
        for k, plan in enumerate(self.plan):
            for kind, a, b in plan:
                for pre in (a, b) if kind == "cat" else (a,):
                    step[pre, k + 1] = 0 if pre == 0 else 1
        reach, longest = np.where(np.eye(n, dtype=bool), 0.0, -np.inf), np.full(n, -np.inf)
        for _ in range(n):
            longest = np.maximum(longest, reach[0])
            reach = (reach[:, :, None] + step[None]).max(1)
        return longest[1:].astype(int).tolist()


def plans(neuron):
    terms = st.tuples(st.sampled_from(KINDS), st.integers(0, 5), st.integers(0, 5))
    population = st.tuples(neuron, st.lists(terms, min_size=1, max_size=3))
    return st.lists(population, min_size=1, max_size=5)


def spikes_of(net, seed):
    raster = np.random.default_rng(seed).random((STEPS, N)) < 0.4
    raster[0] = True  # a population that lives before its first tick would show
    with torch.no_grad():
        spikes, _ = nn.run(net.eval().double(), torch.from_numpy(raster).double()[:, None])
    return raster, [s[:, 0].bool().numpy() for s in spikes]


def compare(recording, starts, expected):
    for k, (start, spikes) in enumerate(zip(starts, expected, strict=True)):
        found = recording.raster(f"layer{k}")
        assert not found[:start].any()
        np.testing.assert_array_equal(spikes, found[start : start + STEPS])


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(plans(ANY), st.integers(0, 2**16))
def test_every_spike_is_that_of_the_net_on_the_float_engine(plan, seed):
    net = Graph(plan, seed)
    network = nn.export(net, input_shape=(N,))
    starts = net.longest_paths()
    assert starts == [p.start_tick for p in network.populations.values()]
    raster, expected = spikes_of(net, seed)
    compare(run(network, {"in": raster}, STEPS + max(starts), "float"), starts, expected)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(plans(ON_CORE), st.integers(0, 2**16))
def test_every_spike_is_that_of_the_net_on_the_integer_engine(plan, seed):
    net = Graph(plan, seed)
    network = nn.export(net, input_shape=(N,))
    starts = net.longest_paths()
    raster, expected = spikes_of(net, seed)
    options = {"compile_options": {"quantization": SIXTEENTHS}}
    found = run(network, {"in": raster}, STEPS + max(starts), "golden", **options)
    compare(found, starts, expected)
