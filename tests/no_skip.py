"""With IDP_TEST_NO_SKIP set, every skip is a failure: CI has every binary, so nothing may be left out.

A plugin of its own (``-p tests.no_skip``), independent of every conftest, so that no folder can be
without it. An expected failure (xfail) is no skip and stays one.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

NO_SKIP = bool(os.environ.get("IDP_TEST_NO_SKIP"))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    longrepr = report.longrepr
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = _reason(report)
        report.outcome = "failed"
        report.longrepr = f"skipped, and IDP_TEST_NO_SKIP is set: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips itself or is marked as skipped."""
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself as a whole (``importorskip``)."""
    report = yield
    _refuse(report)
    return report
