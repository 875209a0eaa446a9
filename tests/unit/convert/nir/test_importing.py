# SPDX-License-Identifier: Apache-2.0
"""What a NIR graph means, node by node, against equations written out here."""

import logging
import math
import subprocess
import sys

import nir
import numpy as np
import pytest
import torch

from spikesim import nn
from spikesim.convert import from_nir, to_nir
from spikesim.errors import ConversionError, ValidationError
from tests.unit.convert.nir.graphs import chain, lif, linear, run_lif, spikes_of


def reading(net, k=0):
    return net.report.nodes[k]


@pytest.mark.parametrize(
    ("method", "beta", "gain"),
    [("euler", 0.5, 1.5), ("exact", math.exp(-0.5), 3.0 * (1.0 - math.exp(-0.5)))],
)
def test_a_time_constant_of_two_ticks_has_two_readings(method, beta, gain):
    net = from_nir(chain(lif(tau=2e-3, r=3.0)), dt=1e-3, method=method)
    x = np.linspace(0.1, 0.6, 40)
    assert beta == pytest.approx(reading(net).beta, rel=1e-12)
    assert gain == pytest.approx(reading(net).gain, rel=1e-12)
    expected = run_lif(x, beta, gain)
    assert 3 < sum(expected) < 37
    assert expected == spikes_of(net, x[:, None])[:, 0].tolist()
    assert method in str(net.report)


def test_an_integrator_adds_r_dt_and_fires_above_its_threshold():
    node = {"type": "IF", "r": np.array([1.0]), "v_threshold": np.array([1.0])}
    net = from_nir(chain(node), dt=1.0, reset="hard")
    with torch.no_grad():
        spikes, _ = nn.run(net.double(), torch.full((17, 1, 1), 1 / 16, dtype=torch.float64))
    assert [0.0] * 16 + [1.0] == spikes.flatten().tolist()  # 16/16 is not above 1
    net = from_nir(chain(node | {"r": np.array([1000.0])}), dt=1e-3, strict=False)
    assert [0.0] * 15 + [1.0] == spikes_of(net, np.full((16, 1), 1 / 16))[:, 0].tolist()


def test_the_leak_pulls_to_v_leak_where_it_starts():
    net = from_nir(chain(lif(tau=4e-3, v_leak=0.75, v_threshold=0.875, v_reset=0.25)), dt=1e-3)
    # 0.75 + 0.25 a tick of drive 1: 0.75, no; then 1.0 at once, reset to 0.25
    assert [0.0, 1.0, 0.0] == spikes_of(net, [[0.0], [1.0], [0.0]])[:, 0].tolist()
    low = from_nir(chain(lif(tau=4e-3, v_leak=0.75, v_threshold=0.875)), dt=1e-3, v_init=-1.0)
    assert [0.0, 0.0] == spikes_of(low, [[1.0], [1.0]])[:, 0].tolist()


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_a_current_is_multiplied_by_r_and_w_in(method):
    node = {
        "type": "CubaLIF", "tau_syn": 2e-3, "tau_mem": 5e-3, "r": 3.0, "w_in": 4.0, "v_leak": 0.1,
        "v_threshold": 1.0,
    }  # fmt: skip
    net = from_nir(chain(node), dt=1e-3, method=method, v_init=0.0)
    x = (np.arange(50) % 3 == 0) * 0.4
    left = (1 - 0.5, 1 - 0.2) if method == "euler" else (math.exp(-0.5), math.exp(-0.2))
    i = v = 0.0
    expected = []
    for drive in x:
        i = left[0] * i + 4.0 * (1 - left[0]) * drive
        v = left[1] * v + (1 - left[1]) * (0.1 + 3.0 * i)
        expected.append(float(v > 1.0))
        v = 0.0 if v > 1.0 else v
    assert 3 < sum(expected) < 47
    assert expected == spikes_of(net, x[:, None])[:, 0].tolist()


