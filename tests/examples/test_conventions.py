# SPDX-License-Identifier: Apache-2.0
"""Every formula and default of the page on conventions, beside the installed frameworks."""

import inspect
import re
from math import exp, floor
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import norse.torch as norse  # noqa: E402
import sinabs.activation as sa  # noqa: E402
import sinabs.layers as sl  # noqa: E402
import snntorch as snn  # noqa: E402
from spikingjelly.activation_based import functional  # noqa: E402
from spikingjelly.activation_based import layer as sj_layer  # noqa: E402
from spikingjelly.activation_based import neuron as sj  # noqa: E402

from spikesim import convert, nn  # noqa: E402
from tests.reference.frameworks import KeepsType, drive  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conventions.md"
#: The same sums in another order; some peers keep their constants in float32.
ROUNDING = 1e-5

CONSTANTS = {
    "beta": 0.9, "alpha": 0.7, "w": -0.3, "v_th": 0.8, "tau": 3.0, "v_reset": -0.2,
    "tau_mem": 6.0, "tau_mem_inv": 200.0, "tau_syn_inv": 400.0, "dt": 1e-3, "v_leak": 0.1,
    "gain": 0.6, "bias": 0.05,
}  # fmt: skip


def table(after):
    """Rows of the first table behind a heading, as lists of cells."""
    lines = PAGE.read_text().split(f"\n## {after}\n")[1].split("\n## ")[0].splitlines()
    rows = [line.strip("|").split(" | ") for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[:1] + rows[2:]]


TICK = table("One tick")[1:]
USUAL = table("What you get if you say nothing")


def code(cell):
    return re.findall(r"`([^`]+)`", cell)


def by_formula(row, x):
    """Spikes and membranes of a row of the page, tick by tick."""
    names = {**CONSTANTS, "exp": exp, "floor": floor, "i": 0.0, "s": 0.0}
    names["v"] = names["v_leak"] if "Norse" in row[0] else names["v_reset"]
    if "v_reset if" not in row[3]:
        names["v"] = 0.0
    if "spikesim" in row[0]:
        names["v"] = 0.0
    spikes, membranes = [], []
    for value in x.tolist():
        names["x"] = value
        for cell in row[1:]:
            exec("\n".join(part.strip() for part in code(cell)[0].split(";")), names)
        names["s"] = float(names["s"])
        spikes.append(names["s"])
        membranes.append(names["v"])
    return torch.tensor(spikes), torch.tensor(membranes)


def snntorch_run(kind, reset, **more):
    c = CONSTANTS
    given = {"beta": c["beta"], "threshold": c["v_th"], "reset_mechanism": reset, **more}
    layer = getattr(snn, kind)(**given, spike_grad=KeepsType.apply)
    if kind == "RLeaky":
        layer.recurrent.V.data.fill_(c["w"])
    layer = layer.double()

    def ticks(x):
        state = layer.reset_mem()
        state = state if isinstance(state, tuple) else (state,)
        for value in x:
            spk, *state = layer(value.reshape(1, 1), *state)
            if kind == "RLeaky":
                state = spk, *state
            yield spk, state[-1]

    return ticks


def spikingjelly_run(layer):
    def ticks(x):
        functional.reset_net(layer)
        for value in x:
            yield layer(value.reshape(1, 1)), layer.v

    return ticks


def norse_run(cell):
    def ticks(x):
        state = None
        for value in x:
            spk, state = cell(value.reshape(1, 1), state)
            yield spk, state.v

    return ticks


def sinabs_run(**given):
    layer = sl.LIF(
        torch.tensor(CONSTANTS["tau_mem"], dtype=torch.float64),
        spike_threshold=torch.tensor(CONSTANTS["v_th"], dtype=torch.float64), **given,
    )  # fmt: skip

    def ticks(x):
        layer.reset_states()
        for value in x:
            yield layer(value.reshape(1, 1, 1)), layer.v_mem

    return ticks


def our_run(**given):
    keys = ("beta", "alpha", "gain", "bias", "v_th")
    layer = nn.LIFLayer(1, **{key: CONSTANTS[key] for key in keys}, **given).double()

    def ticks(x):
        state = layer.init(x[:1].reshape(1, 1))
        for value in x:
            spk, state = layer.step(value.reshape(1, 1), state)
            yield spk, state.v

    return ticks


