# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spikesim.errors import ValidationError  # noqa: E402
from spikesim.nn.arithmetic.exact import product  # noqa: E402
from spikesim.nn.graph.spikemap import SpikeMap, joined, matrix_of  # noqa: E402

RNG = np.random.default_rng(0)
A, B = SpikeMap.of("a", (2, 3)), SpikeMap.of("b", (2, 3))


def value(x, **spikes):
    total = np.zeros(x.n) if x.bias is None else x.bias.numpy()
    for name, part in x.parts.items():
        total = total + spikes[name] @ matrix_of(part, x.n).numpy()
    return total.reshape(x.shape)


def test_spikes_as_they_are_know_their_source_and_nothing_else_does():
    assert "a" == A.source == A.reshaped((6,)).source == A.taken(np.arange(6)).source
    others = [
        A + B,
        A + A,
        A.scaled(np.ones(6)),
        A.shifted(np.ones(6)),
        A.taken(np.arange(6)[::-1]),
    ]
    assert all(x.source is None for x in others)


def test_sums_products_and_selections_are_those_of_the_values():
    a, b = RNG.integers(0, 2, (2, 6)).astype(float)
    matrix, bias, factor = RNG.random((6, 4)), RNG.random(6), RNG.random(6)
    x = (A + B.scaled(factor)).shifted(bias) + A
    plain = a + b * factor + bias + a
    np.testing.assert_allclose(plain.reshape(2, 3), value(x, a=a, b=b), rtol=1e-12)
    np.testing.assert_allclose(plain @ matrix, value(x.through(matrix, (4,)), a=a, b=b), rtol=1e-12)
    index = np.array([[5, 0], [2, 2]])
    np.testing.assert_allclose(plain[index], value(x.taken(index), a=a, b=b), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_joined_lies_side_by_side_along_the_axis(axis):
    a, b = RNG.random((2, 6))
    x = joined([A, B.shifted(np.ones(6)), A], axis)
    plain = [a.reshape(2, 3), b.reshape(2, 3) + 1.0, a.reshape(2, 3)]
    assert (np.concatenate(plain, axis) == value(x, a=a, b=b)).all()


def test_terms_and_parts_of_other_shapes_are_refused():
    with pytest.raises(ValidationError, match=r"one shape, got \(2, 3\) and \(6,\)"):
        A + B.reshaped((6,))
    with pytest.raises(ValidationError, match=r"fit along axis 0, got \(2, 3\), \(3, 2\)"):
        joined([A, B.reshaped((3, 2))], 0)


def test_a_product_is_summed_term_after_term():
    a, b = RNG.normal(size=(4, 7)), RNG.normal(size=(7, 3))
    a[:, 2] = a[1, 4] = 0.0
    expected = [[0.0] * 3 for _ in range(4)]
    for i in range(4):
        for j in range(3):
            for k in range(7):
                expected[i][j] += a[i, k] * b[k, j]
    assert expected == product(torch.from_numpy(a), torch.from_numpy(b)).tolist()
