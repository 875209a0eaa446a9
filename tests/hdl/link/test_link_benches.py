# SPDX-License-Identifier: Apache-2.0
"""Benches of the link's modules. Small ones run on Icarus: four-valued, and nothing to compile."""

from pathlib import Path

import pytest

from tests.hdl.simulate import run_bench

HERE = Path(__file__).parent
pytestmark = pytest.mark.hdl


def test_uart_meets_an_ideal_line():
    run_bench(
        HERE / "bench_uart.py", "uart_loop", simulator="icarus", extra=(HERE / "uart_loop.v",)
    )


def test_cobs_decoder_equals_the_library():
    bench = HERE / "bench_cobs.py"
    run_bench(bench, "spk_cobs_rx", simulator="icarus", testcase="decoder_undoes_the_library")


def test_cobs_encoder_equals_the_library():
    bench = HERE / "bench_cobs.py"
    run_bench(bench, "spk_cobs_tx", simulator="icarus", testcase="encoder_equals_the_library")


def test_frames_are_checked_and_stored():
    run_bench(
        HERE / "bench_frame_rx.py", "spk_frame_rx", simulator="icarus", parameters={"RXBUF": 256}
    )


def test_replies_are_built_and_sent():
    run_bench(HERE / "bench_reply_tx.py", "spk_reply_tx", simulator="icarus")
