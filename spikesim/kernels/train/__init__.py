# SPDX-License-Identifier: Apache-2.0
"""Kernels of training: what ``spikesim.nn.ops`` registers with torch."""
