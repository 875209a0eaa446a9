# SPDX-License-Identifier: Apache-2.0
"""Faults put into the RTL on purpose: each one must be seen by the lock-step comparison.

A verification that cannot fail proves nothing. Every fault is one line of Verilog changed in a
copy of the sources; the random programs of the other equivalence tests have to find it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from spikesim.errors import SpikesimError
from spikesim.hw.rtl.build import build_library, hdl_root
from spikesim.hw.rtl.lockstep import Lockstep, LockstepReport
from spikesim.hw.rtl.model import RtlModel
from tests.equivalence.random_programs import SMALL, random_events, random_program

pytestmark = pytest.mark.rtl

PROGRAMS = 24
STEPS = 40


@dataclass(frozen=True)
class Fault:
    """``old`` in ``file`` becomes ``new``."""

    name: str
    file: str
    old: str
    new: str


FAULTS = (
    Fault(
        "saturation missing",
        "spk_saturate.v",
        "assign y_o = fits ? x_i[OUT-1:0] :",
        "assign y_o = 1'b1 ? x_i[OUT-1:0] :",
    ),
    Fault(
        "saturation one bit too late",
        "spk_saturate.v",
        "wire fits = (&x_i[IN-1:OUT-1]) | ~(|x_i[IN-1:OUT-1]);",
        "wire fits = (&x_i[IN-1:OUT-1]) | ~(|x_i[IN-1:OUT]);",
    ),
    Fault(
        "threshold > for >=",
        "spk_lif_pipe.v",
        "(u6_q >= v_th6_q)",
        "(u6_q > v_th6_q)",
    ),
    Fault(
        "decay rounds down instead of toward zero",
        "spk_decay.v",
        "assign carry_o = sign2_q;",
        "assign carry_o = 1'b0;",
    ),
    Fault(
        "lost carry in the three-term sum",
        "spk_lif_pipe.v",
        "wire [VB+1:0] drive4 = {{2{i4_q[VB-1]}}, i4_q} + {{2{bias_i[VB-1]}}, bias_i};",
        "wire [VB-1:0] short4 = i4_q + bias_i;\n"
        "  wire [VB+1:0] drive4 = {{2{short4[VB-1]}}, short4};",
    ),
    Fault(
        "wrong ring slot",
        "spk_sweep.v",
        "slot_q   <= slot_i + seg_delay_i;",
        "slot_q   <= slot_i + seg_delay_i + 1'b1;",
    ),
    Fault(
        "last group of a segment left out",
        "spk_sweep.v",
        "left_q   <= seg_count_i;",
        "left_q   <= (|seg_count_i) ? seg_count_i - 1'b1 : seg_count_i;",
    ),
    Fault(
        "rest of a row forgotten",
        "spk_sweep.v",
        "more_q   <= seg_more_i;",
        "more_q   <= seg_more_i & (state_q == DECODE);",
    ),
    Fault(
        "refractory counter off by one",
        "spk_lif_pipe.v",
        "assign refr_o      = spike6 ? refr_len6_q : refr6_q - {7'd0, waiting6};",
        "assign refr_o      = spike6 ? refr_len6_q + 8'd1 : refr6_q - {7'd0, waiting6};",
    ),
    Fault(
        "hold ignored",
        "spk_lif_pipe.v",
        "wire held1 = hold_i & (|refr_i);",
        "wire held1 = 1'b0;",
    ),
    Fault(
        "soft reset takes the wrong amount",
        "spk_lif_pipe.v",
        "(reset_i == SPK_RESET_SOFT_THRESHOLD) ? v_th6_q : reset_value_i",
        "(reset_i == SPK_RESET_HARD) ? v_th6_q : reset_value_i",
    ),
    Fault(
        "floor ignored",
        "spk_lif_pipe.v",
        "u6_q <= below5 ? v_floor_i : saturated5;",
        "u6_q <= saturated5;",
    ),
    Fault(
        "start tick off by one",
        "spk_neuron_seq.v",
        "(tick_i < pop_rdata_i)",
        "(tick_i <= pop_rdata_i)",
    ),
    Fault(
        "counter skips a spike that follows another",
        "spk_spike_record.v",
        "spike_q <= spike_i & ~rst;",
        "spike_q <= spike_i & ~spike_q & ~rst;",
    ),
    Fault(
        "clock counted once too often",
        "spk_core_ctrl.v",
        "if (clearing_state | go) cycles_q <= 32'd0;",
        "if (clearing_state | go) cycles_q <= 32'd1;",
    ),
)


def _mutant(fault: Fault, folder: Path) -> Path:
    """Copy of the sources with one fault; the line must be there exactly once."""
    root = folder / "hdl"
    for part in ("rtl", "sim"):
        shutil.copytree(hdl_root() / part, root / part)
    path = root / "rtl" / fault.file
    text = path.read_text()
    assert text.count(fault.old) == 1, f"{fault.file} no longer has the line of '{fault.name}'"
    path.write_text(text.replace(fault.old, fault.new))
    return root


def _first_difference(library: Path) -> LockstepReport | SpikesimError | None:
    """Run random programs until one differs; a device that fails its driver differs, too."""
    try:
        bench = Lockstep(RtlModel(SMALL, library=library))
        for seed in range(PROGRAMS):
            program = random_program(seed)
            raster = np.zeros((STEPS, SMALL.n_axons), bool)
            for step, axons in enumerate(random_events(seed, program, STEPS)):
                raster[step, axons] = True
            report = bench.run(program, raster)
            if not report.equal:
                return report
    except SpikesimError as error:
        return error
    return None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_fault_is_seen(fault, tmp_path):
    library = build_library(SMALL, root=_mutant(fault, tmp_path))
    found = _first_difference(library)
    assert isinstance(found, LockstepReport), f"'{fault.name}' gave {found!r}"


def test_sources_without_a_fault_pass_the_same_programs():
    assert _first_difference(build_library(SMALL)) is None
