# SPDX-License-Identifier: Apache-2.0
"""Any net of neurons, branches, delays and loops fires in a network as it does in torch."""

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from spikesim import nn, sim  # noqa: E402
from spikesim.core import SpikeTrains  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402

STEPS, N = 16, 3

# A net is a tree: a leaf is one module, a node is several in a row, a skip over them, or a loop
# through all but the last, which leads back.
LEAF = st.one_of(
    st.sampled_from(["neurons", "dense", "diagonal", "learned delays"]),
    st.integers(0, 4),
    st.tuples(*[st.integers(0, 4)] * N),
)
TREE = st.recursive(
    LEAF,
    lambda parts: st.tuples(
        st.sampled_from(["row", "skip", "late skip", "loop"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=7,
)


class Skip(torch.nn.Module):
    def __init__(self, body, way):
        super().__init__()
        self.body, self.way = body, way

    def forward(self, x):
        return self.body(x) + self.way(x)


def neurons(rng):
    beta, reset = rng.choice([0.5, 1.0]), str(rng.choice(["hard", "soft"]))
    return nn.LIFLayer(N, beta=float(beta), reset=reset)


def grow(tree, rng):
    if isinstance(tree, int) or isinstance(tree[0], int):
        return nn.Delay(tree)
    if isinstance(tree, str):
        return {
            "neurons": lambda: neurons(rng),
            "dense": lambda: torch.nn.Linear(N, N, bias=False),
            "diagonal": lambda: nn.Diagonal(N),
            "learned delays": lambda: nn.DelayedLinear(N, N, 3),
        }[tree]()
    kind, parts = tree
    grown = [grow(part, rng) for part in parts]
    if kind == "loop":
        back = torch.nn.Sequential(torch.nn.Linear(N, N, bias=False), grown[-1])
        return nn.Recurrent(torch.nn.Sequential(*grown[:-1], neurons(rng)), back)
    row = torch.nn.Sequential(*grown)
    if kind == "row":
        return row
    return Skip(row, nn.Delay(2) if kind == "late skip" else torch.nn.Identity())


def spikes_of(net, x):
    """Spikes (T, n) of all neurons, in the order of their calls."""
    layers = [module for module in net.modules() if isinstance(module, nn.LIFLayer)]
    seen = {}
    for layer in layers:
        layer.register_forward_hook(lambda m, _, out: seen.setdefault(m, []).append(out))
    with torch.no_grad():
        nn.run(net, x)
    for layer in layers:
        layer._forward_hooks.clear()
    return [torch.cat([out.reshape(-1, N) for out in each]).numpy() for each in seen.values()]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(TREE, st.integers(0, 2**32))
def test_every_spike_is_the_same_start_ticks_later(tree, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    first, last = torch.nn.Linear(N, N, bias=False), torch.nn.Linear(N, N, bias=False)
    net = torch.nn.Sequential(first, grow(tree, rng), last, neurons(rng)).double()
    nn.harden_delays(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randint(-1, 4, parameter.shape) / 4.0)  # no sum is rounded
    try:
        network = nn.export(net, input_shape=(N,))
    except ValidationError as error:
        if "put nn.Delay(" not in str(error) or "loop" not in str(tree):
            raise
        event("a loop is too short")
        return
    raster = rng.random((STEPS, N)) < 0.4
    expected = spikes_of(net, torch.from_numpy(raster).double()[:, None])
    starts = [p.start_tick for p in network.populations.values()]
    trains = {"in": SpikeTrains.from_raster(raster)}
    run = sim.simulate(network, trains, STEPS + max(starts), dtype="float64")
    for k, (start, spikes) in enumerate(zip(starts, expected, strict=True)):
        found = run.raster(f"layer{k}")
        assert not found[:start].any()
        assert (spikes == found[start : start + STEPS]).all()
