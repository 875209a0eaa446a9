# SPDX-License-Identifier: Apache-2.0
"""Benches of the whole device behind its byte streams: link and core together."""

import json
import os
from pathlib import Path

import pytest

from spikesim.hw.config import CoreConfig
from tests.hdl.simulate import run_bench

HERE = Path(__file__).parent
pytestmark = pytest.mark.hdl
SMALL = CoreConfig(
    n_neurons=32, n_axons=40, lanes=4, delay_slots=4, n_segments=80, n_populations=2,
    weight_words=64, event_queue=16, spike_queue=128, rx_buffer=512,
)  # fmt: skip
CLOCK = {"CLK_HZ": 20_000, "BAUD": 1_000}


def run(bench: str, simulator: str, testcase: str | None = None) -> None:
    os.environ["SPIKESIM_BENCH_CONFIG"] = json.dumps(SMALL.to_dict())
    parameters = {**SMALL.parameters(), **CLOCK}
    run_bench(
        HERE / bench, "spk_soc", simulator=simulator, parameters=parameters, testcase=testcase
    )


def test_device_equals_the_golden_device():
    run("bench_soc.py", "verilator")


def test_device_keeps_time():
    run("bench_soc_time.py", "verilator")


def test_no_unknown_value_reaches_the_line():
    run("bench_soc.py", "icarus", "memories_read_back_and_crc_is_that_of_zlib")
