# SPDX-License-Identifier: Apache-2.0
"""E-prop: the equations of the paper written out, and where they are backpropagation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.errors import ValidationError  # noqa: E402
from tests.reference.torch_memory import peak_bytes  # noqa: E402

SHARE = 1e-12  # float64, sums of a few hundred terms in another order
BETA, RHO, RISE, KAPPA = 0.75, 0.875, 0.4, 0.5


def lif(**options):
    return nn.LIFLayer(4, **{"beta": BETA, "reset": "soft", "surrogate": nn.Triangle()} | options)


def alif(**options):
    return nn.ALIFLayer(
        4, beta=BETA, theta_plus=RISE, rho=RHO, surrogate=nn.Triangle(), **options
    )  # fmt: skip


def row(hidden, readout=None, *between):
    torch.manual_seed(0)
    readout = nn.LI(2, beta=KAPPA) if readout is None else readout
    first, last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
    torch.nn.init.uniform_(first.weight, -0.5, 1.5)
    torch.nn.init.uniform_(last.weight, -0.5, 1.0)
    return torch.nn.Sequential(first, hidden, *between, last, readout).double()


def spikes(shape, seed=1):
    return torch.from_numpy((np.random.default_rng(seed).random(shape) < 0.5).astype(float))


def gradients(model, x, target):
    model.zero_grad()
    torch.manual_seed(5)  # of masks
    out, _ = nn.run(model, x)
    (0.5 * (out - target) ** 2).sum().backward()
    return out.detach(), {name.removeprefix("net."): p.grad for name, p in named(model)}


def named(model):
    return [(name, p) for name, p in model.named_parameters() if p.grad is not None]


def assert_close(expected, found):
    assert set(expected) == set(found)
    for name, a in expected.items():
        assert a.any(), name
        assert (a - found[name]).abs().max() <= SHARE * a.abs().max(), name


@pytest.mark.parametrize(
    "readout", [None, nn.LIFLayer(2, beta=KAPPA, reset="soft")], ids=["membrane", "spikes"]
)
@pytest.mark.parametrize(
    "hidden",
    [
        lif(), lif(reset="hard"), lif(reset="none"), lif(detach_reset=False),
        lif(alpha=0.5, refractory_ticks=1), lif(beta=[0.5, 0.6, 0.7, 0.8], v_floor=-0.25), alif(),
        alif(alpha=0.25),
    ],
)  # fmt: skip
def test_one_layer_without_a_loop_has_the_gradient_of_backpropagation_through_time(hidden, readout):
    net, x = row(hidden, readout, nn.Dropout(0.4)), spikes((15, 3, 3))
    target = torch.rand(15, 3, 2, generator=torch.manual_seed(2)).double()
    out, expected = gradients(net, x, target)
    expected = {name: grad.clone() for name, grad in expected.items()}
    again, found = gradients(nn.EProp(net), x, target)
    assert torch.equal(out, again)
    assert_close(expected, found)


def written_out(net, x, target, feedback, adapts):
    """Equations 4, 24 and 25 of Bellec et al. with the error of their equation 1, loop by loop."""
    w_in, b_in, w_rec, b_rec, w_out, b_out = (p.detach().numpy() for p in net.parameters())
    steps, batch, n_in = x.shape
    n, n_out = len(w_in), len(w_out)
    into = np.concatenate([w_in, w_rec, b_in[:, None] + b_rec[:, None]], 1)
    beta_a = RHO * RISE if adapts else 0.0
    grads, grad_out = np.zeros_like(into), np.zeros((n_out, n + 1))
    for b in range(batch):
        v, a, z, y = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n_out)
        z_bar = np.zeros(n_in + n + 1)
        eps_a, e_bar = np.zeros_like(into), np.zeros_like(into)
        z_out_bar = np.zeros(n + 1)
        for t in range(steps):
            given = np.concatenate([x[t, b], z, [1.0]])
            h = BETA * v + into @ given
            z_bar = BETA * z_bar + given
            u = h - (1.0 + beta_a * a)
            z, psi = (u >= 0).astype(float), np.maximum(0.0, 1.0 - np.abs(u))
            v, a = h - z, RHO * a + z
            y = KAPPA * y + w_out @ z + b_out
            error = y - target[t, b]
            z_out_bar = KAPPA * z_out_bar + np.append(z, 1.0)
            grad_out += np.outer(error, z_out_bar)
            signal = feedback.T @ error
            for j in range(n):
                for i in range(n_in + n + 1):
                    e = psi[j] * (z_bar[i] - beta_a * eps_a[j, i])
                    eps_a[j, i] = psi[j] * z_bar[i] + (RHO - psi[j] * beta_a) * eps_a[j, i]
                    e_bar[j, i] = KAPPA * e_bar[j, i] + e
                    grads[j, i] += signal[j] * e_bar[j, i]
    own = grads[:, :n_in], grads[:, -1], grads[:, n_in:-1], grads[:, -1]
    return dict(
        zip(
            [name for name, _ in net.named_parameters()],
            map(torch.from_numpy, (*own, grad_out[:, :-1], grad_out[:, -1])),
            strict=True,
        )
    )


@pytest.mark.parametrize("feedback", ["symmetric", "random"])
@pytest.mark.parametrize("neurons", [lif(), alif()], ids=["LIF", "ALIF"])
def test_loops_have_the_gradient_of_the_equations_written_out(neurons, feedback):
    net = row(nn.Recurrent(neurons, torch.nn.Linear(4, 4)))
    x, method = spikes((12, 2, 3)), nn.EProp(net, feedback=feedback, seed=3)
    target = torch.rand(12, 2, 2, generator=torch.manual_seed(2)).double()
    back = net[2].weight.detach() if feedback == "symmetric" else method.feedback0
    expected = written_out(
        net, x.numpy(), target.numpy(), back.numpy(), isinstance(neurons, nn.ALIFLayer)
    )
    _, found = gradients(method, x, target)
    assert 0.1 < nn.run(net[:2], x)[0].mean() < 0.9
    assert_close(expected, found)
    _, through_time = gradients(net, x, target)
    assert not torch.allclose(through_time["0.weight"], expected["0.weight"], rtol=0.01)


def test_random_feedback_reaches_every_layer_and_is_drawn_once():
    def deep():
        torch.manual_seed(0)
        return nn.SpikingNet(
            torch.nn.Flatten(), nn.Linear(6, 5, scale=3.0), nn.LIFLayer(5, beta=BETA),
            nn.Linear(5, 4, scale=3.0), nn.ALIFLayer(4), nn.Linear(4, 2), nn.LI(2),
        )  # fmt: skip

    method = nn.EProp(deep(), feedback="random", seed=7)
    method(spikes((9, 2, 2, 3)).float()).sum().backward()
    assert all(p.grad.any() for p in method.parameters())
    assert [(2, 5), (2, 4)] == [tuple(b.shape) for _, b in method.named_buffers() if b.ndim == 2]
    assert torch.equal(method.feedback1, nn.EProp(deep(), feedback="random", seed=7).feedback1)
    assert not torch.equal(method.feedback1, nn.EProp(deep(), feedback="random").feedback1)
    with pytest.raises(ValidationError, match=r"one layer of neurons .* got 2; feedback='random'"):
        nn.EProp(deep())


def test_memory_does_not_grow_with_the_number_of_ticks():
    hidden = nn.Recurrent(nn.ALIFLayer(30), torch.nn.Linear(30, 30))
    net = torch.nn.Sequential(torch.nn.Linear(3, 30), hidden, torch.nn.Linear(30, 2), nn.LI(2))
    few, many = spikes((10, 2, 3)).float(), spikes((60, 2, 3)).float()

    def growth(run):
        run(few)  # from then on parameters have a gradient
        return peak_bytes(lambda: run(many)) - peak_bytes(lambda: run(few))

    outputs = 2 * 2 * 4 * 50  # bytes of 50 ticks, which are handed back
    assert growth(lambda x: nn.EProp(net).backward(x, lambda y, t: y.square().sum())) <= outputs
    # Outputs, their errors, and what made these of them.
    assert growth(lambda x: nn.EProp(net)(x).square().sum().backward()) <= 6 * outputs
    assert growth(lambda x: nn.run(net, x)[0].square().sum().backward()) > 50 * outputs


def test_it_learns_in_fit_and_says_so():
    torch.manual_seed(0)
    hidden = nn.Recurrent(nn.ALIFLayer(12, beta=0.8), nn.Linear(12, 12))
    net = nn.SpikingNet(nn.Linear(8, 12, scale=3.0), hidden, nn.Linear(12, 2), nn.LI(2, beta=0.8))
    x = spikes((6, 40, 8)).float()
    y = (x.mean(0)[:, :4].sum(1) > x.mean(0)[:, 4:].sum(1)).long()
    method = nn.EProp(net, feedback="random")
    assert "feedback='random'" in repr(method)
    readout = {"loss": nn.MembraneCrossEntropy(), "decode": nn.decode.mean_value}
    history = nn.fit(method, [(x, y)], epochs=40, lr=0.05, **readout)
    assert history.loss[-1] < history.loss[0] / 2
    assert nn.accuracy(net, [(x, y)], decode=nn.decode.mean_value) > 0.8


LINEAR = torch.nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([LINEAR], "ends in Linear and LI"),
        ([nn.LIFLayer(2), LINEAR, nn.LI(2)], r"'0' \(LIFLayer\): expected a projection before"),
        ([LINEAR, nn.LI(2), nn.Linear(2, 2), nn.LI(2)], "LI at the end only"),
        ([LINEAR, nn.LIFLayer(2), LINEAR, nn.LI(2)], r"'2' \(Linear\): expected each place"),
        ([LINEAR, torch.nn.ReLU(), nn.LI(2)], r"'1' \(ReLU\): expected a row of"),
        ([LINEAR, nn.Linear(2, 2), nn.LI(2)], "got something between"),
        ([LINEAR, nn.LIFLayer(2)], "a readout that only leaks, .* got a hard reset"),
        ([LINEAR, nn.LI(2, beta=[0.5, 0.6])], "got a beta for each neuron"),
        ([LINEAR, nn.LI(2, learn="bias")], "learned constants"),
        ([LINEAR, nn.ALIFLayer(2)], "expected LI or LIFLayer as readout"),
        ([LINEAR, nn.Recurrent(nn.LIFLayer(2), nn.Diagonal(2)), LINEAR, nn.LI(2)], "Diagonal"),
        ([LINEAR, nn.ALIFLayer(2, learn="rho"), nn.Linear(2, 2), nn.LI(2)], "learned constants"),
        ([LINEAR, torch.nn.Dropout(), nn.LI(2)], r"use nn\.Dropout"),
        ([torch.nn.Conv1d(1, 1, 2), nn.LIFLayer(2)], "expected a row of"),
    ],
)
def test_what_would_have_another_gradient_is_refused(layers, text):
    with pytest.raises(ValidationError, match=text):
        nn.EProp(torch.nn.Sequential(*layers))


def test_unknown_feedback_is_refused():
    with pytest.raises(ValidationError, match=r"feedback as one of .* got 'broadcast'"):
        nn.EProp(row(lif()), feedback="broadcast")
