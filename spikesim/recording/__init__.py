# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind, the same for every engine: in memory, in files, for other tools."""

from spikesim.recording.recording import Recording

__all__ = ["Recording"]
