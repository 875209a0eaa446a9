# SPDX-License-Identifier: Apache-2.0
"""Modules over time: the state they carry, how nets run, which module is to blame."""
