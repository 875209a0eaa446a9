# SPDX-License-Identifier: Apache-2.0
"""Artificial nets to spiking ones, with their weights: read, fold, choose, replace, measure."""

from spikesim.convert.ann.conversion import Converted, convert
from spikesim.convert.ann.report import ConvertedLayer, Energy, Point, Report, TunedBlock

__all__ = ["Converted", "Energy", "ConvertedLayer", "Point", "Report", "TunedBlock", "convert"]
