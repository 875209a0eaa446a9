# SPDX-License-Identifier: Apache-2.0
"""The virtual board through real terminals and sockets, driven by stock pyserial."""

import threading
import time

import numpy as np
import pytest
import serial

from spikesim.engines import run
from spikesim.errors import DeviceError, ValidationError
from spikesim.hw.board import BoardServer, VirtualBoard, serve
from spikesim.hw.device import Device
from spikesim.hw.link import (
    NoAnswerError,
    PortBusyError,
    PortNotFoundError,
    UnpluggedError,
    open_transport,
)
from spikesim.hw.rtl.model import RtlModel
from tests.equivalence.random_programs import SMALL, events_raster, random_events, random_program

pytestmark = pytest.mark.rtl


@pytest.fixture(scope="module")
def board():
    with VirtualBoard(SMALL, tcp=True) as running:
        yield running


@pytest.mark.parametrize("way", ["port", "tcp"])
def test_a_run_over_a_real_port_is_that_of_the_golden_engine(board, way):
    program = random_program(3, SMALL)
    raster = events_raster(program, random_events(3, program, 30))
    record = ("spikes",)
    recorded = run(program, {"in": raster}, 30, "rtl", record)
    with Device.open(getattr(board, way)) as device:
        device.load(program)
        got = device.run({"in": raster}, 30)
    assert recorded.same_spikes(got)
    assert sum(recorded.meta["cycles"]) == got.meta["total_cycles"]


def test_a_second_process_is_told_that_the_port_is_busy(board):
    with Device.open(board.port), pytest.raises(PortBusyError, match="another process"):
        Device.open(board.port)
    Device.open(board.port).close()


def test_a_second_tcp_client_is_turned_away(board):
    with Device.open(board.tcp) as device:
        with pytest.raises(UnpluggedError):
            Device.open(board.tcp)
        assert SMALL.n_neurons == device.register("N")


def test_stock_pyserial_gets_the_bytes(board):
    with serial.Serial(board.port, 115200, timeout=2) as port:
        port.write(bytes.fromhex("00 0b 01 01 01 02 03 04 00"))
        # Damaged on purpose: no answer; then a PING made by hand.
        port.write(b"\0" + bytes.fromhex("01 07 01 61 62 63 64"))
        port.reset_input_buffer()
    with Device.open(board.port) as device:
        assert device.register("ERR_FRAME") + device.register("ERR_CRC") >= 1


def test_a_missing_port_says_what_there_is():
    with pytest.raises(PortNotFoundError, match="virtual board"):
        open_transport("/dev/ttyNOWHERE7")
    with pytest.raises(PortNotFoundError, match="port number"):
        open_transport("tcp://127.0.0.1")
    with pytest.raises(PortNotFoundError, match="to listen"):
        open_transport("tcp://127.0.0.1:9")


def test_a_board_that_dies_is_reported_as_unplugged():
    board = VirtualBoard(SMALL)
    device = Device.open(board.port, timeout=0.2, tries=2)
    board.close()
    with pytest.raises((UnpluggedError, NoAnswerError)):
        device.register("N")
    device.close()


def test_a_wrong_baud_rate_fails_and_the_right_one_works_again():
    # A slow clock keeps the bit-level simulation quick: 20 clocks per bit.
    with VirtualBoard(SMALL, mode="uart", clk_hz=2_304_000) as board:
        with pytest.raises(NoAnswerError, match="baud"):
            Device.open(board.port, baud=9600)
        with Device.open(board.port, baud=115200) as device:
            values = np.arange(500, dtype=np.uint16)
            device.write("WEIGHT", 0, values)
            np.testing.assert_array_equal(values, device.read("WEIGHT", 0, 500))
            device.set_baud(57600)
            assert SMALL.n_axons == device.register("A")
            with pytest.raises(ValidationError, match="samples"):
                device.set_baud(1_000_000)


def test_a_board_stops_by_itself_when_nobody_speaks():
    found = []
    begin = time.monotonic()
    serve(SMALL, tcp=0, idle_timeout=0.3, announce=found.append)
    assert time.monotonic() - begin < 20
    assert found[0].port.startswith("/dev/")
    assert found[0].tcp.startswith("tcp://127.0.0.1:")


def test_a_server_in_a_thread_stops_when_told():
    server = BoardServer(RtlModel(SMALL), pty=False, tcp=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with Device.open(server.address.tcp) as device:
            assert SMALL.lanes == device.register("L")
    finally:
        server.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_a_board_that_cannot_start_says_why():
    with pytest.raises(DeviceError, match="baud rate below"):
        VirtualBoard(SMALL, clk_hz=115200 * 16)
    with pytest.raises(ValidationError, match="terminal or a TCP port"):
        BoardServer(RtlModel(SMALL), pty=False)