def peers():
    c = CONSTANTS
    lif = {"tau": c["tau"], "v_threshold": c["v_th"], "v_reset": c["v_reset"]}
    box = norse.LIFBoxParameters(**{
        key: torch.tensor(c[key], dtype=torch.float64)
        for key in ("tau_mem_inv", "v_leak", "v_th", "v_reset")
    })  # fmt: skip
    cell = norse.LIFParameters(**{
        key: torch.tensor(c[key], dtype=torch.float64)
        for key in ("tau_mem_inv", "tau_syn_inv", "v_leak", "v_th", "v_reset")
    })  # fmt: skip
    rest = {"v_threshold": c["v_th"], "v_reset": c["v_reset"]}
    return {
        "snnTorch `Leaky`, subtract": snntorch_run("Leaky", "subtract"),
        "snnTorch `Leaky`, zero": snntorch_run("Leaky", "zero"),
        "snnTorch `Synaptic`, subtract": snntorch_run("Synaptic", "subtract", alpha=c["alpha"]),
        "snnTorch `Synaptic`, zero": snntorch_run("Synaptic", "zero", alpha=c["alpha"]),
        "snnTorch `RLeaky`, subtract": snntorch_run("RLeaky", "subtract", all_to_all=False),
        "SpikingJelly `LIFNode`": spikingjelly_run(sj.LIFNode(**lif)),
        "SpikingJelly `LIFNode(decay_input=False)`": spikingjelly_run(
            sj.LIFNode(**lif, decay_input=False)
        ),
        "SpikingJelly `LIFNode(v_reset=None)`": spikingjelly_run(
            sj.LIFNode(**{**lif, "v_reset": None})
        ),
        "SpikingJelly `IFNode`": spikingjelly_run(sj.IFNode(**rest)),
        "SpikingJelly `CUBALIFNode`": spikingjelly_run(
            sj.CUBALIFNode(c_decay=c["alpha"], v_decay=c["beta"], **rest)
        ),
        "Norse `LIFBoxCell`": norse_run(norse.LIFBoxCell(box, dt=c["dt"])),
        "Norse `LIFCell`": norse_run(norse.LIFCell(cell, dt=c["dt"])),
        "sinabs `LIF`": sinabs_run(),
        "sinabs `LIF(spike_fn=SingleSpike)`": sinabs_run(spike_fn=sa.SingleSpike),
        "sinabs `LIF(norm_input=False)`": sinabs_run(norm_input=False),
        "spikesim `LIFLayer`": our_run(v_reset=c["v_reset"]),
        'spikesim `LIFLayer(reset="soft")`': our_run(reset="soft"),
    }


def test_the_page_and_this_test_have_the_same_neurons():
    assert [row[0] for row in TICK] == list(peers())


@pytest.mark.parametrize("row", TICK, ids=[row[0].replace("`", "") for row in TICK])
def test_a_tick_is_what_the_page_says(row):
    # A few inputs that drive it far above and below, ones and noughts at the threshold itself.
    x = torch.cat([drive(seed=3, mean=0.6, spread=1.2), torch.tensor([0.8, 0.0, 2.4, 1.6, -1.0])])
    x = 8.0 * x if "(1 - a)" in row[1] else x  # its gain is 0.15
    with torch.no_grad():
        got = [(float(s), float(v)) for s, v in peers()[row[0]](x)]
    spikes, membranes = by_formula(row, x)
    assert spikes.tolist() == [s for s, _ in got]
    assert membranes.tolist() == pytest.approx([v for _, v in got], abs=ROUNDING)
    several = "floor" in row[2]
    assert {0.0, 1.0} <= set(spikes.tolist())
    assert several == (float(spikes.max()) > 1)


