# SPDX-License-Identifier: Apache-2.0
"""What a run keeps: what may be recorded, and where it goes."""
