# SPDX-License-Identifier: Apache-2.0
"""Gradients other than those through time."""
