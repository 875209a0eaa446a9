# SPDX-License-Identifier: Apache-2.0
"""From a network to integers on a core: compile, golden model, link, device, RTL runs."""
