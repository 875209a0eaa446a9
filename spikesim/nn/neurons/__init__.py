# SPDX-License-Identifier: Apache-2.0
"""Neurons as layers, and the constants they have or learn."""
