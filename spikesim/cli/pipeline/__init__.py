# SPDX-License-Identifier: Apache-2.0
"""The whole path of the demo: train, compile, run on three engines, compare."""
