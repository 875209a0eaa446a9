# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.hw.golden import GoldenCore
from spikesim.hw.report import idle_cycles, program_report, row_cycles
from tests.equivalence.random_programs import SMALL, random_events, random_program


@pytest.mark.parametrize("seed", range(5))
def test_predicted_cycles_are_those_of_the_golden_model(seed):
    program = random_program(seed, SMALL)
    core = GoldenCore(SMALL)
    core.load(program)
    per_row, fired = row_cycles(program), []
    for step, axons in enumerate(random_events(seed, program, 8)):
        core.queue(step, axons)
        sources = [*axons, *(SMALL.n_axons + j for j in fired)]
        expected = idle_cycles(program) + int(per_row[sources].sum())
        result = core.step(record=False)
        assert expected == result.cycles
        fired = result.fired


def test_report_counts_segments_and_weights():
    program = random_program(7, SMALL)
    segments = program.segments
    used = int((segments["valid"][: SMALL.n_sources] == 1).sum() + (segments["more"] == 1).sum())
    text = program_report(program)
    assert f"row segments {used:>7} of {SMALL.n_segments:>6}" in text
    assert f"{np.count_nonzero(program.weights)} non-zero weights" in text
