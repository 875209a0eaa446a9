# SPDX-License-Identifier: Apache-2.0
"""Compiled loops on arrays: no objects, no allocation, outputs handed in by the caller."""
