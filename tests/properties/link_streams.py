# SPDX-License-Identifier: Apache-2.0
"""Random request frames: mostly legal commands, some refused ones, some damaged lines."""

import numpy as np

from spikesim.hw.generated import REGISTERS, Command, Reg, Window
from spikesim.hw.link.framing import encode_frame
from tests.properties.faulty_line import FAULTS, damage

_READABLE = sorted(
    at for r in REGISTERS.values() for at in range(r.address, r.address + r.halfwords)
)


class Requests:
    """Draws line bytes for one core; equal seeds give equal bytes.

    The caller keeps ``seq`` at the number that the device expects and ``step`` at its next step.
    """

    def __init__(self, seed, config, broken=0.25):
        self.rng = np.random.default_rng(seed)
        self.config = config
        self.broken = broken
        self.seq = 0
        self.step = 0
        self.ahead = 0

    def frame(self):
        """Line bytes of one request, and whether it was damaged."""
        rng = self.rng
        command, payload = self._command()
        odd = rng.random()
        seq = self.seq
        if command == Command.PING:
            seq = int(rng.integers(0, 256)) if odd < 0.3 else seq
        elif odd < 0.06:
            seq = (seq + int(rng.integers(1, 256))) % 256
        code = command | (0x80 if rng.random() < 0.3 else 0)
        line = encode_frame(seq, code, payload)
        if rng.random() >= self.broken:
            return line, False
        block = damage(rng, line[:-1], rng.choice(FAULTS))
        if rng.random() < 0.3 and block:
            block = damage(rng, block, rng.choice(FAULTS))
        return block + (b"\0" if rng.random() < 0.95 else b""), True

    def _command(self):
        rng = self.rng
        pick = rng.random()
        if pick < 0.12:
            return Command.PING, rng.bytes(4)
        if pick < 0.32:
            return Command.READ, self._range() + bytes([int(rng.integers(0, 40))])
        if pick < 0.5:
            return Command.WRITE, self._write()
        if pick < 0.55:
            return Command.CRC32, self._range() + int(rng.integers(0, 90)).to_bytes(3, "little")
        if pick < 0.7:
            return Command.EVENTS, self._events()
        if pick < 0.76:
            # The last value passes the end of the step counter; at step 0 it would just fit.
            too_many = 2**32 - 1 if self.step else 0
            steps = rng.choice([0, 1, 2, 5, too_many], p=[0.1, 0.4, 0.3, 0.15, 0.05])
            return Command.RUN, int(steps).to_bytes(4, "little")
        if pick < 0.8:
            return Command.STOP, b""
        if pick < 0.85:
            return Command.CLEAR, int(rng.choice([1, 2, 4, 5, 7, 32, 64])).to_bytes(2, "little")
        if pick < 0.91:
            return Command.SPIKES, bytes([int(rng.integers(0, 256))])
        if pick < 0.95:
            first, last = rng.integers(0, self.config.n_neurons + 2, 2)
            return Command.ARGMAX, int(first).to_bytes(2, "little") + int(last).to_bytes(
                2, "little"
            )
        if pick < 0.97:
            return int(rng.integers(12, 128)), rng.bytes(int(rng.integers(0, 8)))
        # Lengths at random, but no run of random length.
        command = Command(int(rng.integers(1, 11)))
        size = int(rng.integers(0, 20))
        return command, rng.bytes(size + (size == 4 and command == Command.RUN))

    def _write(self):
        """Make a WRITE that leaves TICK_PERIOD alone: the model keeps no time."""
        if self.rng.random() < 0.15:
            # Without a program RUN is refused.
            high = self.rng.integers(0, 2)
            return bytes([Window.REG, Reg.PROGRAM_ID.address, 0, 0, 0, 0, int(high), 0])
        place, count = self._range(), int(self.rng.integers(0, 12))
        first = Reg.TICK_PERIOD.address
        at = int.from_bytes(place[1:], "little")
        if place[0] == Window.REG and at < first + 2 and at + count > first:
            place = bytes([Window.REG, Reg.SCRATCH.address, 0, 0])
        return place + self.rng.bytes(2 * count)

    def _range(self):
        rng = self.rng
        window = int(rng.choice([0, 0, 1, 4, 6, 7, 9]))
        address = int(rng.integers(0, 200))
        if window == Window.REG:
            address = int(rng.choice(_READABLE))
            if rng.random() < 0.5:
                address = int(rng.choice([Reg.SCRATCH.address, Reg.CTRL.address]))
        if rng.random() < 0.03:
            address = int(rng.integers(0, 1 << 24))
        return bytes([window]) + address.to_bytes(3, "little")

    def _events(self):
        rng = self.rng
        step = max(0, self.step + int(rng.choice([0, 0, 0, 1, -2, 40000])))
        if rng.random() < 0.2:
            # Many axons of a step far ahead: a few of these fill the queue.
            words = range(0, self.config.n_axons, 1 + int(rng.integers(0, 2)))
            self.ahead += 1
            step = self.step + 20 + self.ahead
            return step.to_bytes(4, "little") + b"".join(w.to_bytes(2, "little") for w in words)
        words = []
        axon = -1
        for _ in range(int(rng.integers(0, 10))):
            if rng.random() < 0.2:
                words.append(0x8000 | int(rng.choice([0, 1, 1, 2, 2, 3, 3, 32767])))
                axon = -1
            else:
                axon += int(rng.choice([0, 1, 2, 3, 9, 9, 30]))
                words.append(max(axon, 0))
        return step.to_bytes(4, "little") + b"".join(w.to_bytes(2, "little") for w in words)
