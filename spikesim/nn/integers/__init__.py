# SPDX-License-Identifier: Apache-2.0
"""The core's integers in a net of torch."""
