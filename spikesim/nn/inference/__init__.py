# SPDX-License-Identifier: Apache-2.0
"""Whole nets in one call of a kernel."""
