# SPDX-License-Identifier: Apache-2.0
"""What all converters share: twins, missing packages, the package itself."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from spikesim import convert, nn  # noqa: E402
from spikesim.convert.modules import calls, twin, twin_of_all  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402

NAMES = ("snntorch", "spikingjelly", "norse", "sinabs")


@pytest.mark.parametrize("way", ["from", "to"])
@pytest.mark.parametrize("name", NAMES)
def test_a_package_that_is_missing_is_named(name, way, monkeypatch):
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, name, None)
    function = getattr(convert, f"{way}_{name}")
    with pytest.raises(ConversionError, match=rf"{way}_{name}: expected {name} .*pip install"):
        function(torch.nn.Linear(2, 2))


def test_package_and_presets_need_no_framework():
    code = (
        f"import sys\nfor name in {NAMES}:\n    sys.modules[name] = None\n"
        "from spikesim import convert, nn\nfrom spikesim.nn.compat import snntorch\n"
        "for name in convert.__all__:\n    getattr(convert, name)\n"
        "nn.like_snntorch(beta=0.9), nn.like_spikingjelly(), nn.like_norse(), nn.like_sinabs()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_framework_alone_is_enough():
    # In a process of its own: tests beside this one import parts of the frameworks as well.
    code = """
import torch
from spikesim import convert, nn
for name in NAMES:
    made = getattr(convert, f"to_{name}")(nn.SpikingNet(nn.Linear(3, 2), LAYERS[name]))
    assert isinstance(getattr(convert, f"from_{name}")(made)[1], nn.LIFLayer)
"""
    layers = (
        "{'snntorch': nn.like_snntorch(2, beta=0.5), 'spikingjelly': nn.like_spikingjelly(2),"
        " 'norse': nn.like_norse(2), 'sinabs': nn.like_sinabs(2, tau_mem=9.0)}"
    )
    code = code.replace("NAMES", repr(NAMES)).replace("LAYERS", layers)
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    assert set(convert.__all__) <= set(dir(convert))
    with pytest.raises(AttributeError, match="no attribute 'from_nest'"):
        convert.from_nest  # noqa: B018 - the access itself is the test


class Keeps(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))
        self.how = self.twice  # a bound method among the attributes

    def twice(self, x):
        self.count = self.count + 1
        return 2 * x

    def forward(self, x):
        return self.how(x)


def test_what_happens_to_a_twin_does_not_happen_to_the_module():
    module = torch.nn.Sequential(Keeps(), torch.nn.Linear(2, 2))
    other = twin_of_all(module)
    other.register_forward_hook(lambda *_: None)
    other[0].extra = torch.nn.Parameter(torch.zeros(1))
    other.eval()(torch.ones(1, 2))
    del other[1]
    assert module[0].count.item() == 0.0
    assert other[0].count.item() == 1.0
    assert module.training
    assert len(module) == 2
    assert not module._forward_hooks
    assert len(list(module.parameters())) == 2
    assert twin(module[1]).weight is module[1].weight


class Twice(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = torch.nn.ReLU()

    def forward(self, x):
        return self.relu(self.relu(x)) if x.sum() > 0 else x


def test_calls_are_counted_where_a_forward_method_does_not_go_by_values():
    def known(module):
        return isinstance(module, torch.nn.ReLU)

    relu = torch.nn.ReLU()
    net = torch.nn.ModuleDict(
        {
            "by_values": Twice(),
            "row": torch.nn.Sequential(relu, torch.nn.Sequential(torch.nn.ReLU())),
        }
    )
    found = calls(net, known)
    assert (found["row.0"], found["row.1.0"], found["by_values.relu"]) == (1, 1, 0)
    assert calls(relu, known) == {}


HOOKS = (
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook",
)  # fmt: skip


@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_of_a_twin_are_its_own(kind):
    module = torch.nn.Linear(2, 2)
    getattr(twin(module), kind)(lambda *_: None)
    assert not any(
        (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks,
         module._backward_pre_hooks)
    )  # fmt: skip


def neuron_of(name):
    if name == "snntorch":
        return pytest.importorskip("snntorch").Leaky(beta=0.9, init_hidden=True)
    if name == "spikingjelly":
        return pytest.importorskip("spikingjelly.activation_based.neuron").LIFNode()
    if name == "norse":
        return pytest.importorskip("norse.torch").LIFBoxCell()
    return pytest.importorskip("sinabs.layers").LIF(
        tau_mem=10.0, spike_fn=pytest.importorskip("sinabs.activation").SingleSpike
    )


@pytest.mark.parametrize("kind", HOOKS)
@pytest.mark.parametrize("name", NAMES)
def test_neurons_with_hooks_that_would_be_lost_are_refused(name, kind):
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 2), neuron_of(name))
    ours = nn.SpikingNet(nn.Linear(3, 2), nn.LIFLayer(2, beta=0.9, gain=0.1, strict=True))
    for way, net in (("from", theirs), ("to", ours)):
        getattr(net[1], kind)(lambda *_: None)
        with pytest.raises(ConversionError, match=rf"{way}_{name}: '1' .*expected no hooks"):
            getattr(convert, f"{way}_{name}")(net)


def test_hooks_of_what_stays_stay():
    pytest.importorskip("snntorch")
    for where in ("", "0"):
        net = torch.nn.Sequential(nn.Linear(3, 2), neuron_of("snntorch"))
        seen = net.get_submodule(where).register_forward_hook(lambda *_: None)
        made = convert.from_snntorch(net)
        assert seen.id in made.get_submodule(where)._forward_hooks
    ours = torch.nn.Sequential(nn.Linear(3, 2), nn.LIFLayer(2))
    seen = ours[0].register_forward_hook(lambda *_: None)
    assert seen.id in convert.to_snntorch(ours)[0]._forward_hooks


@pytest.mark.parametrize("way", ["from", "to"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_module_stays_in_its_mode(name, training, way):
    neuron = neuron_of(name) if way == "from" else nn.LIFLayer(2, beta=0.9, gain=0.1, strict=True)
    frozen = torch.nn.BatchNorm1d(2)  # as in fine-tuning, where the statistics are to stay
    within = torch.nn.Sequential(torch.nn.Linear(3, 2), frozen, neuron)
    net = torch.nn.Sequential(within, torch.nn.Dropout(0.5)).train(training)
    frozen.train(not training)
    made = getattr(convert, f"{way}_{name}")(net)
    for path in ("", "0", "0.0", "0.1", "0.2", "1"):
        assert net.get_submodule(path).training == made.get_submodule(path).training, path