def test_neurons_that_never_fire_give_their_membrane():
    node = {"type": "LI", "tau": 2e-3, "r": 2.0, "v_leak": 0.0}
    net = from_nir(chain(node), dt=1e-3)
    assert [1.0, 0.5, 1.25] == spikes_of(net, [[1.0], [0.0], [1.0]])[:, 0].tolist()
    net = from_nir(chain({"type": "I", "r": np.array([500.0])}), dt=1e-3)
    assert [0.5, 1.0, 0.5] == spikes_of(net, [[1.0], [1.0], [-1.0]])[:, 0].tolist()
    node |= {"type": "CubaLI", "tau_mem": 2e-3, "tau_syn": 2e-3, "w_in": 2.0}
    net = from_nir(chain(node), dt=1e-3)
    assert [1.0, 1.0, 0.75] == spikes_of(net, [[1.0], [0.0], [0.0]])[:, 0].tolist()


def test_a_threshold_holds_nothing():
    net = from_nir(chain({"type": "Threshold", "threshold": np.array([0.5, 1.0])}, shape=(2,)))
    x = [[0.5, 1.5], [0.75, 1.0], [2.0, 2.0]]
    assert [[0, 1], [1, 0], [1, 1]] == spikes_of(net, x).tolist()


def test_a_factor_stands_for_every_entry():
    net = from_nir(chain({"type": "Scale", "scale": [2.0, -1.0]}, shape=(2,)))
    assert [[2.0, -3.0]] == spikes_of(net, [[1.0, 3.0]]).tolist()


