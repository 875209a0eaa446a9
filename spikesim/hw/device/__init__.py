# SPDX-License-Identifier: Apache-2.0
"""One object for a core behind any transport: serial port, virtual board, model in process."""

from spikesim.hw.device.capabilities import Capabilities
from spikesim.hw.device.device import Device

__all__ = ["Capabilities", "Device"]
