"""How the cases of a test ended: a pytest plugin for both ways of running them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

SECONDS = 90
OPTIONS = ("-q", "-p", "no:cacheprovider", "--tb=short", "-k", "not postgresql")
"""A guard is noticed on one database or on none: the server's half of a test would only cost its start."""


class Ends:
    """``died``: the test objected; ``broke``: anything else went wrong."""

    def __init__(self) -> None:
        self.begin((), hurry=False)

    def begin(self, named: Sequence[str], *, hurry: bool) -> None:
        """A run of the ``named`` tests. ``hurry``: once a case of one has died, its other cases are left out."""
        self._named, self._hurry = frozenset(named), hurry
        self.ends: dict[str, str] = {}
        self.said: dict[str, str] = {}
        self._dead: set[str] = set()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Leave it out, if another case has said it already."""
        if self._hurry and self._test(item) in self._dead:
            pytest.skip("another case of this test has died")

    def _test(self, item: pytest.Item) -> str:
        """What was asked for: this very case, or the test with all of its cases."""
        return item.nodeid if item.nodeid in self._named else item.nodeid.partition("[")[0]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Each phase of each case; only the test itself counts as having died."""
        report = yield
        if report.skipped:
            self.ends[item.nodeid] = "skipped"
        elif call.excinfo is not None:
            died = report.when == "call" and _noticed(call.excinfo)
            self.ends[item.nodeid] = "died" if died else "broke"
            self.said[item.nodeid] = str(call.excinfo.value)[:600]
            if died:
                self._dead.add(self._test(item))
        elif report.when == "call":
            self.ends[item.nodeid] = "passed"
        return report


def _noticed(found: pytest.ExceptionInfo[BaseException]) -> bool:
    """Did the test itself object: by an assertion, or by not finding what it looked for in an answer?

    A program that crashes where its guard stood is another matter, and so is a test that takes too long.
    """
    if found.errisinstance((AssertionError, pytest.fail.Exception)):
        return not str(found.value).startswith("Timeout")
    inside = any("/idp/" in str(entry.path) for entry in found.traceback)
    return found.errisinstance(LookupError) and not inside
