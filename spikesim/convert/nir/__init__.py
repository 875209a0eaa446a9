# SPDX-License-Identifier: Apache-2.0
"""The exchange format NIR: graphs in, graphs out."""

from spikesim.convert.nir.exporting import to_nir
from spikesim.convert.nir.importing import from_nir
from spikesim.convert.nir.report import NIRReport, NodeReading

__all__ = ["NIRReport", "NodeReading", "from_nir", "to_nir"]
