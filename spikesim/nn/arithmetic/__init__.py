# SPDX-License-Identifier: Apache-2.0
"""Sums, exponentials and spikes whose bits are the same everywhere."""
