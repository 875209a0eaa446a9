# SPDX-License-Identifier: Apache-2.0
"""Drop-ins for neurons of other frameworks in nets with a loop over time of their own."""
