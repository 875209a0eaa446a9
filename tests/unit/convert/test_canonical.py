# SPDX-License-Identifier: Apache-2.0
"""A neuron counted in another unit is the same neuron: spikes and gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim import nn  # noqa: E402
from spikesim.convert.canonical import Canonical, same, uniform  # noqa: E402
from spikesim.errors import ConversionError  # noqa: E402
from tests.reference.frameworks import drive, gradients  # noqa: E402

#: The same sums in another order: float64 rounds them apart.
ROUNDING = 1e-12
FIELDS = {
    "beta": 0.8, "alpha": 0.3, "gain": 0.7, "bias": 0.05, "v_th": 0.9, "v_reset": -0.2,
    "v_init": 0.3, "v_floor": -0.6,
}  # fmt: skip


def layer_of(c):
    """Give the layer of constants."""
    return nn.LIFLayer(
        beta=c.beta, alpha=c.alpha, gain=c.gain, bias=c.bias, v_th=c.v_th, v_reset=c.v_reset,
        reset=c.reset, reset_amount=c.amount, v_init=c.v_init, v_floor=c.v_floor,
        strict=c.strict, detach_reset=c.detach_reset, surrogate=c.surrogate,
    )  # fmt: skip


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize("several", [False, True])
def test_another_unit_and_offset_change_neither_spikes_nor_gradients(reset, several):
    fields = dict(FIELDS)
    if several:
        fields |= {"gain": np.array([0.5, 0.7, 0.9]), "v_th": np.array([0.7, 0.9, 1.1])}
    layer = nn.LIFLayer(**fields, reset=reset, detach_reset=False, surrogate=nn.FastSigmoid(2.0))
    own = Canonical.of(layer)
    x = drive(2, 3)
    expected, (by_x,) = gradients(layer, x)
    assert 0.02 < float(expected.mean()) < 0.98
    for unit, offset in ((own.gain, own.rest), (2.5, -0.4)):
        moved = own.counted(unit, offset)
        got, (found,) = gradients(layer_of(moved), x)
        assert torch.equal(got, expected)
        assert float((found - by_x).abs().max()) <= ROUNDING * float(by_x.abs().max())
    at_rest = own.counted(own.gain, own.rest)
    assert same(at_rest.gain, 1.0)
    assert same(at_rest.bias, 0.0)


def test_without_a_leak_rest_is_where_the_membrane_begins():
    assert Canonical.of(nn.LIFLayer(beta=1.0, v_init=-0.5)).rest == -0.5
    assert Canonical.of(nn.LIFLayer(beta=0.5, bias=0.25)).rest == 0.5


def test_constants_of_a_shape_of_several_axes_keep_it():
    layer = nn.LIFLayer((2, 3), v_th=[1.0, 2.0])
    assert Canonical.of(layer).v_th.tolist() == [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    with pytest.raises(ConversionError, match="expected one v_th for all neurons, got 1 to 2"):
        uniform("v_th", Canonical.of(layer).v_th)
    assert uniform("v_th", np.full((2, 3), 0.5)) == 0.5