def test_neurons_fire_at_the_threshold_or_above_it_as_the_page_says():
    # A membrane of exactly the threshold, which random input never makes.
    at = torch.tensor([0.0, 1.0], dtype=torch.float64)
    fires = {
        "snnTorch `Leaky`, subtract": snn.Leaky(0.5, spike_grad=KeepsType.apply)(at)[0],
        "SpikingJelly `LIFNode(decay_input=False)`": sj.LIFNode(decay_input=False)(at),
        "Norse `LIFBoxCell`": norse.LIFBoxCell(dt=0.01)(at.float())[0],
        "sinabs `LIF`": sl.LIF(5.0, norm_input=False)(at.float().reshape(1, 1, 2))[0, 0],
        "spikesim `LIFLayer`": nn.LIFLayer()(at.reshape(1, 1, 2))[0, 0],
    }
    for row in TICK:
        if row[0] in fires:
            above_only = ">" in row[2] and ">=" not in row[2]
            assert [0.0, float(not above_only)] == fires[row[0]].tolist(), row[0]


CLASSES = {
    "snnTorch `Leaky`": snn.Leaky, "SpikingJelly `LIFNode`": sj.LIFNode,
    "Norse `LIFBoxCell`": norse.LIFBoxCell, "sinabs `LIF`": sl.LIF,
    "spikesim `LIFLayer`": nn.LIFLayer,
}  # fmt: skip


@pytest.mark.parametrize("column", range(1, 6), ids=[name.split()[0] for name in CLASSES])
def test_defaults_are_what_the_page_says(column):
    kind = CLASSES[USUAL[0][column]]
    of = {key: p.default for key, p in inspect.signature(kind.__init__).parameters.items()}
    if kind is norse.LIFBoxCell:
        of |= norse.LIFBoxParameters()._asdict()
    claims = [
        claim.split("=", 1)
        for row in USUAL[1:]
        if not row[0].startswith("derivative")
        for claim in code(row[column])
        if "=" in claim
    ]
    assert len(claims) >= (1 if kind is sl.LIF else 3)
    for key, value in claims:
        assert eval(value) == of[key], key
    for row in USUAL[1:]:
        if "to be given" in row[column]:
            assert of[code(row[column])[0]] is inspect.Parameter.empty


def slope(layer, u, threshold=1.0):
    """Derivative of the spike by the membrane, u above the threshold, of a neuron from rest."""
    x = torch.tensor([threshold + u], requires_grad=True)
    out = layer(x)
    return float(torch.autograd.grad(out.sum(), x)[0])


@pytest.mark.parametrize("u", [-0.7, -0.2, 0.3])
def test_surrogate_derivatives_are_those_of_the_page(u):
    (row,) = [row for row in USUAL if row[0].startswith("derivative")]
    # Neurons with a gain of 1: what the gradient of a drive is times.
    found = [
        slope(lambda x: snn.Leaky(0.5)(x)[0], u),
        slope(sj.LIFNode(decay_input=False), u),
        slope(lambda x: norse.LIFBoxCell(dt=0.01)(x)[0], u),
        slope(lambda x: sl.LIF(5.0, norm_input=False)(x.reshape(1, 1, 1)), u),
        slope(lambda x: nn.LIFLayer()(x.reshape(1, 1, 1)), u),
    ]
    names = {"exp": exp, "abs": abs, "pi": torch.pi, "u": u}
    expected = [eval(code(cell)[0], names) for cell in row[1:]]
    assert expected == pytest.approx(found, rel=1e-5)  # float32


def test_resets_have_a_gradient_where_the_page_says_so():
    """Input of a tick whose spike is nearly sure changes the membrane after it, or does not."""

    def through(run):
        x = torch.tensor([1.3], dtype=torch.float32, requires_grad=True)
        v = run(x)
        return abs(float(torch.autograd.grad(v.sum(), x, allow_unused=True)[0] or 0.0)) > 1e-9

    def jelly(x):
        node = sj.LIFNode(decay_input=False)
        node(x)
        return node.v

    def leaky(x):
        layer = snn.Leaky(1.0, reset_mechanism="zero")
        _, mem = layer(x, torch.zeros_like(x))
        return layer(torch.zeros_like(x), mem)[1]  # the reset comes in the next tick

    def sinabs_v(x):
        layer = sl.LIF(5.0, norm_input=False, spike_fn=sa.SingleSpike)
        layer(x.reshape(1, 1, 1))
        return layer.v_mem

    def ours(x):
        layer = nn.LIFLayer(1)
        return layer.step(x.reshape(1, 1), layer.init(x.reshape(1, 1)))[1].v

    (row,) = [row for row in USUAL if row[0].startswith("the reset")]
    says = ["no" not in cell and "detach_reset=True" not in cell for cell in row[1:]]
    membranes = [leaky, jelly, lambda x: norse.LIFBoxCell(dt=0.01)(x)[1].v, sinabs_v, ours]
    # Hard resets to 0: with the reset cut off nothing of the input is left, else its surrogate.
    got = [through(run) for run in membranes]
    got[3] = abs(_slope_of(sinabs_v) - 1.0) > 1e-3  # subtracts: 1 where it is cut off
    assert says == got


