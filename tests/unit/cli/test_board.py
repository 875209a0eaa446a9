# SPDX-License-Identifier: Apache-2.0
import json
import signal
import subprocess
import sys

import pytest

from spikesim.hw.device import Device

COMMAND = [sys.executable, "-m", "spikesim.cli.main", "board", "serve", "--json"]


def start(*options):
    board = subprocess.Popen(
        [*COMMAND, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return board, board.stdout.readline()


@pytest.mark.rtl
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_board_serves_a_linked_port_and_tcp_until_stopped(tmp_path, stop):
    link = tmp_path / "board"
    board, line = start("--pty", link, "--tcp", 0)
    try:
        address = json.loads(line)
        assert str(link) == address["port"]
        for port in (address["port"], address["tcp"]):
            with Device.open(port) as device:
                assert 256 == device.capabilities.config.n_neurons
    finally:
        board.send_signal(stop)
        _, err = board.communicate(timeout=20)
    assert not link.is_symlink()
    assert "Traceback" not in err


@pytest.mark.rtl
def test_board_stops_by_itself_when_idle(tmp_path):
    board, _ = start("--pty", tmp_path / "board", "--idle-timeout", 0.3)
    board.communicate(timeout=20)
    assert 0 == board.returncode
    assert not (tmp_path / "board").is_symlink()


@pytest.mark.rtl
def test_name_that_exists_is_never_replaced(spikesim, tmp_path):
    (tmp_path / "precious").write_text("keep")
    call = spikesim("board", "serve", "--pty", tmp_path / "precious")
    assert 2 == call.code
    assert "precious" in call.err
    assert "keep" == (tmp_path / "precious").read_text()
