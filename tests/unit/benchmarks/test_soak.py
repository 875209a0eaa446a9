# SPDX-License-Identifier: Apache-2.0
import doctest

import pytest

from benchmarks import soak


def test_examples_hold():
    assert doctest.testmod(soak).failed == 0


def test_a_leak_below_passing_peaks_is_seen():
    minutes = [k / 6 for k in range(60)]
    leaky = [(m, 200 + 0.5 * m + (6 if k % 5 == 0 else 0)) for k, m in enumerate(minutes)]
    slope, error = soak.regression(*zip(*soak.floors(leaky, 1.0), strict=True))
    assert abs(slope - 0.5) < 0.05
    assert error < 0.05
    steady = [(m, 200 + (6 if k % 5 == 0 else 0)) for k, m in enumerate(minutes)]
    assert soak.regression(*zip(*soak.floors(steady, 1.0), strict=True)) == (0.0, 0.0)


def test_too_short_a_run_is_refused(capsys):
    with pytest.raises(SystemExit):
        soak.main(["--minutes", "0.1"])
    assert "at least 1 minute" in capsys.readouterr().err