@pytest.mark.parametrize(
    ("kind", "padding", "stride", "dilation", "groups"),
    [
        ("Conv2d", 1, (2, 1), 1, 1),
        ("Conv2d", (1, 0), 1, (1, 2), 2),
        ("Conv2d", b"same", 1, 1, 1),
        ("Conv2d", "valid", np.array([2]), 1, 2),
        ("Conv1d", 2, 1, 2, 2),
        ("Conv1d", "same", 1, 1, 1),
    ],
)
def test_a_convolution_is_that_of_torch(kind, padding, stride, dilation, groups):
    axes, dice = (7, 6) if kind == "Conv2d" else (9,), np.random.default_rng(3)
    weight = dice.normal(size=(4, 2 // groups, *[3] * len(axes)))
    bias = dice.normal(size=4)
    node = {
        "type": kind, "weight": weight, "bias": bias, "padding": padding, "stride": stride,
        "dilation": dilation, "groups": groups, "input_shape": None,
    }  # fmt: skip
    x = torch.from_numpy(dice.normal(size=(3, 2, *axes)))
    plain = padding.decode() if isinstance(padding, bytes) else padding
    plain = tuple(plain) if isinstance(plain, tuple) else plain
    stride = int(stride[0]) if isinstance(stride, np.ndarray) else stride
    call = getattr(torch.nn.functional, kind.lower())
    expected = call(
        x, torch.from_numpy(weight), torch.from_numpy(bias), stride, plain, dilation, groups
    )
    net = from_nir(
        chain(node, shape=(2, *axes), out=tuple(expected.shape[1:])), dtype=torch.float64
    )
    assert np.array_equal(expected.numpy(), spikes_of(net, x))


def test_pools_and_flattening():
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    for kind, factor in (("SumPool2d", 4.0), ("AvgPool2d", 1.0)):
        pool = {"type": kind, "kernel_size": np.array([2, 2]), "stride": 2, "padding": (0, 0)}
        flat = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
        net = from_nir(chain(pool, flat, shape=(1, 4, 4), out=(4,)))
        assert [[2.5 * factor, 4.5 * factor, 10.5 * factor, 12.5 * factor]] == spikes_of(
            net, x
        ).tolist()


def test_flatten_counts_axes_as_its_neighbor_can_take_them():
    flat = {"type": "Flatten", "start_dim": 1, "end_dim": -1}  # of NIR: (2, 6); of torch: (12,)
    net = from_nir(chain(flat, linear(np.ones((1, 12))), shape=(2, 2, 3), out=(1,)))
    assert [[12.0]] == spikes_of(net, np.ones((1, 2, 2, 3))).tolist()
    assert "numbered with the batch" in str(net.report)
    pool = {"type": "AvgPool2d", "kernel_size": 1, "stride": 1, "padding": 0}
    kept = from_nir(chain(pool, flat, shape=(2, 2, 3), out=(2, 6)))
    assert (1, 2, 6) == spikes_of(kept, np.ones((1, 2, 2, 3))).shape


def test_scalars_are_for_as_many_neurons_as_the_neighbors_have():
    net = from_nir(chain(linear(np.eye(5)), lif(), shape=(5,)), dt=1e-3)
    assert (5,) == net[1].shape
    net = from_nir(chain(lif(), linear(np.eye(5)), shape=(5,)), dt=1e-3)
    assert (5,) == net[0].shape
    batched = lif(tau=np.full((1, 5), 2e-3), r=np.ones((1, 5)))
    net = from_nir(chain(linear(np.eye(5)), batched, shape=(1, 5)), dt=1e-3)
    assert (5,) == net[1].shape == net.input_shape
    assert "in front are the batch" in str(net.report)


def test_constants_of_each_neuron_are_its_own():
    tau = np.array([1.25e-3, 2e-3, 4e-3, 10e-3])
    net = from_nir(chain(lif(tau=tau, v_threshold=np.full(4, 9.0)), shape=(4,)), dt=1e-3)
    assert (1 - 1e-3 / tau).tolist() == net[0].canonical().beta.tolist()


def test_tensors_and_arrays_give_the_same_net():
    def graph(kind):
        nodes = {
            "input": nir.Input(input_type={"input": np.array([3])}),
            "w": nir.Affine(weight=kind([[0.5, 1.0, 2.0]] * 2), bias=kind([0.25, 0.0])),
            "lif": nir.LIF(
                tau=kind([2e-3, 4e-3]), r=kind([1.0, 2.0]), v_leak=kind([0.0, 0.0]),
                v_threshold=kind([1.0, 1.0]),
            ),
            "output": nir.Output(output_type={"output": np.array([2])}),
        }  # fmt: skip
        edges = [("input", "w"), ("w", "lif"), ("lif", "output")]
        return nir.NIRGraph(nodes, edges, type_check=False)

    x = (np.arange(60).reshape(20, 3) % 4 == 0).astype(float)
    tensors = from_nir(graph(lambda v: torch.tensor(v, dtype=torch.float64)), dt=1e-3)
    arrays = from_nir(graph(np.array), dt=1e-3)
    found = spikes_of(arrays, x)
    assert 5 < found.sum()
    assert np.array_equal(found, spikes_of(tensors, x))


@pytest.mark.parametrize("kind", [">f4", ">f8", np.longdouble, np.float16, np.int8, ">i4"])
def test_numbers_of_any_type_are_taken(kind):
    graph = chain(
        {"type": "Linear", "weight": np.array([[2, 3]], dtype=kind)}, shape=(2,), out=(1,)
    )
    assert [[8.0]] == spikes_of(from_nir(graph), [[1.0, 2.0]]).tolist()


def test_nested_graphs_are_taken_out():
    inner = chain(linear([[2.0]]), lif())
    graph = chain(linear([[0.75]]), inner | {"type": "NIRGraph"}, linear([[1.0]]))
    net = from_nir(graph, dt=1e-3)
    assert "n1.n1" == reading(net).name
    x = np.ones((9, 1))
    assert run_lif(1.5 * x[:, 0], 0.5, 0.5) == spikes_of(net, x)[:, 0].tolist()


def test_edges_into_a_node_add_up_and_several_outputs_have_names():
    graph = {
        "nodes": {
            "in": {"type": "Input", "shape": [2]},
            "a": linear([[1.0, 0.0]]),
            "b": linear([[0.0, 10.0]]),
            "sum": {"type": "Scale", "scale": [2.0]},
            "left": {"type": "Output", "shape": [1]},
            "right": {"type": "Output", "shape": [1]},
        },
        "edges": [("in", "a"), ("in", "b"), ("a", "sum"), ("b", "sum"), ("sum", "left"),
                  ("a", "right"), ("b", "right")],
    }  # fmt: skip
    net = from_nir(graph)
    with torch.no_grad():
        out, _ = nn.run(net, torch.tensor([[[1.0, 2.0]]]))
    assert {"left": [42.0], "right": [21.0]} == {k: v.flatten().tolist() for k, v in out.items()}


def test_names_that_torch_wants_for_itself_are_taken():
    graph = chain(linear([[1.0]]), lif())
    nodes = {"in": "forward", "n0": "train", "n1": "a.b", "out": "outputs"}
    named = {
        "nodes": {nodes[name]: node for name, node in graph["nodes"].items()},
        "edges": [(nodes[a], nodes[b]) for a, b in graph["edges"]],
    }
    assert 2 == len(from_nir(named, dt=1e-3))


def test_a_net_that_was_read_trains_and_is_exported():
    net = from_nir(chain(linear([[0.5, 1.0]]), lif(), shape=(2,), out=(1,)), dt=1e-3)
    spikes, _ = nn.run(net, torch.ones(4, 1, 2))
    spikes.sum().backward()
    assert net[0].weight.grad.abs().sum() > 0
    network = nn.export(net, dt=1e-3)
    assert [(2, 1)] == [(p.pre.n, p.post.n) for p in network.projections.values()]
    with pytest.raises(ValidationError):
        nn.export(net, dt=1e-4)  # its constants are for another tick


def test_the_reset_can_be_said_for_each_node():
    graph = chain(lif(), linear([[1.0]]), lif())
    net = from_nir(graph, dt=1e-3, reset={"n0": "soft", "n2": "none"})
    assert ["by 1", "none"] == [node.reset for node in net.report.nodes]
    with pytest.raises(ValidationError, match=r"names of nodes, .* got \['n7'\]"):
        from_nir(graph, dt=1e-3, reset={"n7": "soft"})


def test_numbers_that_are_rounded_are_told():
    net = from_nir(chain(linear([[0.1]])))
    assert "weight rounded to torch.float32" in str(net.report)
    assert () == from_nir(chain(linear([[0.1]])), dtype=torch.float64).report.notes


def test_the_reading_is_logged_and_what_was_corrected_is_a_warning(caplog):
    caplog.set_level("INFO")
    from_nir(chain(lif(tau=1e-5)) | {"edges": [("in", "n0"), ("n0", "out")]}, dt=1e-6)
    assert "beta" in caplog.text
    caplog.clear()
    graph = chain(lif(tau=np.float32(1e-5)))
    graph["nodes"]["input"] = graph["nodes"].pop("in")
    graph["edges"][0] = ("input", "n0")
    net = from_nir(graph, dt=1e-3)
    assert 0.9 == pytest.approx(reading(net).beta, rel=1e-6)
    warned = [r.message.split(": ")[-1] for r in caplog.records if r.levelno == logging.WARNING]
    assert "tau x 1000" == warned[0]
    assert "reset_method and v_reset" in warned[1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"dt": 0.0}, "dt above 0"),
        ({"dt": math.nan}, "dt above 0"),
        ({"writer": "brian"}, "writer among"),
        ({"method": "heun"}, "method 'euler' or 'exact'"),
        ({"reset": "late"}, "reset among"),
        ({"v_init": math.inf}, "finite v_init"),
    ],
)
def test_arguments_that_are_none_of_those_are_refused(options, text):
    with pytest.raises(ValidationError, match=text):
        from_nir(chain(lif()), **{"dt": 1e-3, **options})


