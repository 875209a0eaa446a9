# SPDX-License-Identifier: Apache-2.0
"""Layers that behave as those of other frameworks and of the core."""
