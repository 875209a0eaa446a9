# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from tests.reference.stateful_nets import Branches, Loop  # noqa: E402


def test_explain_tells_the_way_of_each_module():
    class Own:
        def gradient(self, u):
            return torch.ones_like(u)

    class Sharper(nn.Triangle):
        def gradient(self, u):
            return 2.0 * super().gradient(u)

    net = torch.nn.Sequential(
        nn.Linear(2, 2), nn.LIFLayer(2, surrogate=Own()), torch.nn.ReLU(), Branches(),
        nn.LIFLayer(2, surrogate=Sharper()), Loop(nn.LIFLayer(2), 2),
    )  # fmt: skip
    lines = dict(line.split(": ", 1) for line in nn.explain(net).splitlines())
    assert ["net", "0", "1", "2", "3", "3.left", "3.right", "3.out", "4", "5"] == list(lines)[:10]
    assert "surrogate Own is Python of yours" in lines["1"]
    assert "surrogate Sharper is Python of yours" in lines["4"]
    assert "its own step, tick by tick" in lines["3.left"]
    assert "all ticks at once" in lines["0"]
    assert "tick by tick" in lines["2"]
    assert "its forward, tick by tick" in lines["3"]
    assert "its own step, tick by tick" in lines["5"]


def test_neurons_are_said_to_have_kernels_where_they_are_given_all_ticks(monkeypatch):
    net = torch.nn.Sequential(
        nn.LIFLayer(2), nn.LI(2), nn.Recurrent(nn.LIFLayer(2), nn.Diagonal(2)),
        torch.nn.Sequential(nn.LIFLayer(2), nn.Delay(1)), nn.ALIFLayer(2), Branches(),
    )  # fmt: skip
    names = {id(module): name for name, module in net.named_modules()}
    seen, plain = [], nn.LIFLayer.seq
    monkeypatch.setattr(
        nn.LIFLayer,
        "seq",
        lambda self, *given: seen.append(names[id(self)]) or plain(self, *given),
    )
    nn.run(net, torch.ones(3, 1, 2))
    lines = dict(line.split(": ", 1) for line in nn.explain(net).splitlines())
    assert ["0", "3.0"] == seen
    assert seen == [name for name, text in lines.items() if "kernels" in text]
    assert "its own seq" in lines["3.1"]
    assert "its own step" in lines["1"]


def test_an_input_tells_what_ran_and_how_dense_it_was():
    net = torch.nn.Sequential(
        nn.Linear(8, 64), nn.LIFLayer(64, v_th=0.125), nn.Linear(64, 2), Branches(),
        nn.Recurrent(nn.LIFLayer(4), nn.Linear(4, 4)), nn.BatchNorm(4),
    )  # fmt: skip
    net.train()
    before = net[5].running_mean.clone()
    x = torch.zeros(10, 4, 8)
    x[..., 0] = 1.0
    x[:2, :, 1] = 1.0
    with torch.no_grad():
        spikes = net[1](net[0](x))
    lines = dict(line.split(": ", 1) for line in nn.explain(net, x).splitlines())
    assert "Linear, all ticks at once, weights of spikes added (15.0 % of the input)" == lines["0"]
    share = f"{float(spikes.mean()):.1%}".replace("%", " %")
    assert 0.02 < float(spikes.mean()) < 0.7
    assert "on a CPU kernels (surrogate ATan, code 0);" in lines["1"]
    assert f"; {share} of the output are spikes" in lines["1"]
    assert f"({share} of the input)" in lines["2"]
    assert "its own step, tick by tick" in lines["3.left"]
    assert "call of a kernel" in lines["4"]
    assert torch.equal(before, net[5].running_mean)
    assert not any(module._forward_hooks for module in net.modules())
    assert net.training
    half = nn.explain(net[:2], 0.5 * x)
    assert "matrices multiplied, since the input is other than 0 and 1" in half
    many = nn.explain(net[:2], torch.ones(2, 2, 8))
    assert "matrices multiplied, since spikes are many (100.0 % of the input)" in many
    assert "reference loop over ticks, since the input is small" in many
    with nn.backend("reference"):
        told = nn.explain(net[:2], x)
    assert "or none is wanted" in told
    assert "which nn.backend asks for" in told
