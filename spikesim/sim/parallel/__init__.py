# SPDX-License-Identifier: Apache-2.0
"""More than one core: threads, processes over MPI, trials, sweeps."""
