# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.models import comparison
from spikesim.models.potjans_diesmann import DISCARD_S, PotjansDiesmann, full_synapses, measure
from spikesim.models.potjans_diesmann_data import N_FULL, POPULATIONS, RATES_HZ
from spikesim.network import GivenRows

# NEST 3.10 at scale 0.1, 0.1 to 1.1 s, mean of 3 seeds; networks of ours differ from one
# another by up to 6 % (L23E) in a second, so 15 % is beyond five times the error of a mean.
NEST_AT_A_TENTH = (0.496, 2.087, 3.929, 4.986, 6.393, 7.623, 0.874, 6.803)
ONE_NETWORK = 0.15


def rates(model, seconds=1.1, seed=1):
    trains = comparison.after(comparison.run(model, seconds, seed=seed), DISCARD_S)
    found = measure(trains, model.dt)
    return np.array([found[f"{name} rate (Hz)"] for name in POPULATIONS])


def test_a_tenth_of_the_network_fires_as_in_nest():
    np.testing.assert_allclose(rates(PotjansDiesmann(scale=0.1)), NEST_AT_A_TENTH, rtol=ONE_NETWORK)


def test_a_current_can_stand_for_the_poisson_drive():
    # With half of the synapses rates stay near those of the full network (measured: within
    # 10 %). With a tenth, and no noise, the compensated network falls silent.
    model = PotjansDiesmann(scale=0.1, k_scale=0.5, drive="dc")
    assert model.inputs() == {}
    np.testing.assert_allclose(rates(model, seconds=0.6), RATES_HZ, rtol=0.25)


def test_current_drive_brings_the_mean_of_the_poisson_drive():
    for k in range(8):
        poisson, current = PotjansDiesmann(), PotjansDiesmann(drive="dc")
        mean = poisson.drive_hz(k) * poisson.w_full * poisson.tau_syn
        assert current.current(k) - poisson.current(k) == pytest.approx(mean)


def test_scaling_keeps_mean_and_variance_of_the_input():
    """Check sums over sources, at the published rates, against those of the full network."""
    full, part = PotjansDiesmann(), PotjansDiesmann(scale=0.2, k_scale=0.3)
    for target in range(8):
        sums = []
        for model in (full, part):
            n = N_FULL[target] * model.scale
            w = model.w_full / np.sqrt(model.in_degree_scale)
            events = np.array([model.synapses(target, s) / n * RATES_HZ[s] for s in range(8)])
            jumps = w * np.array([model.relative_weight(target, s) for s in range(8)])
            mean = events @ jumps + model.drive_hz(target) * w
            variance = events @ jumps**2 + model.drive_hz(target) * w**2
            sums.append((mean * model.tau_syn + model.current(target), variance))
        # numbers of synapses are rounded
        np.testing.assert_allclose(sums[0], sums[1], rtol=1e-3)


def test_sizes_of_the_full_network():
    model = PotjansDiesmann()
    assert 77_169 == sum(model.sizes.values())
    assert 298_880_968 == model.n_synapses
    # p = 1 - (1 - 1/pairs)^synapses, solved for the synapses
    pairs = N_FULL[0] ** 2
    p = 1.0 - (1.0 - 1.0 / pairs) ** full_synapses(0, 0)
    assert 0.1009 == pytest.approx(p, rel=1e-6)
    assert 0 == full_synapses(0, 5)


def test_excitatory_potential_peaks_at_psp():
    model = PotjansDiesmann()
    t = np.arange(0.0, 20e-3, 1e-6)
    gain = model.tau_mem * model.tau_syn / (model.tau_mem - model.tau_syn) / model.c_mem
    v = model.w_full * gain * (np.exp(-t / model.tau_mem) - np.exp(-t / model.tau_syn))
    assert 0.15e-3 == pytest.approx(v.max(), rel=1e-6)
    assert 87.8e-12 == pytest.approx(model.w_full, rel=1e-3)


def test_synapses_have_their_own_weights_and_delays():
    net = PotjansDiesmann(scale=0.05).network(seed=1)
    plain, doubled = (net.projections[name].rows for name in ("L4E->L4E", "L4E->L23E"))
    inhibitory = net.projections["L23I->L23E"].rows
    assert 2.0 == pytest.approx(doubled.weights.mean() / plain.weights.mean(), rel=0.02)
    assert -4.0 == pytest.approx(inhibitory.weights.mean() / plain.weights.mean(), rel=0.02)
    assert 0.1 == pytest.approx(plain.weights.std() / plain.weights.mean(), rel=0.05)
    assert plain.weights.min() > 0 > inhibitory.weights.max()
    # the current begins at least one tick after the spike, so it comes in with the second one
    assert 2 == plain.delays.min() == inhibitory.delays.min()
    # 1.5 ms ± 0.75 ms, of which the 2.7 % below dt / 2 are drawn again: mean 1.545 ms
    assert 16.45 == pytest.approx(plain.delays.mean(), rel=0.02)


def test_full_network_is_described_without_its_synapses():
    net = PotjansDiesmann().network()
    recurrent = [p for p in net.projections.values() if not p.pre.is_input]
    assert 298_880_968 == sum(p.nnz for p in recurrent)
    assert not any(isinstance(p.synapses, GivenRows) for p in recurrent)
    assert not any("rows" in vars(p) for p in recurrent)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scale": 0.0}, "expected scale above 0 and at most 1, got 0.0"),
        ({"k_scale": 1.5}, "expected k_scale above 0 and at most 1, got 1.5"),
        ({"drive": "noise"}, "expected drive 'poisson' or 'dc', got 'noise'"),
        ({"v_init": "best"}, "expected v_init as one of"),
    ],
)
def test_refused_parameters(wrong, message):
    with pytest.raises(ValidationError, match=message):
        PotjansDiesmann(**wrong)
