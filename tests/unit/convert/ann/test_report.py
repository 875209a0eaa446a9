# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip("torch")

from spikesim.convert.ann.report import Energy, Point, Report
from spikesim.nn import EnergyReport

NONE = EnergyReport({}, 1, 1)


def report(*agreements):
    curve = tuple(Point(2**k, agreement, None) for k, agreement in enumerate(agreements))
    return Report("a method", {}, curve, None, "data", (), Energy(NONE, NONE), ())


@pytest.mark.parametrize(
    ("agreements", "steps"),
    [
        ((0.5, 0.99, 0.995, 1.0), 2),
        ((0.5, 0.99, 0.98, 1.0), 8),  # what falls back does not count
        ((0.5, 0.9, 0.95, 0.98), 8),
        ((1.0, 1.0, 1.0, 1.0), 1),
    ],
)
def test_the_fewest_ticks_are_suggested_from_which_on_classes_agree(agreements, steps):
    assert steps == report(*agreements).suggested_steps


def test_a_warning_is_given_below_95_percent_at_the_end():
    assert not report(0.5, 0.95).warnings
    (text,) = report(1.0, 0.94).warnings
    assert text.startswith("after 2 ticks 94.0 % of classes agree")
