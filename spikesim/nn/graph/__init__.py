# SPDX-License-Identifier: Apache-2.0
"""A net as a graph: traced, read as populations and what drives them, exported."""
