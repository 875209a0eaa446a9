# SPDX-License-Identifier: Apache-2.0
"""The Verilated core: tool chain, builds, lock-step runs."""