def test_all_problems_come_at_once():
    graph = chain(
        lif(tau=-1.0), linear([[np.nan]]), {"type": "MaxPool2d"},
        {"type": "Delay", "delay": [-1.0]}, {"type": "Affine", "weight": [[1.0]]},
    )  # fmt: skip
    with pytest.raises(ConversionError) as error:
        from_nir(graph, dt=1e-3)
    texts = error.value.problems
    for k, text in enumerate(("tau above 0", "NaN", "got MaxPool2d", "0 or more", "'bias'")):
        assert any(f"'n{k}'" in one and text in one for one in texts), (k, texts)


def test_a_missing_library_is_named_and_graphs_need_none(monkeypatch, tmp_path):
    for name in ("nir", "h5py"):
        monkeypatch.setitem(sys.modules, name, None)
    assert 1 == len(from_nir(chain(linear([[1.0]]))))
    (tmp_path / "net.nir").write_bytes(b"")
    with pytest.raises(ValidationError, match=r"'h5py'.*spikesim\[interop\]"):
        from_nir(tmp_path / "net.nir")
    with pytest.raises(ValidationError, match=r"'nir'.*spikesim\[interop\]"):
        to_nir(nn.LIFLayer(1))


def test_the_package_loads_what_is_asked_for_only():
    code = (
        "import sys, spikesim.convert as c; assert 'torch' not in sys.modules; c.from_nir; "
        "assert 'nir' not in sys.modules; dir(c)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
