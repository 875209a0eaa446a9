# SPDX-License-Identifier: Apache-2.0
"""Projections and what stands between populations: delays, norms, recurrence, rows."""
