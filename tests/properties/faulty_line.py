# SPDX-License-Identifier: Apache-2.0
"""A line that damages bytes, between a session and a device in this process."""

import numpy as np

FAULTS = ("flip", "drop", "insert", "duplicate", "swap", "truncate")


def damage(rng, data, fault):
    """Apply one fault to a byte string; it may come back as it was."""
    out = bytearray(data)
    at = int(rng.integers(0, len(out)))
    if fault == "flip":
        out[at] ^= 1 << int(rng.integers(0, 8))
    elif fault == "drop":
        del out[at]
    elif fault == "insert":
        out.insert(at, int(rng.integers(0, 256)))
    elif fault == "duplicate":
        out.insert(at, out[at])
    elif fault == "swap" and at + 1 < len(out):
        out[at], out[at + 1] = out[at + 1], out[at]
    elif fault == "truncate":
        del out[at:]
    return bytes(out)


class FaultyTransport:
    """A transport that damages a share of what passes in each direction."""

    baud = None

    def __init__(self, inner, seed, rate, faults=FAULTS):
        self.name = "faulty line"
        self.inner = inner
        self.rng = np.random.default_rng(seed)
        self.rate = rate
        self.faults = faults
        self.damaged = 0

    def _pass(self, data):
        # Faults hit pieces of 32 bytes, so that a long burst meets several.
        pieces = [data[k : k + 32] for k in range(0, len(data), 32)]
        for k, piece in enumerate(pieces):
            if self.rng.random() < self.rate:
                pieces[k] = damage(self.rng, piece, self.rng.choice(self.faults))
                self.damaged += 1
        return b"".join(pieces)

    def write(self, data):
        self.inner.write(self._pass(data))

    def read(self, timeout):
        data = self.inner.read(timeout)
        while data:
            passed = self._pass(data)
            if passed:
                return passed
            data = self.inner.read(timeout)
        return b""

    def send_break(self):
        self.inner.send_break()

    def set_baud(self, baud):
        self.inner.set_baud(baud)

    def close(self):
        self.inner.close()
