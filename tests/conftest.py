# SPDX-License-Identifier: Apache-2.0
"""Rules for every test: one thread per process, a time limit, and no silent skip in CI."""

import os

import pytest

# Two test processes on two cores; libraries that spawn a thread per core would fight over them.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


# Seconds by mark; where several apply the longest counts. The default stands in pyproject.toml.
# A cold bench or library is compiled first, on a machine that may do other things.
LIMITS = {"rtl": 900, "hdl": 900, "slow": 3600}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        limits = [seconds for mark, seconds in LIMITS.items() if item.get_closest_marker(mark)]
        if limits and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(max(limits)))


def skips_are_forbidden() -> bool:
    """Say whether a skip counts as a failure: CI is set to something other than 0 or false."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and skips_are_forbidden() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skip is a failure in CI: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.skipped and skips_are_forbidden():
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skip is a failure in CI: {_reason(report.longrepr)}"
    return report


def _reason(longrepr) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
