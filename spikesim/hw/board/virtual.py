# SPDX-License-Identifier: Apache-2.0
"""Start and stop a virtual board from a program."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType

from spikesim.errors import DeviceError
from spikesim.hw.config import DEFAULT_CLK_HZ, CoreConfig
from spikesim.hw.generated import DEFAULT_BAUD

_STOP_SECONDS = 5.0


class VirtualBoard:
    """A virtual board in a process of its own, as a context manager.

    The process ends with the ``with`` block, and also when the caller dies.

    Parameters
    ----------
    config : CoreConfig, optional
        Core to build; the iCE40 UP5K core by default. Building takes seconds once.
    mode : str
        ``"bypass"``: bytes as fast as they go; ``"uart"``: every bit of the line.
    clk_hz, baud : int
        Clock that the core believes in, hertz, and its rate after reset, bit/s.
    tcp : bool
        Also listen on a loopback TCP port.

    Attributes
    ----------
    port : str
        Path of the pseudo-terminal, for ``Device.open``.
    tcp : str or None
        Address of the TCP port, ``tcp://127.0.0.1:port``.

    Examples
    --------
    >>> from spikesim.hw.device import Device
    >>> with VirtualBoard() as board, Device.open(board.port) as device:  # doctest: +SKIP
    ...     device.capabilities.config.n_neurons
    256
    """

    def __init__(
        self,
        config: CoreConfig | None = None,
        *,
        mode: str = "bypass",
        clk_hz: int = DEFAULT_CLK_HZ,
        baud: int = DEFAULT_BAUD,
        tcp: bool = False,
    ) -> None:
        chosen = config or CoreConfig.default()
        command = [sys.executable, "-m", "spikesim.hw.board", "--mode", mode]
        command += ["--clk-hz", str(clk_hz), "--baud", str(baud)]
        command += ["--config", json.dumps(chosen.to_dict())]
        if tcp:
            command += ["--tcp", "0"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line or "error" in (answer := json.loads(line)):
            assert self._process.stderr is not None
            reason = answer["error"] if line else self._process.stderr.read().decode()[-2000:]
            self.close()
            raise DeviceError(f"virtual board: expected it to start, got: {reason.strip()}")
        self.port: str = answer["port"]
        self.tcp: str | None = answer["tcp"]

    def close(self) -> None:
        """Stop the board."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> VirtualBoard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
