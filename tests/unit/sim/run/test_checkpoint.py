# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Convolution, FixedProbability, Network
from spikesim.neurons import LIF
from spikesim.sim import Poisson, Simulator

DRIVE = {"in": Poisson(400.0)}


def _net(beta=0.9, n=40):
    net = Network(dt=1e-3, seed=3, name="loop")
    net.add_input("in", 30)
    net.add_population("e", n, LIF(beta=beta, alpha=0.5, v_th=1.0, refractory_ticks=2))
    net.add_population("i", 10, LIF(beta=0.8, v_th=0.7), start_tick=20)
    net.connect(
        "in", "e", FixedProbability(0.3), weight=0.4, delay_ticks=lambda r, k: r.integers(0, 9, k)
    )
    for pre, post, weight in (("e", "e", 0.1), ("e", "i", 0.3), ("i", "e", -0.5)):
        net.connect(
            pre, post, FixedProbability(0.4), delay_ticks=lambda r, k: r.integers(1, 14, k),
            weight=lambda r, k, w=weight: r.normal(w, 0.05, k),
        )  # fmt: skip
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_resumed_run_goes_on_with_the_same_spikes_in_any_blocks(tmp_path, dtype, blocks):
    whole = Simulator(_net(), dtype=dtype).run(DRIVE, 300, seed=5, record=("spikes", "e.v"))
    first = Simulator(_net(), dtype=dtype).run(DRIVE, 117, seed=5, checkpoint=tmp_path / "c")
    rest = Simulator(_net(), dtype=dtype, blocks=blocks).run(
        DRIVE, 300, seed=5, resume=tmp_path / "c", record=("spikes", "e.v")
    )
    assert (rest.start, rest.stop) == (117, rest.start + rest.steps)
    for name in ("e", "i"):
        assert len(whole.spikes[name]) > 50
        joined = np.concatenate([first.spikes[name].ticks, rest.spikes[name].ticks])
        assert np.array_equal(whole.spikes[name].ticks, joined)
        joined = np.concatenate([first.spikes[name].index, rest.spikes[name].index])
        assert np.array_equal(whole.spikes[name].index, joined)
    assert np.array_equal(whole.trace("e.v")[117:], rest.trace("e.v"))


def test_regular_checkpoints_replace_each_other_and_change_nothing(tmp_path):
    path = tmp_path / "c"
    plain = Simulator(_net()).run(DRIVE, 200, seed=5)
    saved = Simulator(_net()).run(DRIVE, 200, seed=5, checkpoint=path, checkpoint_every=30)
    assert plain.same_spikes(saved)
    assert [file.name for file in tmp_path.iterdir()] == ["c"]
    again = Simulator(_net()).run(DRIVE, 200, seed=5, resume=path)
    assert sum(len(trains) for trains in again.spikes.values()) == 0


def test_a_checkpoint_of_another_run_is_refused_with_every_difference(tmp_path):
    path = tmp_path / "c"
    Simulator(_net()).run(DRIVE, 50, seed=5, checkpoint=path)
    with pytest.raises(ValidationError, match="in which these differ: population 'e'; build"):
        Simulator(_net(beta=0.8)).run(DRIVE, 60, seed=5, resume=path)
    with pytest.raises(ValidationError) as caught:
        Simulator(_net(n=41), dtype="float64").run(DRIVE, 60, seed=6, resume=path)
    assert len(caught.value.problems) == 3
    with pytest.raises(ValidationError, match="steps of at least 50, the tick it was saved at"):
        Simulator(_net()).run(DRIVE, 40, seed=5, resume=path)


def test_parts_that_came_or_went_and_other_synapses_are_named(tmp_path):
    path = tmp_path / "c"

    def simulator(rows, extra=()):
        net = Network(dt=1e-3)
        net.add_population("e", 3, LIF(beta=0.9))
        net.connect("e", "e", np.array(rows), name="loop")
        for name in extra:
            net.add_input(name, 2)
        return Simulator(net)

    rows = [[0.0, 0.5, 0.0], [0.0, 0.0, 0.2], [0.3, 0.0, 0.0]]
    simulator(rows, ["old"]).run({}, 5, checkpoint=path)
    # As many synapses with the same weights, but between other neurons.
    with pytest.raises(ValidationError) as caught:
        simulator(rows[1:] + rows[:1], "vwxyz").run({}, 9, resume=path)
    expected = "input 'old' (missing), projection 'loop', input 'v' (new), input 'w' (new), 3 more;"
    assert expected in str(caught.value)


@pytest.mark.parametrize("part", ["", "[16:]"])
def test_a_kernel_of_other_weights_or_steps_is_another_network(tmp_path, part):
    path = tmp_path / "c"

    def simulator(weights=(1.0, 0.5, 0.25, 0.125), **options):
        net = Network(dt=1e-3)
        net.add_input("in", 32 if part else 16)
        net.add_population("e", 9, LIF(beta=0.9))
        conv = Convolution(np.reshape(weights, (1, 1, 2, 2)), (4, 4), **options)
        net.connect(f"in{part}", "e", conv)
        return Simulator(net)

    simulator().run(DRIVE, 5, checkpoint=path)
    assert 4 == simulator().run(DRIVE, 9, resume=path).steps
    turned = (0.125, 0.5, 0.25, 1.0)
    for other in (simulator(turned), simulator(padding=1, stride=2)):
        with pytest.raises(ValidationError, match=r"projection 'in.*->e'"):
            other.run(DRIVE, 9, resume=path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c"
    Simulator(_net()).run(DRIVE, 50, seed=5, checkpoint=path)
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValidationError, match="truncated, damaged or of another format"):
        Simulator(_net()).run(DRIVE, 60, seed=5, resume=path)
    with pytest.raises(ValidationError, match="checkpoint="):
        Simulator(_net()).run(DRIVE, 60, checkpoint_every=5)
