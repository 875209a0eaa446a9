# SPDX-License-Identifier: Apache-2.0
"""How a network is laid out before a run: blocks of targets, tables of rows, fixed-point units."""