def _slope_of(run):
    x = torch.tensor([1.3], requires_grad=True)
    return float(torch.autograd.grad(run(x).sum(), x)[0])


def _rleaky(w):
    layer = snn.RLeaky(beta=1.0, V=w, all_to_all=False, reset_mechanism="none")
    state = layer.reset_mem()
    for x in TWICE:
        state = layer(x, *state)
        yield state[1]


def _container(w):
    net = sj_layer.LinearRecurrentContainer(sj.IFNode(), in_features=1, out_features=1, bias=False)
    net.rc.weight.data = torch.tensor([[1.0, w]])  # of the input, of the feedback
    return (net(x) + net.sub_module.v for x in TWICE)


def _norse_cell(w):
    cell = norse.LIFRecurrentCell(1, 2)
    cell.input_weights.data.fill_(100.0)
    cell.recurrent_weights.data = torch.tensor([[0.0, w], [w, 0.0]])
    state = None
    for x in TWICE:
        _, state = cell(x, state)
        yield state.i[:, :1]


def _sinabs(w):
    back = torch.nn.Linear(1, 1, bias=False)
    back.weight.data.fill_(w)
    layer = sl.LIFRecurrent(5.0, rec_connect=back, norm_input=False)
    return layer(TWICE.transpose(0, 1)).flatten()


def _ours(w):
    back = nn.Linear(1, 1)
    back.weight.data.fill_(w)
    net = nn.Recurrent(nn.LIFLayer(1, beta=1.0), back, shape=1)
    return nn.run(net, TWICE)[0]


#: An input that makes each of the neurons below fire in the first tick, and none in the second.
TWICE = torch.tensor([[[2.0]], [[0.0]]])


@pytest.mark.parametrize("run", [_rleaky, _container, _norse_cell, _sinabs, _ours])
def test_feedback_waits_a_tick_in_every_framework(run):
    with torch.no_grad():
        without, fed = ([float(value) for value in run(w)] for w in (0.0, 1.5))
    assert without[0] == fed[0]
    assert without[1] < fed[1]


def test_sequences_and_states_are_what_the_page_says():
    x = 0.4 * torch.ones(6, 2, 3)
    for layer, call in (
        (sj.LIFNode(step_mode="m"), lambda m: m(x)),
        (sl.LIF(5.0), lambda m: m(x.transpose(0, 1)).transpose(0, 1)),
    ):
        call(layer)
        kept = layer.v if isinstance(layer, sj.LIFNode) else layer.v_mem
        assert (2, 3) == kept.shape  # (batch, neurons) of the last tick, and still there
        assert bool((kept > 0).all())
    out, state = norse.Lift(norse.LIFBoxCell())(x)
    assert (x.shape, (2, 3)) == (out.shape, state.v.shape)
    assert torch.equal(nn.run(nn.LIFLayer(3), x)[0], nn.run(nn.LIFLayer(3), x)[0])


def test_nir_is_read_as_the_page_says():
    nodes = {
        "in": {"type": "Input", "shape": [1]},
        "lif": {"type": "LIF", "tau": 4e-3, "r": 3.0, "v_leak": 0.0, "v_threshold": 1.0},
        "out": {"type": "Output", "shape": [1]},
    }
    graph = {"nodes": nodes, "edges": [("in", "lif"), ("lif", "out")]}
    read = convert.from_nir(graph, dt=1e-3)[0].canonical()
    text = PAGE.read_text().split("`from_nir` makes")[1]
    says = dict(claim.split(" = ") for claim in code(text)[:2])
    names = {"dt": 1e-3, "tau": 4e-3, "r": 3.0}
    assert (eval(says["beta"], names), eval(says["gain"], names)) == (read.beta, read.gain)
    assert ("hard", True) == (read.reset, read.strict)
